"""Kept predictions: bounded in rows and files, whole or not there, and read back as written."""

from pathlib import Path

import numpy as np
import pytest

from trainer_core import predictions
from trainer_core.predictions import drop_after, folder, kept_rows, list_steps, read_predictions, write_predictions
from trainer_core.store import Store

RUN = "0" * 32
NAMES = ("bad", "good")


def _write(store: Store, step: int) -> Path:
    shares = np.array([[0.25, 0.75], [0.9, 0.1]], dtype=np.float32)
    return write_predictions(store, RUN, step, ["a1", "b2"], np.array([1, 1]), shares, NAMES)


def test_what_is_written_is_read_back(store: Store) -> None:
    _write(store, 5)
    table = read_predictions(store, RUN, 5)
    assert table.columns.tolist() == ["example_id", "label", "prediction", "probability_bad", "probability_good"]
    assert table["example_id"].tolist() == ["a1", "b2"]
    assert table["label"].tolist() == ["good", "good"]
    assert table["prediction"].tolist() == ["good", "bad"]
    assert table["probability_good"].tolist() == pytest.approx([0.75, 0.1])
    assert [path.name for path in folder(store, RUN).iterdir()] == ["step-00000005.parquet"]
    with pytest.raises(FileNotFoundError):
        read_predictions(store, RUN, 6)


def test_of_many_rows_the_same_evenly_spread_ones_are_kept() -> None:
    assert kept_rows(10).tolist() == list(range(10))
    rows = kept_rows(1_000_000)
    assert len(rows) == len(set(rows.tolist())) == predictions.MOST_ROWS
    assert (rows[0], rows[-1]) == (0, 999_999)
    assert np.array_equal(rows, kept_rows(1_000_000))
    assert len(set(kept_rows(predictions.MOST_ROWS + 1).tolist())) == predictions.MOST_ROWS


def test_files_are_thinned_and_the_first_and_the_latest_stay(store: Store) -> None:
    for step in range(1, 101):
        _write(store, step)
        assert len(list_steps(store, RUN)) <= predictions.MOST_FILES
    steps = list_steps(store, RUN)
    assert steps[0] == 1
    assert steps[-10:] == list(range(91, 101))
    assert max(np.diff(steps)) < 40


def test_what_came_after_a_step_is_dropped(store: Store) -> None:
    for step in (5, 10, 100):
        _write(store, step)
    drop_after(store, RUN, 10)
    assert list_steps(store, RUN) == [5, 10]


def test_a_run_without_predictions_has_no_steps(store: Store) -> None:
    assert list_steps(store, RUN) == []
