"""Draws validation and test rows from training rows: by class, seeded, the same on every machine."""

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainer_core.errors import DataError
from trainer_core.language import gettext as _

SplitName = Literal["train", "validation", "test"]
SPLIT_SEED = 20_261
"""Fixed, so that runs with different seeds are measured on the same rows."""


def number_contents(contents: Iterable[Hashable]) -> NDArray[np.int64]:
    """A number a row, int64 [rows], the same for the same content, in the order in which they first come."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(content, len(numbers)) for content in contents], dtype=np.int64)


def draw_stratified(
    labels: NDArray[np.int64],
    share: float,
    seed: int = SPLIT_SEED,
    contents: NDArray[np.int64] | None = None,
    names: Sequence[str] = (),
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices that stay and indices drawn, both ascending. Of each class `share` of the rows is drawn, at least one.

    With `contents`, int64 [rows], rows of the same number stay or are drawn together, by the class of the first of them; of the
    different contents `share` is drawn then. `names` are the classes', for the sentence. Raises DataError where a class has a
    single row, or one content in all its rows, which can't stand in both.
    """
    if contents is not None:
        _distinct, first, content = np.unique(contents, return_index=True, return_inverse=True)
        order = np.argsort(first)  # by their first rows: without a copy this is the draw of the rows themselves
        if len(first) < len(labels):
            _stay, drawn = draw_stratified(labels[first[order]], share, seed, names=names)
            is_drawn = np.zeros(len(first), dtype=bool)
            is_drawn[order[drawn]] = True
            return np.flatnonzero(~is_drawn[content]), np.flatnonzero(is_drawn[content])
    from sklearn.model_selection import train_test_split  # takes a second to import

    counts = np.bincount(labels)
    if (counts == 1).any():
        raise DataError(
            _("The class with label {label} has one row; two are the least that can be split. Add rows or take it out.").format(
                label=names[int(np.argmax(counts == 1))] if names else int(np.argmax(counts == 1))
            )
        )
    try:
        rows = math.ceil(share * len(labels) - 1e-6)  # 0.15 of 100 rows held back of 85 is 15, whatever floats make of it
        stay, drawn = train_test_split(np.arange(len(labels)), test_size=rows, stratify=labels, random_state=seed)
    except ValueError as error:
        raise DataError(
            _(
                "{rows:,} rows are too few to hold back a share of {share:g} by class ({cause}). Change the share or add rows."
            ).format(rows=len(labels), share=share, cause=error)
        ) from error
    return np.sort(stay), np.sort(drawn)


def draw_folds(labels: NDArray[np.int64], contents: NDArray[np.int64], folds: int = 5, seed: int = SPLIT_SEED) -> NDArray[np.int64]:
    """A fold, 0 to `folds` - 1, for each row, int64 [rows]: of each class alike many, and rows of one content in the same fold."""
    _distinct, first, content = np.unique(contents, return_index=True, return_inverse=True)
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(first))
    order = order[np.argsort(labels[first[order]], kind="stable")]  # class by class, in turn over the folds
    fold_of = np.empty(len(first), dtype=np.int64)
    fold_of[order] = np.arange(len(order)) % folds
    return fold_of[content]
