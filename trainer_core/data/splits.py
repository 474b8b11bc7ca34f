"""Draws validation and test rows from training rows: by class, seeded, the same on every machine."""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainer_core.errors import DataError
from trainer_core.language import gettext as _

SplitName = Literal["train", "validation", "test"]
SPLIT_SEED = 20_261
"""Fixed, so that runs with different seeds are measured on the same rows."""


def draw_stratified(labels: NDArray[np.int64], share: float, seed: int = SPLIT_SEED) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices that stay and indices drawn, both ascending. Of each class `share` of the rows is drawn, at least one.

    Raises DataError where a class has a single row, which can't stand in both.
    """
    from sklearn.model_selection import train_test_split  # takes a second to import

    counts = np.bincount(labels)
    if (counts == 1).any():
        raise DataError(
            _("The class with label {label} has one row; two are the least that can be split. Add rows or take it out.").format(
                label=int(np.argmax(counts == 1))
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
