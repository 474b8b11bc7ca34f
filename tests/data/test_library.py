"""Saved datasets: versions never change, steps travel with the record, undoing goes back, and names are checked."""

from pathlib import Path

import pytest

from tests.tiny_texts import tiny, write_reviews
from trainer_core.data import library, load_data, steps
from trainer_core.data.examples import make_examples
from trainer_core.data.load import check
from trainer_core.data.record import Record, Step
from trainer_core.data.sources import guess
from trainer_core.errors import ConfigError, DataError, TrainerError


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Record]:
    """A folder of datasets with one in it: 60 training rows, 20 and 20 held out."""
    source = write_reviews(tmp_path / "reviews", train=60, held_out=20)
    found = guess(str(source))
    examples = make_examples(found.tables, found.reading)
    return tmp_path / "datasets", library.save(tmp_path / "datasets", "films", str(source), "abc", found.reading, examples)


def fix(folder: Path, record: Record, step: Step) -> Record:
    return library.add_version(folder, record, steps.apply(library.read_examples(folder, record), step), step)


def test_a_fix_makes_a_version_and_leaves_the_one_before_as_it_was(saved: tuple[Path, Record]) -> None:
    folder, first = saved
    before = library.examples_file(folder, first).read_bytes()
    second = fix(folder, first, Step("drop_rows", {"rows": [0, 1]}))
    assert (second.reference, second.parent) == ("films@2", 1)
    assert second.rows == {"train": 58, "validation": 20, "test": 20}
    assert [(step.do, step.rows_before, step.rows_after) for step in second.steps] == [("drop_rows", 100, 98)]
    assert second.digest != first.digest
    assert library.examples_file(folder, first).read_bytes() == before
    assert library.find(folder, "films") == second
    assert library.find(folder, "films@1") == first


def test_undoing_twice_goes_back_twice(saved: tuple[Path, Record]) -> None:
    folder, first = saved
    second = fix(folder, first, Step("drop_rows", {"rows": [0]}))
    fix(folder, second, Step("drop_rows", {"rows": [5]}))
    third = library.undo(folder, "films")
    assert (third.version, third.digest, third.steps) == (4, second.digest, second.steps)
    fourth = library.undo(folder, "films")
    assert (fourth.version, fourth.digest, fourth.steps) == (5, first.digest, ())
    with pytest.raises(DataError, match="Nothing has been done to films"):
        library.undo(folder, "films")
    assert [record.version for record in library.versions(folder, "films")] == [1, 2, 3, 4, 5]


def test_a_run_reads_the_version_that_it_names(saved: tuple[Path, Record]) -> None:
    folder, first = saved
    fix(folder, first, Step("drop_rows", {"rows": [0, 1]}))
    config = tiny(Path("films@1"))
    assert len(load_data(config, folder).splits["train"]) == 60
    newest = load_data(config.model_copy(update={"dataset": "films"}), folder)
    assert len(newest.splits["train"]) == 58
    assert newest.name == "films@2"
    summary = check(config, folder)
    assert summary is not None
    assert summary.label_names == ("bad", "good")
    # The row's number stays with the example, and so does its id.
    old = load_data(config, folder).splits["train"]
    assert newest.splits["train"].example_id(0) == old.example_id(2)


def test_removing_can_be_taken_back(saved: tuple[Path, Record]) -> None:
    folder, first = saved
    library.remove(folder, "films")
    assert library.list_saved(folder) == []
    with pytest.raises(DataError, match=r"There is no saved dataset “films”. None is saved yet"):
        library.find(folder, "films")
    library.restore(folder, "films")
    assert library.find(folder, "films") == first


@pytest.mark.parametrize("name", ["../films", "films/2", "", ".hidden", "a" * 70, "films@2"])
def test_names_that_lead_elsewhere_are_refused(saved: tuple[Path, Record], name: str) -> None:
    folder, record = saved
    with pytest.raises(DataError, match="can't be a dataset's name"):
        library.save(folder, name, "x", "", record.reading, library.read_examples(folder, record))
    assert library.safe_name("../我的 评论?.csv") == "我的-评论-.csv"


@pytest.mark.parametrize(
    ("dataset", "changes", "sentence"),
    [
        ("films@9", {}, "has no version 9; it has 1"),
        ("nobody@1", {}, "no saved dataset “nobody@1”. Saved are films"),
        ("films", {"task": "image_classification", "model": "cnn"}, "holds texts, and the task image_classification"),
        ("films", {"batch_size": 400}, "more than the 60 training rows"),
    ],
)
def test_what_does_not_fit_is_said_before_the_launch(
    saved: tuple[Path, Record], dataset: str, changes: dict[str, object], sentence: str
) -> None:
    folder, _record = saved
    with pytest.raises(TrainerError, match=sentence) as caught:
        check(tiny(Path(dataset), **changes), folder)
    assert isinstance(caught.value, DataError | ConfigError)


def test_pictures_are_saved_and_read_as_they_were(tmp_path: Path) -> None:
    from trainer_core.config import TrainConfig

    found = guess("digits")
    folder = tmp_path / "datasets"
    library.save(folder, "figures", "digits", "", found.reading, make_examples(found.tables, found.reading))
    one, other = load_data(TrainConfig(dataset="figures"), folder), load_data(TrainConfig())
    assert one.digest == other.digest
    assert one.label_names == other.label_names


def test_a_record_survives_fields_that_come_and_go(saved: tuple[Path, Record]) -> None:
    _folder, record = saved
    stored = record.to_json()
    stored["reading"]["of_tomorrow"] = 1
    assert Record.from_json(stored) == record
