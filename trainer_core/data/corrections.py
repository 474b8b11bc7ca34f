"""Rows that are taken out or given another label, by their numbers: those of training together, those that judge one by one.

A figure says what a model is worth only while nobody rewrites the rows it is measured on by what a model answers. So a step that
names several rows is refused where one of them is of validation or test; such a row is changed by a step of its own,
once it was read.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from trainer_core.data.missing_splits import missing_splits
from trainer_core.data.record import Step
from trainer_core.errors import DataError
from trainer_core.language import Words, listed, mark, ngettext
from trainer_core.language import gettext as _

Examples = pd.DataFrame
METHODS = Words(
    {
        "naive_bayes": mark("naive Bayes on words"),
        "naive_bayes_characters": mark("naive Bayes on characters"),
        "logistic_regression": mark("logistic regression"),
        "logistic_regression_characters": mark("logistic regression on characters"),
    }
)
"""What a baseline that doubted is called, by its key."""


def drop_rows(examples: Examples, rows: Sequence[int], doubted_by: str = "", folds: int = 0, doubted: int = 0) -> Examples:
    """The rows with these numbers (the column `row`) go. The other options say who doubted them, see `describe`."""
    numbers = _numbers(rows)
    _check(examples, numbers, doubted_by, folds, doubted)
    return examples[~examples["row"].isin(numbers).to_numpy()]


def set_labels(examples: Examples, labels: Mapping[str, str], doubted_by: str = "", folds: int = 0, doubted: int = 0) -> Examples:
    """Rows get another label; `labels` maps row numbers, as text, to labels. The other options say who doubted them."""
    wanted = dict(zip(_numbers(labels), map(str, labels.values()), strict=True))
    _check(examples, list(wanted), doubted_by, folds, doubted)
    pairs = zip(examples["row"].tolist(), examples["label"].tolist(), strict=True)
    return examples.assign(
        label=pd.Series([wanted.get(int(row), label) for row, label in pairs], index=examples.index, dtype=object)
    )


def describe(step: Step) -> str | None:
    """A step of these in words; None for others."""
    options = step.options
    words: dict[str, Callable[[], str]] = {
        "drop_rows": lambda: _described(
            options,
            [int(row) for row in options.get("rows", ())],
            lambda count: ngettext("{count:,} chosen row taken out", "{count:,} chosen rows taken out", count),
            lambda count: ngettext("{count:,} training row taken out", "{count:,} training rows taken out", count),
            lambda row: _("Row {row:,} taken out").format(row=row),
        ),
        "set_labels": lambda: _described(
            options,
            [int(row) for row in options.get("labels", {})],
            lambda count: ngettext("{count:,} label corrected", "{count:,} labels corrected", count),
            lambda count: ngettext("{count:,} training label corrected", "{count:,} training labels corrected", count),
            lambda row: _("Row {row:,} given the label {label}").format(row=row, label=next(iter(options["labels"].values()))),
        ),
    }
    return words[step.do]() if step.do in words else None


def method_words(doubted_by: str, folds: int) -> str:
    """Who doubts: `logistic regression (5 folds)`, or a run's name."""
    return _("{method} ({folds} folds)").format(method=METHODS.get(doubted_by, doubted_by), folds=folds) if folds else doubted_by


def _described(
    options: Mapping[str, Any],
    rows: Sequence[int],
    plainly: Callable[[int], str],
    of_training: Callable[[int], str],
    alone: Callable[[int], str],
) -> str:
    doubted_by, folds = str(options.get("doubted_by", "")), int(options.get("folds", 0))
    if not doubted_by:
        return plainly(len(rows)).format(count=len(rows))
    done = of_training(len(rows)).format(count=len(rows)) if folds else alone(rows[0]) if rows else ""
    told = (
        _("{done}, of {doubted:,} doubted by {method}") if folds else _("{done}: doubted by {method}, read and changed by itself")
    )
    return told.format(done=done, doubted=int(options.get("doubted", 0)) or len(rows), method=method_words(doubted_by, folds))


def _numbers(rows: Iterable[Any]) -> list[int]:
    try:
        return [int(row) for row in rows]
    except (TypeError, ValueError) as error:
        raise DataError(_("A row is told by its number, such as 17: {cause}.").format(cause=error)) from error


def _check(examples: Examples, rows: Sequence[int], doubted_by: str, folds: int, doubted: int) -> None:
    """Raises DataError for a change of several rows that reaches those which figures are judged by."""
    if not all(isinstance(number, int) and number >= 0 for number in (folds, doubted)):
        raise DataError(
            _("{name} is “{value}”; it takes a whole number.").format(name="folds, doubted", value=f"{folds}, {doubted}")
        )
    if len(set(rows)) < 2:
        return
    named = examples[examples["row"].isin(rows).to_numpy()]
    judging = int(np.sum(named["split"].to_numpy() != "train"))
    if judging:
        raise DataError(
            _(
                "{judging:,} of these {count:,} rows are of validation or test, by which models are judged. They are changed one "
                "by one, each read; several at once only of the training rows."
            ).format(judging=judging, count=len(named))
        )
    if not doubted_by:
        return
    if not folds:
        raise DataError(
            _(
                "What a run doubts are rows that it is judged by: they are changed one by one, each read. For training rows ask "
                "for the doubts of a baseline by folds."
            )
        )
    missing = missing_splits(examples)
    if missing:
        raise DataError(
            _(
                "There is no split {splits}: each launch draws it from the training rows, so a change of several would reach rows "
                "that models are judged by. Draw it first."
            ).format(splits=listed(_(split) for split in missing))
        )


CORRECTIONS = (drop_rows, set_labels)
