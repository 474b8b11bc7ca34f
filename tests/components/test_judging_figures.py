"""Figures of mistakes: what stands in a cell, what a click reports, and that names are shown letter by letter."""

import numpy as np

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
