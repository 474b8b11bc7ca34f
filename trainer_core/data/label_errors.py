"""Likely wrong labels, by what a model answered for rows that it did not train on.

Confident learning (Northcutt et al. 2021), by cleanlab.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer_core.data.found_rows import texts_of
from trainer_core.data.record import Step

LEAST_ROWS = 20
"""Fewer answers say nothing of labels."""


@dataclass(frozen=True)
class DoubtedRow:
    """A row whose label is doubted: `label` is the one it has, `answer` the model's; `share` and `own_share` are what the model
    gives to the answer and to the label, 0 to 1. `row` is its number in the source."""

    row: int
    split: str
    label: str
    answer: str
    share: float
    own_share: float
    text: str


@dataclass(frozen=True)
class Doubts:
    """The doubted rows of one split, the least believed first.

    `doubted_by` is the key of a baseline, which answered by so many `folds`, or a run's name with `folds` 0. `weighed` counts the
    rows that were held against answers, `left_out` those that could not be: without a label or content, or of too rare a class.
    `agreement` is the share of the weighed rows whose label the model answers: a weak model doubts many labels that are right.
    """

    doubted_by: str
    folds: int
    split: str
    weighed: int
    left_out: int
    agreement: float
    rows: tuple[DoubtedRow, ...]

    def to_json(self) -> dict[str, Any]:
        """For the door between processes."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Doubts":
        """Reads what `to_json` gave."""
        return cls(**{**stored, "rows": tuple(DoubtedRow(**row) for row in stored["rows"])})

    def that_still_hold(self, examples: pd.DataFrame) -> tuple[DoubtedRow, ...]:
        """Those whose row is there with the label that was doubted. Those by folds have to be training rows still."""
        now = {int(row): (str(label), str(split)) for row, label, split in zip(*_columns(examples), strict=True)}
        return tuple(
            doubted
            for doubted in self.rows
            if (there := now.get(doubted.row)) and there[0] == doubted.label and (not self.folds or there[1] == "train")
        )

    def correction(self, rows: Sequence[DoubtedRow]) -> Step:
        """The step that gives these rows the labels that the model answered."""
        return Step("set_labels", {"labels": {str(row.row): row.answer for row in rows}, **self._source()})

    def removal(self, rows: Sequence[DoubtedRow]) -> Step:
        """The step that takes these rows out."""
        return Step("drop_rows", {"rows": sorted(row.row for row in rows), **self._source()})

    def _source(self) -> dict[str, Any]:
        return {"doubted_by": self.doubted_by, "folds": self.folds, "doubted": len(self.rows)}


def weigh(
    examples: pd.DataFrame, given: NDArray[np.int64], shares: NDArray[np.float64], names: Sequence[str], split: str
) -> tuple[DoubtedRow, ...]:
    """The rows whose label is doubted, the least believed first.

    Args:
        examples: The rows that were answered for.
        given: The class number of each row's label, [rows].
        shares: What the model gives to each class, [rows, classes].
        names: The classes.
        split: The split that the rows are judged as.
    """
    if len(given) < LEAST_ROWS or len(names) < 2:
        return ()
    from cleanlab.filter import find_label_issues

    shares = shares / shares.sum(axis=1, keepdims=True)
    doubted = find_label_issues(given, shares, return_indices_ranked_by="self_confidence", n_jobs=1)
    answers = shares.argmax(axis=1)
    order = [int(index) for index in doubted if answers[index] != given[index]]
    chosen = examples.iloc[order]
    return tuple(
        DoubtedRow(
            int(row),
            split,
            names[int(given[index])],
            names[int(answers[index])],
            float(shares[index].max()),
            float(shares[index][given[index]]),
            text,
        )
        for index, row, text in zip(order, chosen["row"], texts_of(chosen), strict=True)
    )


def _columns(examples: pd.DataFrame) -> tuple[list[Any], list[Any], list[Any]]:
    return examples["row"].tolist(), examples["label"].tolist(), examples["split"].tolist()
