"""From stored points to what a chart draws."""

import numpy as np
import pandas as pd
import pytest

from pages.components.series import active_minutes, smooth, thin, x_values
from trainer_core.tracking.records import Segment


def history(**keys: list[tuple[int, int, float]]) -> pd.DataFrame:
    rows = [("a", key.replace("__", "/"), *point) for key, points in keys.items() for point in points]
    return pd.DataFrame(rows, columns=["run_id", "key", "step", "time", "value"])


def test_epochs_come_from_the_journal_by_step() -> None:
    run = history(progress__epoch=[(0, 0, 0.0), (100, 9, 2.0)], train__loss=[(50, 5, 1.0), (75, 6, 0.5)])
    assert x_values(run[run["key"] == "train/loss"], "epoch", run).tolist() == [1.0, 1.5]


def test_epochs_go_on_after_the_last_that_was_told() -> None:
    told = [(1, 0, 0.1), (11, 9, 1.1), (21, 19, 2.1), (21, 20, 2.1)]
    run = history(progress__epoch=told, train__loss=[(6, 5, 1.0), (21, 19, 0.9), (24, 22, 0.8)])
    assert x_values(run[run["key"] == "train/loss"], "epoch", run) == pytest.approx([0.6, 2.1, 2.4])
    once = history(progress__epoch=[(1, 0, 0.1)], train__loss=[(1, 0, 1.0), (2, 1, 0.9)])
    assert x_values(once[once["key"] == "train/loss"], "epoch", once).tolist() == [0.1, 0.1], "nobody knows as yet how fast"


def test_without_epochs_nothing_is_drawn_over_them() -> None:
    run = history(train__loss=[(50, 5, 1.0)])
    assert np.isnan(x_values(run, "epoch", run)).all()


def test_minutes_leave_out_the_pause_between_workers() -> None:
    segments = (Segment(0, 60_000), Segment(3_600_000, None))
    times = np.array([30_000.0, 60_000.0, 3_600_000.0, 3_660_000.0])
    assert active_minutes(times, segments).tolist() == [0.5, 1.0, 1.0, 2.0]


def test_points_shipped_after_the_last_breath_still_count() -> None:
    assert active_minutes(np.array([90_000.0]), (Segment(0, 60_000),)).tolist() == [1.5]


def test_minutes_of_a_foreign_run_start_at_its_first_point() -> None:
    run = history(loss=[(0, 600_000, 1.0), (1, 660_000, 0.5)])
    assert x_values(run, "minutes", run).tolist() == [0.0, 1.0]


def test_smoothing_corrects_the_start() -> None:
    assert smooth(np.array([4.0, 4.0, 4.0]), 0.9) == pytest.approx([4.0, 4.0, 4.0])
    assert smooth(np.array([1.0, 2.0]), 0.5) == pytest.approx([1.0, (0.25 * 1 + 0.5 * 2) / 0.75])


def test_smoothing_passes_over_what_is_no_number() -> None:
    smoothed = smooth(np.array([1.0, np.nan, 1.0]), 0.5)
    assert np.isnan(smoothed[1])
    assert smoothed[2] == pytest.approx(1.0)


def test_thinning_keeps_spikes_ends_and_order() -> None:
    x = np.arange(100_000, dtype=np.float64)
    y = np.sin(x / 5_000)
    y[41_234], y[70_001] = 9.0, -9.0
    thin_x, thin_y = thin(x, y, 1_000)
    assert len(thin_x) <= 1_002
    assert {9.0, -9.0} <= set(thin_y)
    assert (thin_x[0], thin_x[-1]) == (0, 99_999)
    assert (np.diff(thin_x) > 0).all()


def test_few_points_are_left_alone() -> None:
    x = np.arange(10, dtype=np.float64)
    assert thin(x, x)[0] is x
