"""From thinned curves to what is drawn: axes, smoothing over all points, bands that keep spikes, outliers."""

import numpy as np
import pytest

from pages.components.curve_series import Drawn, at_grid, band_of, drawn, grid_over, minus, outliers, smoothed, steps_of, x_of
from pages.components.series import smooth
from trainer_core.tracking.curve import Curve, thin
from trainer_core.tracking.records import Segment


def curve(values: np.ndarray, every: int = 1, at: int = 1_000) -> Curve:
    step = np.arange(1, len(values) + 1) * every
    return thin(step.astype(np.int64), (1_000_000 + step * at).astype(np.int64), values.astype(np.float64))


def test_each_axis_places_points_where_the_run_was() -> None:
    loss, epochs, samples = curve(np.ones(100)), curve(np.arange(1, 101) / 20), curve(np.arange(1, 101) * 32.0)
    curves = {("r", "train/loss"): loss, ("r", "progress/epoch"): epochs, ("r", "progress/samples"): samples}
    step, time = loss.step.astype(float), loss.time.astype(float)
    assert x_of(curves, "r", "step", step, time)[-1] == 100
    assert x_of(curves, "r", "epoch", step, time)[-1] == 5
    assert x_of(curves, "r", "samples", step, time)[-1] == 3_200
    segments = (Segment(1_000_000, 1_050_000), Segment(1_080_000, None))
    assert x_of(curves, "r", "minutes", step, time, segments)[-1] == pytest.approx(70 / 60), "the pause is left out"
    assert drawn({("r", "train/loss"): loss}, "r", "train/loss", "epoch") is None, "it stands nowhere without epochs"
    assert drawn(curves, "r", "no/such", "step") is None


def test_a_stretch_of_any_axis_is_found_in_steps() -> None:
    loss, epochs = curve(np.ones(100)), curve(np.arange(1, 101) / 20)
    curves = {("r", "train/loss"): loss, ("r", "progress/epoch"): epochs}
    assert steps_of(curves, "r", "step", (40, 60)) == (39, 61)
    assert steps_of(curves, "r", "epoch", (2.0, 3.0)) == (39, 61)
    low, high = steps_of(curves, "r", "step", (50.2, 50.8)) or (0, 0)
    assert low <= 50
    assert high >= 51, "between two points, both are read"
    assert steps_of({}, "r", "step", (1, 2)) is None


def test_smoothing_a_curve_that_is_whole_is_the_running_average() -> None:
    values = np.random.default_rng(1).standard_normal(300)
    places, got = smoothed(curve(values), 0.9)
    np.testing.assert_allclose(got, smooth(values, 0.9))
    assert list(places) == list(range(300))


def test_smoothing_counts_the_points_that_thinning_left_out() -> None:
    draw = np.random.default_rng(2)
    values = 1.0 / np.sqrt(np.arange(1, 100_001)) + 0.3 * draw.standard_normal(100_000)
    thinned = curve(values)
    assert len(thinned) < 3_000
    places, got = smoothed(thinned, 0.9995)
    whole = smooth(values, 0.9995)[thinned.step[places] - 1]
    assert np.abs(got - whole)[5:].max() < 0.02, "the average of the kept extremes alone would be off by noise"


def test_a_band_keeps_every_spike_and_names_who_leaves_it() -> None:
    draw = np.random.default_rng(3)
    lines = []
    for number in range(80):
        values = np.exp(-np.arange(1, 5_001) / 1_500) + 0.01 * draw.standard_normal(5_000)
        if number == 17:
            values[3_217] = 9.0
        thinned = curve(values)
        lines.append(Drawn(thinned.step.astype(float), thinned.value))
    band = band_of(lines, grid_over(lines))
    assert band.highest.max() == 9.0
    assert (band.low <= band.median).all()
    assert (band.median <= band.high).all()
    assert (band.lowest <= band.low).all()
    assert outliers(lines, band)[0] == 17


def test_curves_that_lie_together_have_no_outliers() -> None:
    lines = [Drawn(np.arange(50.0), np.linspace(1, 0, 50) + offset) for offset in np.linspace(0, 0.1, 60)]
    assert outliers(lines, band_of(lines, grid_over(lines))) == []


def test_a_difference_is_taken_where_both_are() -> None:
    line, baseline = Drawn(np.arange(10.0), np.full(10, 3.0)), Drawn(np.arange(2.0, 6.0), np.full(4, 1.0))
    told = minus(line, baseline).y
    assert told[2:6].tolist() == [2.0] * 4
    assert np.isnan(told[[0, 1, 6, 9]]).all()
    assert np.isnan(at_grid(Drawn(np.array([np.nan]), np.array([1.0])), np.array([0.0, 1.0]))).all()
