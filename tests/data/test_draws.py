"""Splits that Descent draws: copies stay on one side, and rows without a copy fall as they always did."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_texts import tiny, write_csv
from trainer_core.config import TrainConfig
from trainer_core.data import check, load_data
from trainer_core.data.inspecting import inspect
from trainer_core.data.record import Step
from trainer_core.data.splits import draw_stratified, number_contents
from trainer_core.data.steps import apply
from trainer_core.data.texts import TextData
from trainer_core.errors import DataError

COPIES = [(f"text {row // 4}" + " " * (row % 2), "ab"[row // 4 % 2]) for row in range(400)]


def sides(data: TextData) -> Counter[int]:
    """On how many sides each text stands."""
    where: dict[str, set[str]] = {}
    for name, split in data.splits.items():
        for text in split.contents():
            where.setdefault(text, set()).add(name)
    return Counter(map(len, where.values()))


def test_copies_fall_into_one_split_and_shares_hold(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", ("text", "label"), COPIES)
    config = tiny(tmp_path, label_names=(), batch_size=2)
    data = load_data(config)
    assert isinstance(data, TextData)
    assert sides(data) == {1: 100}
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 280, "validation": 60, "test": 60}
    assert {name: split.label_counts(2) for name, split in data.splits.items()}["train"] == [140, 140]
    before = load_data(config.model_copy(update={"rules": ("labels",)}))
    assert isinstance(before, TextData)
    assert sides(before)[1] < 50


def test_without_copies_the_draw_is_what_it_was() -> None:
    labels = np.arange(90, dtype=np.int64) % 3
    for new, old in zip(draw_stratified(labels, 0.2, contents=np.arange(90)), draw_stratified(labels, 0.2), strict=True):
        assert new.tolist() == old.tolist()
    digits = [load_data(TrainConfig(rules=rules)).digest for rules in ((), TrainConfig().rules)]
    assert digits[0] == digits[1]


def test_contents_are_numbered_as_they_come() -> None:
    assert number_contents(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]


def test_a_class_of_one_row_is_named(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", ("text", "label"), [*COPIES, ("only this", "rare")])
    with pytest.raises(DataError, match="label rare has one row"):
        load_data(tiny(tmp_path, label_names=(), batch_size=2))


def test_a_class_that_says_one_thing_is_drawn_by_rows_and_the_leak_is_told(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", ("text", "label"), [*COPIES, *[("only this", "common")] * 40])
    summary = check(tiny(tmp_path, label_names=(), batch_size=2))
    assert summary is not None
    assert all(counts[2] for counts in summary.label_counts.values())
    assert any("stand in training too" in note for note in summary.notes)


def test_the_step_that_draws_keeps_copies_together_too(tmp_path: Path) -> None:
    import pandas as pd

    examples = pd.DataFrame(COPIES, columns=["text", "label"]).assign(split="train", row=range(400))
    drawn = apply(examples, Step("draw_splits", {"validation_share": 0.2, "test_share": 0.2}))
    assert drawn["split"].value_counts().to_dict() == {"train": 240, "validation": 80, "test": 80}
    assert "leak" not in {problem.kind for problem in inspect(drawn, "sequence_classification").problems}


def test_leaks_are_told_before_a_launch_whoever_drew_the_split(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", ("text", "label"), COPIES)
    config = tiny(tmp_path, label_names=(), batch_size=2)
    clean, leaking = check(config), check(config.model_copy(update={"rules": ()}))
    assert clean is not None
    assert leaking is not None
    assert clean.notes == []
    assert any("of the 60 validation rows stand in training too" in note for note in leaking.notes)


def test_near_copies_are_serious_where_a_run_will_draw_the_split() -> None:
    import pandas as pd

    sentence = "the plot of this film is clever and the cast plays it very well indeed, scene by scene, take"
    rows = [(f"{sentence} {row}", "a") for row in range(3)]
    examples = pd.DataFrame(rows, columns=["text", "label"]).assign(split="train", row=range(3))
    [problem] = [one for one in inspect(examples, "sequence_classification").problems if one.kind == "near_duplicate"]
    assert problem.serious
    assert "these fall on both" in problem.why
