"""Figures of mistakes, held against counting by hand."""

import numpy as np
import pytest

from trainer_core.judging import (
    agreement,
    at_threshold,
    best_threshold,
    by_class,
    confusion,
    flips,
    mistakes,
    reliability,
    two_class_curves,
)

LABELS = np.array([0, 0, 0, 1, 1, 2])
WINNERS = np.array([0, 1, 0, 1, 0, 2])
SURE = np.array([0.9, 0.6, 0.8, 0.7, 0.95, 0.5])


def test_the_matrix_has_true_classes_down_and_said_ones_across() -> None:
    assert confusion(LABELS, WINNERS, 4).tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_a_class_that_is_never_said_or_never_there_has_no_figure() -> None:
    table = by_class(LABELS, WINNERS, ["a", "b", "c", "d"])
    assert table["rows"].tolist() == [3, 2, 1, 0]
    assert table["precision"].tolist()[:3] == pytest.approx([2 / 3, 1 / 2, 1.0])
    assert table["recall"].tolist()[:3] == pytest.approx([2 / 3, 1 / 2, 1.0])
    assert np.isnan(table["precision"][3])
    assert np.isnan(table["recall"][3])


def test_mistakes_come_most_confident_first_and_a_cell_holds_its_own() -> None:
    assert mistakes(LABELS, WINNERS, SURE, None, None).tolist() == [4, 1]
    assert mistakes(LABELS, WINNERS, SURE, 0, None).tolist() == [0, 2, 1]
    assert mistakes(LABELS, WINNERS, SURE, None, 0).tolist() == [4, 0, 2]
    assert mistakes(LABELS, WINNERS, SURE, 1, 0).tolist() == [4]
    assert mistakes(LABELS, WINNERS, SURE, 2, 0).tolist() == []


def test_calibration_of_answers_that_are_as_right_as_they_are_sure_is_nought() -> None:
    shares = np.tile(np.array([[0.75, 0.25]], dtype=np.float32), (8, 1))
    labels = np.array([0, 0, 0, 1] * 2)
    found = reliability(labels, shares)
    assert found.error == pytest.approx(0.0, abs=1e-6)
    assert found.rows.tolist() == [8]
    assert reliability(np.ones(8, np.int64), shares).error == pytest.approx(0.75)


def test_calibration_error_is_weighted_by_the_rows_of_each_bin() -> None:
    shares = np.array([[0.95, 0.05]] * 3 + [[0.55, 0.45]], dtype=np.float32)
    found = reliability(np.array([0, 0, 0, 1]), shares)
    assert found.rows.tolist() == [1, 3]
    assert found.error == pytest.approx((1 * 0.55 + 3 * 0.05) / 4)


def test_a_threshold_costs_what_counting_says() -> None:
    labels, second = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9], dtype=np.float32)
    usual = at_threshold(labels, second, 0.5)
    assert (usual.accuracy, usual.precision, usual.recall, usual.false_alarms, usual.misses) == (0.5, 0.5, 0.5, 1, 1)
    low = at_threshold(labels, second, 0.4)
    assert (low.recall, low.false_alarms, low.misses) == (1.0, 1, 0)
    assert best_threshold(labels, second) == pytest.approx(0.4)
    none = at_threshold(labels, second, 1.0)
    assert (none.precision, none.recall, none.misses) == (0.0, 0.0, 2)


def test_curves_need_both_classes() -> None:
    assert two_class_curves(np.zeros(4, np.int64), np.linspace(0, 1, 4)) is None
    curves = two_class_curves(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]))
    assert curves is not None
    assert curves.roc_auc == pytest.approx(0.75)
    assert len(curves.precision) == len(curves.thresholds) + 1


def test_flips_are_where_one_is_right_and_the_other_not() -> None:
    other = np.array([0, 0, 1, 1, 2, 0])
    found = flips(LABELS, (WINNERS, other), (SURE, SURE))
    assert found.first_right.tolist() == [2, 5]
    assert found.second_right.tolist() == [1]
    assert found.both_wrong.tolist() == [4]
    assert agreement([WINNERS, other])[0, 1] == pytest.approx(2 / 6)
    assert agreement([WINNERS]).tolist() == [[1.0]]
