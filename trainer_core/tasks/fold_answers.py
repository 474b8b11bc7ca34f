"""What a baseline answers for training rows by folds: each row by a model that it did not train."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer_core.data.alike import contents
from trainer_core.data.splits import draw_folds
from trainer_core.data.squares import picture_of
from trainer_core.tasks.text_baselines import OF_CLASSES, answer_by_folds, choose_cut, fit

FOLDS = 5
_ITERATIONS = 50
"""Of L-BFGS, as the baselines have."""


@dataclass(frozen=True)
class FoldAnswers:
    """The stronger baseline's key, what it gives to each class, float64 [rows, classes], and its accuracy over all rows."""

    method: str
    shares: NDArray[np.float64]
    accuracy: float


def answer_rows(examples: pd.DataFrame, labels: NDArray[np.int64], tell: Callable[[float], None]) -> FoldAnswers:
    """Answers for every row by five folds: for texts of the baseline that gives more to the labels so, for pictures of
    logistic regression on the pixels. Folds are seeded and by class, rows with the same content are in the same one.

    Each class of `labels`, numbers from 0, needs rows of two contents at least. `tell` is given the share that is done.
    """
    if "image" in examples:
        shares = _of_pictures(examples, labels, tell)
        return FoldAnswers("logistic_regression", shares, _accuracy(shares, labels))
    texts = [str(text) for text in examples["text"]]
    if "pair" in examples:
        texts = [f"{text} {pair}" for text, pair in zip(texts, examples["pair"], strict=True)]
    found: list[FoldAnswers] = []
    for place, baseline in enumerate(OF_CLASSES):
        tell(place / len(OF_CLASSES))
        try:
            cut = choose_cut(baseline, texts, labels)
            shares = answer_by_folds(lambda: baseline.make(cut, _ITERATIONS), texts, labels, "predict_proba", FOLDS)  # noqa: B023
        except ValueError:  # no text has such a part, as where all are of signs alone
            continue
        found.append(FoldAnswers(baseline.key_of(cut), shares, _accuracy(shares, labels)))
    if not found:
        nothing = np.full((len(labels), int(labels.max()) + 1), 1.0)
        return FoldAnswers(OF_CLASSES[0].key, nothing / nothing.shape[1], 0.0)
    return min(found, key=lambda answers: _surprise(answers.shares, labels))


def _of_pictures(examples: pd.DataFrame, labels: NDArray[np.int64], tell: Callable[[float], None]) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression

    pixels = np.stack([picture_of(png).reshape(-1) for png in examples["image"]]).astype(np.float32) / 255
    shares = np.zeros((len(labels), int(labels.max()) + 1))
    fold_of = draw_folds(labels, contents(examples), FOLDS)
    for fold in range(FOLDS):
        tell(fold / FOLDS)
        inside, outside = fold_of == fold, fold_of != fold
        if inside.any():
            model = fit(LogisticRegression(max_iter=_ITERATIONS), pixels[outside], labels[outside])
            shares[np.ix_(inside, model.classes_)] = model.predict_proba(pixels[inside])
    return shares


def _surprise(shares: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The cross-entropy in nats: shares are weighed here, and naive Bayes, though right as often, is sure of nearly everything."""
    return float(-np.log(np.clip(shares[np.arange(len(labels)), labels], 1e-12, 1)).mean())


def _accuracy(shares: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return float(np.mean(shares.argmax(axis=1) == labels))
