"""Splits that a dataset lacks, drawn once and kept, as a launch would draw them each time."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer_core.config import TrainConfig
from trainer_core.data import alike
from trainer_core.data.labels import find_labels
from trainer_core.data.splits import draw_stratified
from trainer_core.errors import DataError
from trainer_core.language import gettext as _

VALIDATION_SHARE = float(TrainConfig.model_fields["validation_share"].default)
TEST_SHARE = float(TrainConfig.model_fields["test_share"].default)


def missing_splits(examples: pd.DataFrame) -> list[str]:
    """Of validation and test those without a row."""
    there = set(examples["split"].unique())
    return [split for split in ("validation", "test") if split not in there]


def draw_missing_splits(
    examples: pd.DataFrame, validation_share: float = VALIDATION_SHARE, test_share: float = TEST_SHARE
) -> pd.DataFrame:
    """Training rows become those of the splits that are not there: the rows that a launch with these shares draws.

    Raises DataError where nothing is missing, for shares that leave nothing, and for a class of a single row.
    """
    missing = missing_splits(examples)
    if not missing:
        raise DataError(_("Nothing to draw: there are validation and test rows already."))
    shares = {"test": test_share, "validation": validation_share}
    for name, share in shares.items():
        if not 0 < share < 0.9:
            raise DataError(
                _("{name} is {share:g}; it takes a share from 0 to below 0.9.").format(name=f"{name}_share", share=share)
            )
    if sum(shares[name] for name in missing) >= 1:
        raise DataError(_("validation_share and test_share add up to 1 or more: nothing is left to train on. Lower one."))
    train = np.flatnonzero(examples["split"].to_numpy() == "train")
    labels, names = _strata(examples["label"].iloc[train].tolist())
    contents = alike.contents(examples.iloc[train])
    contents[contents < 0] = -1 - np.arange(np.sum(contents < 0))  # rows without any are no copies
    try:
        drawn = _draw(labels, names, missing, shares, contents)
    except DataError:
        drawn = _draw(labels, names, missing, shares, None)  # as a launch does where a class says too few different things
    split = examples["split"].to_numpy(dtype=object).copy()
    for name, rows in drawn.items():
        split[train[rows]] = name
    rank = pd.Series(split).map({"train": 0, "validation": 1, "test": 2}).to_numpy()
    return examples.assign(split=split).iloc[np.argsort(rank, kind="stable")]


def _strata(values: list[object]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The class number of each row, one for all where there are no classes to keep in proportion."""
    classes = find_labels(values, "class")
    names = classes.names
    if not names or len(names) > len(values) // 4:
        return np.zeros(len(values), dtype=np.int64), ()
    number = {name: index for index, name in enumerate(names)}
    return np.array([number.get(classes.name(value), len(names)) for value in values], dtype=np.int64), (*names, _("(none)"))


def _draw(
    labels: NDArray[np.int64],
    names: tuple[str, ...],
    missing: list[str],
    shares: dict[str, float],
    contents: NDArray[np.int64] | None,
) -> dict[str, NDArray[np.int64]]:
    rows = np.arange(len(labels))
    drawn: dict[str, NDArray[np.int64]] = {}
    for name in ("test", "validation"):
        if name in missing:
            # The share is of all the rows that were there, so that 0.15 and 0.15 leave 0.70.
            share = shares[name] * len(labels) / len(rows)
            kept, taken = draw_stratified(labels[rows], share, contents=None if contents is None else contents[rows], names=names)
            drawn[name] = rows[taken]
            rows = rows[kept]
    return drawn
