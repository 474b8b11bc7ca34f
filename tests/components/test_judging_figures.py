"""Figures of mistakes: what stands in a cell, what a click reports, and that names are shown letter by letter."""

import numpy as np
import pytest

from pages.components.judging_figures import (
    agreement_figure,
    confusion_figure,
    difference_figure,
    precision_figure,
    reliability_figure,
    roc_figure,
)
from trainer_core.judging import reliability, two_class_curves

COUNTS = np.array([[90, 10], [3, 7]])
NAMES = ["<b>no", "yes"]


def texts(figure: object) -> set[str]:
    return {str(text) for trace in figure.data[1:] for text in trace.text}  # type: ignore[attr-defined]


def test_a_matrix_shows_counts_or_shares_and_a_cell_says_which_it_is() -> None:
    counted = confusion_figure(COUNTS, NAMES, by_row=False)
    assert texts(counted) == {"90", "10", "3", "7"}
    assert counted.data[0].customdata[1][0] == "1,0"
    assert list(counted.layout.xaxis.ticktext) == ["&lt;b&gt;no", "yes"]
    assert "97 of 110 right" in counted.layout.meta["alt"]
    assert "Most often <b>no is called yes: 10." in counted.layout.meta["alt"]
    shares = confusion_figure(COUNTS, NAMES, by_row=True)
    assert texts(shares) == {"90 %", "10 %", "30 %", "70 %"}


def test_one_row_of_a_thousand_is_coloured_apart_from_none() -> None:
    counts = np.array([[5_000, 2, 0], [1, 9, 0], [0, 0, 40]])
    for by_row in (False, True):
        shown = np.asarray(confusion_figure(counts, ["a", "b", "c"], by_row).data[0].z, dtype=float)
        assert shown[0, 2] == shown[2, 0] == 0
        assert shown[0, 1] >= 10, "two mistakes of 5,002 rows can be seen"
        assert (shown[1, 1], shown[2, 2]) == (90, 100), "a small class is as dark as a large one: by its row's share"
    assert "< 1 %" in texts(confusion_figure(counts, ["a", "b", "c"], by_row=True))
    change = difference_figure(counts, np.array([[4_000, 3, 0], [1, 9, 0], [0, 0, 40]]), ["a", "b", "c"])
    tints = np.asarray(change.data[0].z, dtype=float)
    assert tints[0, 1] <= -100
    assert tints[0, 2] == 0


def test_a_class_without_rows_divides_by_nothing() -> None:
    empty = confusion_figure(np.array([[2, 0], [0, 0]]), NAMES, by_row=True)
    assert np.isfinite(np.asarray(empty.data[0].z, dtype=float)).all()
    assert "No mistake." in empty.layout.meta["alt"]


def test_a_difference_has_signs_and_its_scale_has_nought_in_the_middle() -> None:
    figure = difference_figure(COUNTS, np.array([[95, 5], [1, 9]]), NAMES)
    assert texts(figure) == {"-5", "+5", "+2", "-2"}
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-5, 5)


def test_of_many_classes_cells_are_not_written_in() -> None:
    assert len(confusion_figure(np.eye(40, dtype=np.int64), [str(n) for n in range(40)], by_row=False).data) == 1


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.3, 0.45, 0.5, 0.87, 1.0])
def test_the_thresholds_point_lies_on_the_curve_and_is_its_own(threshold: float) -> None:
    draw = np.random.default_rng(3)
    labels = draw.integers(0, 2, 60)
    second = np.clip(np.where(labels, 0.62, 0.4) + 0.2 * draw.standard_normal(60), 0, 1).round(2).astype(np.float32)
    curves = two_class_curves(labels, second)
    assert curves is not None
    figure = roc_figure(curves, "yes", threshold)
    line, point = figure.data[1], figure.data[-1]
    called = second >= np.float32(threshold)
    assert point.x[0] == pytest.approx(100 * called[labels == 0].mean())
    assert point.y[0] == pytest.approx(100 * called[labels == 1].mean())
    ends = np.stack([line.x, line.y], axis=1)
    starts, ways = ends[:-1], np.diff(ends, axis=0)
    place = np.array([point.x[0], point.y[0]])
    along = np.clip(((place - starts) * ways).sum(axis=1) / (ways**2).sum(axis=1), 0, 1)[:, None]
    assert np.abs(starts + along * ways - place).sum(axis=1).min() < 1e-9


def test_a_curve_of_many_rows_is_drawn_by_its_corners_alone() -> None:
    labels = np.repeat([0, 1], 20_000)
    curves = two_class_curves(labels, np.linspace(0, 1, 40_000, dtype=np.float32))
    assert curves is not None
    assert len(roc_figure(curves, "yes", 0.5).data[1].x) <= 4


def test_curves_are_told_in_words_and_the_threshold_has_its_point() -> None:
    labels, second = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    curves = two_class_curves(labels, second)
    assert curves is not None
    roc, precision = roc_figure(curves, "<i>yes", 0.5), precision_figure(curves, "<i>yes", 0.5)
    assert roc.layout.meta["alt"] == "ROC curve of <i>yes: area 0.750."
    assert (roc.data[-1].x[0], roc.data[-1].y[0]) == (50.0, 50.0)
    assert precision.data[-1].y[0] == 50.0
    assert "&lt;i&gt;yes" in roc.layout.yaxis.title.text
    shares = np.stack([1 - second, second], axis=1).astype(np.float32)
    assert "expected calibration error" in reliability_figure(reliability(labels, shares)).layout.meta["alt"]
    assert texts(agreement_figure(np.array([[1.0, 0.5], [0.5, 1.0]]), ["a", "b"])) == {"100.0 %", "50.0 %"}
