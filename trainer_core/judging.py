"""Where answers err, how far their probabilities can be trusted, and what a threshold costs. The figures are scikit-learn's.

`labels` are true classes [rows], `winners` the classes said [rows], `probabilities` float [rows, classes].
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.floating]
BINS = 10
"""Of a reliability diagram: as wide as each other, from 0 to 1."""


def confusion(labels: Ints, winners: Ints, classes: int) -> Ints:
    """Counts [true class, said class]."""
    from sklearn.metrics import confusion_matrix

    return np.asarray(confusion_matrix(labels, winners, labels=np.arange(classes)), dtype=np.int64)


def by_class(labels: Ints, winners: Ints, names: Sequence[str]) -> pd.DataFrame:
    """A row a class: `label`, `precision`, `recall`, `f1`, `rows`. NaN where nothing is there to divide by."""
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, rows = precision_recall_fscore_support(
        labels, winners, labels=np.arange(len(names)), zero_division=np.nan
    )
    return pd.DataFrame({"label": list(names), "precision": precision, "recall": recall, "f1": f1, "rows": rows})


@dataclass(frozen=True)
class Reliability:
    """How often answers of a like sureness are right. One entry a bin that has rows: the mean probability of the class said, the
    share that was right, and the rows; `error` is the expected calibration error, the bins' distances weighted by their rows
    (Naeini and others, 2015)."""

    sure: Floats
    right: Floats
    rows: Ints
    error: float


def reliability(labels: Ints, probabilities: Floats) -> Reliability:
    """Of the likeliest class of each row."""
    from sklearn.calibration import calibration_curve

    sure = np.clip(probabilities.max(axis=1).astype(np.float64), 0.0, 1.0)
    right = probabilities.argmax(axis=1) == labels
    shares, means = calibration_curve(right, sure, n_bins=BINS, pos_label=True)
    counted = np.bincount(np.searchsorted(np.linspace(0.0, 1.0, BINS + 1)[1:-1], sure), minlength=BINS)  # as scikit-learn sorts
    rows = counted[counted > 0]
    error = float(np.average(np.abs(shares - means), weights=rows))
    return Reliability(means, shares, rows, error)


@dataclass(frozen=True)
class TwoClassCurves:
    """ROC and precision-recall of the second class, with the area under each; None of them where only one class occurs."""

    false_positive: Floats
    true_positive: Floats
    roc_thresholds: Floats
    roc_auc: float
    precision: Floats
    recall: Floats
    thresholds: Floats
    """One shorter than precision and recall: those end at recall nought, which no threshold reaches."""
    average_precision: float


def two_class_curves(labels: Ints, second: Floats) -> TwoClassCurves | None:
    """The curves, from the probability of the second class [rows]."""
    from sklearn import metrics

    if len(np.unique(labels)) < 2:
        return None
    # Also the points on straight stretches: a threshold there has its place on the curve too.
    wrongly, rightly, roc_thresholds = metrics.roc_curve(labels, second, drop_intermediate=False)
    precision, recall, thresholds = metrics.precision_recall_curve(labels, second)
    return TwoClassCurves(
        wrongly,
        rightly,
        roc_thresholds,
        float(metrics.roc_auc_score(labels, second)),
        precision,
        recall,
        thresholds,
        float(metrics.average_precision_score(labels, second)),
    )


@dataclass(frozen=True)
class AtThreshold:
    """What a threshold gives: shares of all rows or of one class, and counts of the two kinds of mistake."""

    accuracy: float
    precision: float
    recall: float
    f1: float
    false_alarms: int
    """Rows of the first class that are called the second."""
    misses: int
    """Rows of the second class that are called the first."""


def at_threshold(labels: Ints, second: Floats, threshold: float) -> AtThreshold:
    """The figures of calling a row the second class from a probability on."""
    from sklearn import metrics

    winners = (second >= np.float32(threshold)).astype(np.int64)
    counts = confusion(labels, winners, 2)
    precision, recall, f1, _rows = metrics.precision_recall_fscore_support(
        labels, winners, labels=[1], average="macro", zero_division=0.0
    )
    accuracy = float(metrics.accuracy_score(labels, winners))
    return AtThreshold(accuracy, float(precision), float(recall), float(f1), int(counts[0, 1]), int(counts[1, 0]))


def best_threshold(labels: Ints, second: Floats) -> float:
    """The threshold with the best F1 of the second class, from those that scikit-learn's curve goes through."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(labels, second)
    both = precision[:-1] + recall[:-1]
    f1 = np.divide(2 * precision[:-1] * recall[:-1], both, out=np.zeros_like(both), where=both > 0)
    return float(thresholds[int(f1.argmax())])


@dataclass(frozen=True)
class Flips:
    """Rows by what two checkpoints make of them, most sure of the wrong answer first: one right and the other not, and both wrong
    in different ways."""

    first_right: Ints
    second_right: Ints
    both_wrong: Ints


def flips(labels: Ints, winners: tuple[Ints, Ints], sure: tuple[Floats, Floats]) -> Flips:
    """`sure` is the probability of the class that each says, [rows]."""
    right = [own == labels for own in winners]
    differ = winners[0] != winners[1]

    def ordered(rows: NDArray[np.bool_], by: Floats) -> Ints:
        found = np.flatnonzero(rows)
        return np.asarray(found[np.argsort(-by[found], kind="stable")], dtype=np.int64)

    return Flips(
        ordered(right[0] & ~right[1], sure[1]),
        ordered(~right[0] & right[1], sure[0]),
        ordered(~right[0] & ~right[1] & differ, np.maximum(*sure)),
    )


def agreement(winners: Sequence[Ints]) -> Floats:
    """The share of rows on which each two say the same, [checkpoints, checkpoints]."""
    return np.array([[float(np.mean(one == other)) for other in winners] for one in winners])


def mistakes(labels: Ints, winners: Ints, sure: Floats, true: int | None, said: int | None) -> Ints:
    """Rows of a cell of the confusion matrix, most sure first; None stands for any class. A cell off the diagonal holds mistakes
    alone; where both are None, all mistakes."""
    rows = np.ones(len(labels), dtype=bool) if true is not None or said is not None else labels != winners
    if true is not None:
        rows &= labels == true
    if said is not None:
        rows &= winners == said
    found = np.flatnonzero(rows)
    return np.asarray(found[np.argsort(-sure[found], kind="stable")], dtype=np.int64)
