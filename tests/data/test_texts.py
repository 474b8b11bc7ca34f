"""Texts from folders: what is read, and the sentence for each table that does not fit."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import shared_case, shared_data
from tests.tiny_texts import tiny, write_csv, write_reviews
from trainer_core.config import TrainConfig
from trainer_core.data import check, load_data, load_texts
from trainer_core.data.sources import guess
from trainer_core.errors import ConfigError, DataError, TrainerError

ROWS = [(f"text {row}", row % 2) for row in range(20)]


def write_train(folder: Path, rows: Sequence[Sequence[object]], header: Sequence[str] = ("text", "label")) -> TrainConfig:
    write_csv(folder / "train.csv", header, rows)
    return tiny(folder, label_names=(), batch_size=2)


def test_rotten_tomatoes_is_read_as_it_is() -> None:
    config = tiny(shared_data("rotten_tomatoes"), label_names=("neg", "pos"))
    summary = check(config)
    assert summary is not None
    assert summary.rows == {"train": 8_530, "validation": 1_066, "test": 1_066}
    assert summary.label_counts["train"] == [4_265, 4_265]
    assert (summary.label_names, summary.image_shape, summary.synthetic) == (("neg", "pos"), None, False)
    assert load_texts(config).splits["train"].texts[0].startswith('the rock is destined to be the 21st century\'s new " conan "')


def test_splits_that_are_missing_are_drawn_by_class_and_no_row_is_lost(tmp_path: Path) -> None:
    data = load_texts(write_train(tmp_path, ROWS * 5))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 70, "validation": 15, "test": 15}
    rows = np.concatenate([split.rows for split in data.splits.values()])
    assert sorted(rows.tolist()) == list(range(100))
    ids = [split.example_id(row) for split in data.splits.values() for row in range(len(split))]
    assert len(set(ids)) == 100


def test_quotes_commas_line_breaks_chinese_and_a_byte_order_mark_survive(tmp_path: Path) -> None:
    texts = ['a "fine", long film', "two\nlines", "好看 😀", "plain"]
    config = write_train(tmp_path, [(text, row % 2) for row, text in enumerate(texts * 5)])
    content = (tmp_path / "train.csv").read_bytes()
    (tmp_path / "train.csv").write_bytes(b"\xef\xbb\xbf" + content)
    data = load_texts(config)
    found = {text for split in data.splits.values() for text in split.texts}
    assert found == set(texts)


@pytest.mark.parametrize(
    ("labels", "given", "wanted", "first"),
    [
        (("0", "1"), (), ("0", "1"), 0),
        (("0", "1"), ("neg", "pos"), ("neg", "pos"), 0),
        (("0.0", "1.0"), ("neg", "pos"), ("neg", "pos"), 0),
        (("pos", "neg"), (), ("neg", "pos"), 1),
        (("pos", "neg"), ("pos", "neg"), ("pos", "neg"), 0),
        (("1", "2", "3", "4", "5"), (), ("1", "2", "3", "4", "5"), 0),  # stars
        (("10", "9"), (), ("9", "10"), 1),
        (("1", "2"), ("one star", "two stars"), ("one star", "two stars"), 0),
        (("-1", "1"), ("bad", "good"), ("bad", "good"), 0),
    ],
)
def test_labels_are_numbered_by_name_or_number(
    tmp_path: Path, labels: tuple[str, ...], given: tuple[str, ...], wanted: tuple[str, ...], first: int
) -> None:
    config = write_train(tmp_path, [(f"{row} {labels[row % len(labels)]}", labels[row % len(labels)]) for row in range(60)])
    data = load_texts(config.model_copy(update={"label_names": given}))
    assert data.label_names == wanted
    for split in data.splits.values():
        for text, label in zip(split.texts, split.labels, strict=True):
            if text.split()[1] == labels[0]:
                assert label == first
    assert set(np.concatenate([split.labels for split in data.splits.values()]).tolist()) == set(range(len(wanted)))


def test_two_columns_make_a_pair(tmp_path: Path) -> None:
    config = write_train(tmp_path, [(f"a {row}", f"b {row}", row % 2) for row in range(20)], ("text", "other", "label"))
    pairs = load_texts(config.model_copy(update={"task": "sequence_classification", "pair_column": "other"})).splits["train"]
    assert pairs.pairs is not None
    assert [text[1:] for text in pairs.texts] == [text[1:] for text in pairs.pairs]


def test_the_digest_changes_with_a_text_a_label_and_nothing_else(tmp_path: Path) -> None:
    def digest(rows: Sequence[Sequence[object]]) -> str:
        return load_texts(write_train(tmp_path, rows)).digest

    assert digest(ROWS) == digest(ROWS)
    assert digest(ROWS) != digest([*ROWS[:-1], ("another", ROWS[-1][1])])
    assert digest(ROWS) != digest([*ROWS[1:], ("text 0", 1)])


@pytest.mark.parametrize(
    ("rows", "header", "wanted"),
    [
        ([("fine", 1)] * 9, ("text", "label"), "carry one label, “1”.*two labels are the least"),
        ([("fine", 1), ("  ", 0), ("", 1), ("bad", 0)], ("text", "label"), "2 texts of the train split.*empty, the first in row 2"),
        ([("fine", 1), ("bad", "")], ("text", "label"), "1 rows of the train split.*no label, the first in row 2"),
        ([("fine", 1)], ("review", "label"), "no column “text”; its columns are review, label"),
        ([("fine", 1)], ("text", "stars"), "no column “label”; its columns are text, stars"),
        ([], ("text", "label"), "train split.*has no rows"),
        ([("fine", 1), ("so", "so", 0)], ("text", "label"), "line 3 has 3 fields and the header 2; put quotes"),
        ([("well, fine", 1), ("bad",)], ("text", "label"), "line 3 has 1 fields and the header 2"),
    ],
    ids=["one class", "empty", "unlabelled", "no text", "no label", "no rows", "ragged", "short"],
)
def test_a_table_that_does_not_fit_is_told_with_what_to_mend(
    tmp_path: Path, rows: list[tuple[object, ...]], header: tuple[str, ...], wanted: str
) -> None:
    with pytest.raises(DataError, match=wanted):
        load_data(write_train(tmp_path, rows, header))


def test_commas_without_quotes_in_every_row_are_no_silent_index(tmp_path: Path) -> None:
    config = write_train(tmp_path, ROWS)
    (tmp_path / "train.csv").write_text("text,label\nwell, fine,1\nwell, bad,0\n" * 4, encoding="utf-8")
    with pytest.raises(DataError, match="line 2 has 3 fields and the header 2"):
        load_data(config)


@pytest.mark.parametrize("content", ["text,label\nschön,1\n".encode("latin-1"), "text,label\nfine,1\n".encode("utf-16")])
def test_a_file_that_is_not_utf_8_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "train.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"train\.csv can't be read as CSV in UTF-8: .*Save it so"):
        load_data(tiny(tmp_path))


def test_an_empty_validation_file_is_told(tmp_path: Path) -> None:
    config = write_train(tmp_path, ROWS)
    write_csv(tmp_path / "validation.csv", ("text", "label"), [])
    with pytest.raises(DataError, match=r"validation split.*has no rows"):
        load_data(config)


def test_an_empty_second_text_is_told(tmp_path: Path) -> None:
    config = write_train(tmp_path, [("a", "b", 0), ("a", "", 1)], ("text", "other", "label"))
    with pytest.raises(DataError, match=r"1 texts of the train split.*row 2"):
        load_data(config.model_copy(update={"task": "sequence_classification", "pair_column": "other"}))


@pytest.mark.parametrize(
    ("names", "wanted"),
    [(("good", "good"), "repeat one"), (("only",), "labels 0, 1, but 1 label names were given. Give a name for each")],
)
def test_label_names_that_collide_or_do_not_reach_are_refused(tmp_path: Path, names: tuple[str, ...], wanted: str) -> None:
    with pytest.raises(DataError, match=wanted):
        load_data(write_train(tmp_path, ROWS).model_copy(update={"label_names": names}))


def test_a_folder_without_train_csv_says_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no train\.csv.*each with a column for the text and one for the label"):
        load_data(tiny(tmp_path))


def test_a_batch_larger_than_the_texts_is_told_at_its_field(tmp_path: Path) -> None:
    config = tiny(write_reviews(tmp_path, train=20, held_out=4), batch_size=21)
    with pytest.raises(ConfigError, match="Give at most 20"):
        load_data(config)


@pytest.mark.parametrize(
    ("task", "model", "dataset"), [("label_token", "small_gpt", "digits"), ("image_classification", "cnn", "reviews")]
)
def test_pictures_and_texts_are_not_mixed_up(task: str, model: str, dataset: str) -> None:
    with pytest.raises(TrainerError, match="does not read them"):
        load_data(TrainConfig(task=task, model=model, dataset=dataset))  # type: ignore[arg-type]


def test_a_max_length_below_two_is_refused() -> None:
    from trainer_core.settings import build_config

    with pytest.raises(ConfigError, match=r"Max length \(max_length\) is “1”; it takes a whole number, at least 2"):
        build_config({"task": "label_token", "model": "small_gpt", "dataset": "reviews", "max_length": "1"})


def test_a_word_for_a_missing_label_is_refused_with_the_way_out(tmp_path: Path) -> None:
    rows = [*ROWS, ("nobody knows", "None")]
    with pytest.raises(
        DataError, match=r"1 rows of the train split .* have no label, the first in row 21.*“None” counts as no label"
    ):
        load_data(write_train(tmp_path, rows))
    config = write_train(tmp_path, [(f"{text} {row}", label) for row, (text, label) in enumerate(rows * 3)]).model_copy(
        update={"missing_labels": "class"}
    )
    assert load_data(config).label_names == ("0", "1", "None")


def test_a_class_called_none_and_labels_that_seem_to_be_several_are_said(tmp_path: Path) -> None:
    summary = check(write_train(tmp_path, [(f"text {row}", ("None", "rash", "fever")[row % 3]) for row in range(60)]))
    assert summary is not None
    assert [note[:60] for note in summary.notes] == ["“None” counts as a class here, in 20 rows. Where it means th"]
    several = ("comedy", "comedy|drama", "drama|war", "war")
    summary = check(write_train(tmp_path, [(f"text {row}", several[row % 4]) for row in range(80)]))
    assert summary is not None
    assert "seem to be several in one cell" in summary.notes[0]
    assert check(TrainConfig()).notes == []  # type: ignore[union-attr]


def test_lists_of_labels_are_no_classes(tmp_path: Path) -> None:
    config = write_train(tmp_path, [(f"text {row}", ('["a"]', '["a", "b"]')[row % 2]) for row in range(20)])
    with pytest.raises(DataError, match="holds several labels in a row, such as"):
        load_data(config)


@pytest.mark.parametrize("name", ["val.csv", "Valid.csv", "dev.csv", "validation.csv", "eval.csv", "validation-00000-of-00001.csv"])
def test_a_validation_file_is_read_whatever_of_its_names_it_has(tmp_path: Path, name: str) -> None:
    config = write_train(tmp_path, ROWS)
    write_csv(tmp_path / name, ("text", "label"), [(f"held out {row}", row % 2) for row in range(4)])
    assert load_texts(config).splits["validation"].texts == tuple(f"held out {row}" for row in range(4))
    inspected = guess(str(tmp_path))
    assert len(inspected.tables["validation"]) == 4


def test_a_file_called_like_its_split_goes_before_one_that_begins_so(tmp_path: Path) -> None:
    config = write_train(tmp_path, ROWS)
    write_csv(tmp_path / "train_notes.csv", ("text", "label"), [("not these", 0)] * 4)
    assert "not these" not in load_texts(config).splits["train"].texts
    write_csv(tmp_path / "test_a.csv", ("text", "label"), ROWS)
    write_csv(tmp_path / "test_b.csv", ("text", "label"), ROWS)
    for read in (lambda: load_texts(config), lambda: guess(str(tmp_path))):
        with pytest.raises(DataError, match=r"two files for the split test: test_a\.csv and test_b\.csv"):
            read()


def test_the_cases_that_failed_are_read_right() -> None:
    floats = load_texts(tiny(shared_case("float-labels") / "data", label_names=()))
    assert floats.label_names == ("0.0", "1.0")
    assert {name: split.label_counts(2) for name, split in floats.splits.items()}["test"] == [10, 10]
    assert guess(str(shared_case("multilabel-json") / "a.jsonl")).reading.label_column == "labels"
    summary = check(tiny(shared_case("val-csv") / "data", label_names=()))
    assert summary is not None
    assert summary.rows == {"train": 70, "validation": 15, "test": 15}


def test_runs_of_before_the_rules_read_as_they_did(tmp_path: Path) -> None:
    old = {"rules": ()}
    config = write_train(tmp_path, [(f"text {row}", ("0.0", "1")[row % 2]) for row in range(20)]).model_copy(update=old)
    write_csv(tmp_path / "val.csv", ("text", "label"), [("held out", 0)] * 4)
    data = load_texts(config)
    assert data.label_names == ("0", "1")
    assert len(data.splits["validation"]) == 3
    none = write_train(tmp_path, [*ROWS, *[("nobody knows", "None")] * 3]).model_copy(update=old)
    assert load_texts(none).label_names == ("0", "1", "None")
