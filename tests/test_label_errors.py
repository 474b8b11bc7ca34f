"""Likely wrong labels: training rows are doubted by folds and mended together, rows that judge a run by it, one by one."""

import csv
import random
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from tests.conftest import shared_data
from tests.stores import end_processes_of, new_store
from tests.trained_digits import train_for_real
from trainer_core.cli import main
from trainer_core.config import TrainConfig
from trainer_core.curating.work import answer
from trainer_core.data import library, load_texts, steps
from trainer_core.data.alike import contents
from trainer_core.data.corrections import method_words
from trainer_core.data.label_errors import Doubts
from trainer_core.data.record import Reading, Step
from trainer_core.data.splits import draw_folds
from trainer_core.data.squares import png_of
from trainer_core.errors import DataError
from trainer_core.rules import NEWEST
from trainer_core.store import Store
from trainer_core.tracking.read import find_run

TURNED = 12
WORDS = (("dull", "clumsy", "tedious", "bland"), ("superb", "witty", "charming", "moving"))
PARTS = ("plot", "cast", "music", "ending")


@pytest.fixture(scope="module")
def doubted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, set[str]]]:
    """A saved dataset with a dozen labels turned round in validation, a run on it, and the texts that were turned."""
    folder = tmp_path_factory.mktemp("doubted")
    store = new_store(folder / "store")
    draw = random.Random(4)
    labels = [draw.randrange(2) for _row in range(1_000)]
    texts = [f"Film {row} was {draw.choice(WORDS[label])}, and its {draw.choice(PARTS)} too" for row, label in enumerate(labels)]
    turned = set(draw.sample(range(800, 1_000), TURNED))
    with (folder / "films.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label", "split"))
        for row, (text, label) in enumerate(zip(texts, labels, strict=True)):
            given = 1 - label if row in turned else label
            writer.writerow((text, ("bad", "good")[given], "train" if row < 800 else "validation"))
    look = answer(store, {"do": "look", "source": str(folder / "films.csv")}, lambda _share, _what: None)
    request = {"do": "save", "source": str(folder / "films.csv"), "reading": look["reading"], "name": "films"}
    answer(store, request, lambda _share, _what: None)
    config = TrainConfig(
        name="doubter-1",
        task="sequence_classification",
        dataset="films@1",
        model="small_gpt",
        width=64,
        vocabulary_size=600,
        max_length=48,
        epochs=8,
        batch_size=32,
        learning_rate=3e-3,
        schedule="linear",
    )
    train_for_real(store, config, "reviews")
    yield store, {texts[row] for row in turned}
    end_processes_of(store)


def _ask(store: Store, **request: object) -> Doubts:
    return Doubts.from_json(answer(store, {"do": "doubt", **request}, lambda _share, _what: None)["doubts"])


def _fix(store: Store, reference: str, step: Step) -> str:
    request = {"do": "fix", "reference": reference, "step": asdict(step)}
    return str(answer(store, request, lambda _share, _what: None)["reference"])


def _of_the_run(store: Store, reference: str = "films@1") -> Doubts:
    run = find_run(store, "doubter-1")
    return _ask(store, reference=reference, run_id=run.run_id, run_name=run.name)


def test_a_run_doubts_turned_labels_of_the_rows_that_judge_it(doubted: tuple[Store, set[str]]) -> None:
    store, turned = doubted
    found = _of_the_run(store)
    right = sum(row.text in turned for row in found.rows)
    assert (found.weighed, found.split, found.folds) == (200, "validation", 0)
    assert right >= 0.7 * TURNED
    assert right / len(found.rows) >= 3 * TURNED / found.weighed  # far more than chance would point at
    assert all(row.answer != row.label and row.share > row.own_share for row in found.rows)


def test_rows_that_judge_are_never_rewritten_together_and_each_by_itself(doubted: tuple[Store, set[str]]) -> None:
    store, _turned = doubted
    found = _of_the_run(store)
    before = library.read_examples(store.datasets, library.find(store.datasets, "films@1"))
    for step in (
        found.correction(found.rows),
        found.removal(found.rows),
        Step("set_labels", {"labels": {str(row.row): row.answer for row in found.rows}}),  # whoever asks, and whatever is left out
        Step("set_labels", {"labels": {"0": "good", str(found.rows[0].row): found.rows[0].answer}}),
        Step("drop_rows", {"rows": [row.row for row in found.rows]}),
        Step("set_labels", {"labels": {"0": "good", "1": "good"}, "doubted_by": "doubter-1"}),
    ):
        with pytest.raises(DataError, match="one by one"):
            _fix(store, "films@1", step)
    assert library.find(store.datasets, "films").version == 1
    row = found.rows[0]
    try:
        record = library.find(store.datasets, _fix(store, "films@1", found.correction([row])))
        after = library.read_examples(store.datasets, record)
        assert after.loc[after["row"] == row.row, "label"].tolist() == [row.answer]
        assert (after["label"].to_numpy() != before["label"].to_numpy()).sum() == 1
        words = f"Row {row.row} given the label {row.answer}: doubted by doubter-1, read and changed by itself"
        assert steps.describe(record.steps[-1]) == words
        assert row.row not in {left.row for left in _of_the_run(store, record.reference).rows}, (
            "a row that was mended is not doubted"
        )
        assert len(found.that_still_hold(after)) == len(found.rows) - 1
    finally:
        shutil.rmtree(store.datasets / "films" / "v0002", ignore_errors=True)


def test_the_command_shows_a_runs_doubts_and_refuses_to_change_them(
    doubted: tuple[Store, set[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    store, _turned = doubted
    words = ["--store", str(store.root), "data", "clean", "films", "--doubted-by", "doubter-1"]
    assert main(words) == 0
    assert f"doubts {len(_of_the_run(store).rows)} of 200 labels" in capsys.readouterr().out
    for mend in ("--drop-doubted", "--correct-doubted"):
        assert main([*words, mend]) != 0
        assert "one by one, each read" in capsys.readouterr().err
    assert library.find(store.datasets, "films").version == 1


def test_answers_for_a_row_that_is_another_by_now_doubt_nothing(doubted: tuple[Store, set[str]], tmp_path: Path) -> None:
    store, _turned = doubted
    with (tmp_path / "films.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label", "split"))
        for row in range(1_000):  # saved anew from elsewhere: the same row numbers, other films
            writer.writerow((f"Another film {row}", ("bad", "good")[row % 2], "train" if row < 800 else "validation"))
    look = answer(store, {"do": "look", "source": str(tmp_path / "films.csv")}, lambda _share, _what: None)
    request = {"do": "save", "source": str(tmp_path / "films.csv"), "reading": look["reading"], "name": "films"}
    try:
        answer(store, request, lambda _share, _what: None)
        with pytest.raises(DataError, match="answered for 0 rows that stand in films@2"):
            _of_the_run(store, "films@2")
    finally:
        shutil.rmtree(store.datasets / "films" / "v0002", ignore_errors=True)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, set[int], pd.DataFrame]:
    """2,400 real reviews to train on and 200 each to judge by, saved as `reviews`, with 5 % of the training labels turned."""
    folder = tmp_path_factory.mktemp("planted")
    store = new_store(folder / "store")
    parts = [pd.read_csv(shared_data("rotten_tomatoes") / f"{name}.csv") for name in ("train", "validation", "test")]
    draw = random.Random(7)
    rows = [sorted(draw.sample(range(len(part)), count)) for part, count in zip(parts, (2_400, 200, 200), strict=True)]
    table = pd.concat([part.iloc[picked] for part, picked in zip(parts, rows, strict=True)], ignore_index=True)
    names = sorted(table["label"].unique())
    turned = set(draw.sample(range(2_400), 120))
    table["label"] = [
        names[1 - names.index(label)] if row in turned else label for row, label in enumerate(table["label"].tolist())
    ]
    table["split"] = ["train"] * 2_400 + ["validation"] * 200 + ["test"] * 200
    table.to_csv(folder / "reviews.csv", index=False)
    look = answer(store, {"do": "look", "source": str(folder / "reviews.csv")}, lambda _share, _what: None)
    request = {"do": "save", "source": str(folder / "reviews.csv"), "reading": look["reading"], "name": "reviews"}
    answer(store, request, lambda _share, _what: None)
    return store, turned, table


def test_folds_find_half_of_what_was_turned_in_real_training_rows(
    planted: tuple[Store, set[int], pd.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    store, turned, table = planted
    assert main(["--store", str(store.root), "data", "clean", "reviews", "--doubted", "--correct-doubted"]) == 0
    listed = capsys.readouterr().out
    found = _ask(store, reference="reviews@1")
    rows = {row.row for row in found.rows}
    assert len(rows & turned) >= 0.5 * len(turned)
    assert len(rows & turned) / len(rows) >= 2 * len(turned) / 2_400  # and not by naming everything
    assert found.weighed == 2_400
    assert max(rows) < 2_400, "training rows alone"
    assert sum(" → " not in line and line.split()[0].replace(",", "").isdigit() for line in listed.splitlines() if line) == len(
        rows
    )
    assert len(rows) > 50, "all are listed"

    record = library.find(store.datasets, "reviews")
    after = library.read_examples(store.datasets, record).sort_values("row")
    changed = set(after["row"][after["label"].to_numpy() != table["label"].astype(str).to_numpy()])
    assert changed == rows, "what was listed, to the row, and none that judges"
    expected = f"{len(rows)} training labels corrected, of {len(rows)} doubted by {method_words(found.doubted_by, 5)}"
    assert steps.describe(record.steps[-1]) == expected
    assert record.parent == 1


def test_what_launches_would_draw_is_drawn_first_and_stays_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = new_store(tmp_path / "store")
    part = pd.read_csv(shared_data("rotten_tomatoes") / "train.csv").iloc[::20]
    part.to_csv(tmp_path / "films.csv", index=False)
    look = answer(store, {"do": "look", "source": str(tmp_path / "films.csv")}, lambda _share, _what: None)
    request = {"do": "save", "source": str(tmp_path / "films.csv"), "reading": look["reading"], "name": "films"}
    answer(store, request, lambda _share, _what: None)
    config = TrainConfig(task="sequence_classification", dataset="films@1", model="small_gpt", rules=NEWEST)
    drawn = load_texts(config, store.datasets)
    found = _ask(store, reference="films@1")
    with pytest.raises(DataError, match="There is no split validation, test"):
        _fix(store, "films@1", found.correction(found.rows))
    assert main(["--store", str(store.root), "data", "clean", "films", "--doubted", "--drop-doubted"]) == 0
    assert "There is no split validation, test" in capsys.readouterr().out
    record = library.find(store.datasets, "films")
    assert [step.do for step in record.steps] == ["draw_missing_splits", "drop_rows"]
    kept = load_texts(config.model_copy(update={"dataset": record.reference}), store.datasets)
    for split in ("validation", "test"):
        assert kept.splits[split].texts == drawn.splits[split].texts, "the rows that a launch drew until now"
        assert kept.splits[split].labels.tolist() == drawn.splits[split].labels.tolist()


def test_pictures_are_doubted_by_folds_too_and_copies_share_one(tmp_path: Path) -> None:
    pictures, labels = load_digits(return_X_y=True)
    labels = labels[:600].copy()
    turned = random.Random(3).sample(range(500), 30)
    labels[turned] = (labels[turned] + 3) % 10
    images = [png_of((16 * picture).clip(0, 255).astype(np.uint8).reshape(8, 8)) for picture in pictures[:600]]
    images[501] = images[500]
    examples = pd.DataFrame(
        {"split": "train", "row": np.arange(600), "image": images, "label": [str(label) for label in labels.tolist()]}
    )
    folds = draw_folds(labels.astype(np.int64), contents(examples))
    assert folds[500] == folds[501]
    reading = Reading("picture_folders", "image_classification", label_column="label")
    store = new_store(tmp_path / "store")
    library.save(store.datasets, "digits-saved", "here", "0" * 16, reading, examples)
    found = _ask(store, reference="digits-saved@1")
    assert len({row.row for row in found.rows} & set(turned)) >= 15
    assert found.doubted_by == "logistic_regression"


def test_too_few_rows_are_said_to_be_too_few(tmp_path: Path) -> None:
    store = new_store(tmp_path / "store")
    examples = pd.DataFrame({"split": "train", "row": range(8), "text": [f"Text {n}" for n in range(8)], "label": list("abababab")})
    reading = Reading("csv", "sequence_classification", text_column="text", label_column="label")
    library.save(store.datasets, "few", "here", "0" * 16, reading, examples)
    with pytest.raises(DataError, match="too few training rows"):
        _ask(store, reference="few@1")
