"""From the field dataset to splits, and what is said early when something does not fit."""

import time
from pathlib import Path

import numpy as np
import pytest

from trainer_core.config import TrainConfig
from trainer_core.data import check, load_data, plan
from trainer_core.errors import ConfigError, DataError
from trainer_core.recipes import RECIPES


def test_digits_are_split_70_15_15_by_class() -> None:
    summary = check(TrainConfig())
    assert summary is not None
    assert summary.rows == {"train": 1257, "validation": 270, "test": 270}
    for counts in summary.label_counts.values():
        assert max(counts) <= 1.15 * min(counts)


def test_no_row_stands_in_two_splits_and_none_is_lost() -> None:
    data = load_data(TrainConfig())
    rows = np.concatenate([split.rows for split in data.splits.values()])
    assert sorted(rows.tolist()) == list(range(1797))


def test_the_seed_changes_the_run_and_not_the_rows_it_is_measured_on() -> None:
    first, second = load_data(TrainConfig(seed=1)), load_data(TrainConfig(seed=2))
    assert first.digest == second.digest


def test_mnist_evaluated_on_its_test_split_trains_on_all_training_rows(mnist_folder: Path) -> None:
    config = RECIPES["mnist"].config.model_copy(update={"dataset": str(mnist_folder)})
    summary = check(config)
    assert summary is not None
    assert summary.rows == {"train": 60_000, "test": 10_000}
    assert plan(config, summary).total_steps == 4690
    held_back = check(config.model_copy(update={"evaluation_split": "validation"}))
    assert held_back is not None
    assert held_back.rows == {"train": 51_000, "validation": 9_000, "test": 10_000}


def test_a_batch_larger_than_the_data_is_told_at_its_field() -> None:
    with pytest.raises(ConfigError) as caught:
        check(TrainConfig(batch_size=2_000))
    assert "Give at most 1,257" in caught.value.problems["batch_size"]


@pytest.mark.parametrize("dataset", ["/no/such/folder", "./nowhere", "~/nowhere-at-all", "two words", "a/b/c"])
def test_a_folder_that_is_not_there_is_named_with_what_is_accepted(dataset: str) -> None:
    with pytest.raises(DataError, match="There is no folder"):
        check(TrainConfig(dataset=dataset))


def test_a_folder_without_idx_files_says_which_four_are_wanted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lacks all four IDX files.*train-images-idx3-ubyte\.gz"):
        check(TrainConfig(dataset=str(tmp_path)))


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.gz").touch()
    with pytest.raises(DataError, match="is a file"):
        check(TrainConfig(dataset=str(tmp_path / "train.gz")))


def test_without_a_network_a_hub_id_fails_within_five_seconds_and_names_the_folder_option(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Port 9 of this machine refuses, as a machine without a network does.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    began = time.monotonic()
    with pytest.raises(DataError, match=r"can't be reached.*--dataset FOLDER"):
        check(TrainConfig(dataset="descent-tests/no-such-dataset"))
    assert time.monotonic() - began < 5


def test_the_plan_counts_the_last_smaller_batch_and_accumulation() -> None:
    config = TrainConfig(batch_size=100, accumulation_steps=2, epochs=3)
    summary = check(config)
    assert summary is not None
    planned = plan(config, summary)
    assert (planned.steps_per_epoch, planned.total_steps, planned.effective_batch_size) == (7, 21, 200)
    assert plan(config.model_copy(update={"max_steps": 5}), summary).total_steps == 5
