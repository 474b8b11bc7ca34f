"""What can be done to labels that are missing by name, several in one cell, or spread over columns of 0 and 1."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from trainer_core.data.alike import labels_of
from trainer_core.data.examples import AS_WRITTEN
from trainer_core.data.labels import is_missing_word, parts_of
from trainer_core.data.record import Step
from trainer_core.errors import DataError
from trainer_core.language import gettext as _

Examples = pd.DataFrame
JOINT = " + "
_NOT_COLUMNS = ("split", "row", "text", "pair", "image", "label", AS_WRITTEN)
_FLAGS = {"0", "1"}


def keep_missing_words(examples: Examples) -> Examples:
    """Words such as None that were read as a missing label become a class again."""
    if AS_WRITTEN not in examples:
        return examples
    pairs = zip(examples["label"].tolist(), examples[AS_WRITTEN].tolist(), strict=True)
    return examples.assign(label=[word if label is None and word else label for label, word in pairs]).drop(columns=[AS_WRITTEN])


def drop_missing_words(examples: Examples) -> Examples:
    """Labels such as None become missing."""
    labels = examples["label"].tolist()
    written = [label if label is not None and is_missing_word(str(label)) else None for label in labels]
    done = examples.copy(deep=False)
    done["label"] = pd.Series([None if word else label for label, word in zip(labels, written, strict=True)], dtype=object)
    done[AS_WRITTEN] = written
    return done


def first_label(examples: Examples, sign: str) -> Examples:
    """Of several labels in a cell the first stays; none leaves the row without a label."""
    return _relabelled(examples, sign, lambda parts: parts[0] if parts else None)


def join_labels(examples: Examples, sign: str) -> Examples:
    """Each combination of labels becomes a class, called after its parts in the order of the alphabet."""
    return _relabelled(examples, sign, lambda parts: JOINT.join(sorted(set(parts))) if parts else _("(none)"))


def drop_several_labels(examples: Examples, sign: str) -> Examples:
    """Rows with no label or with several go."""
    counts = [len(set(parts_of(label, sign))) for label in labels_of(examples)]
    rows = np.flatnonzero(np.array(counts) == 1)
    return _relabelled(examples, sign, lambda parts: parts[0] if parts else None).iloc[rows]


def label_from_column(examples: Examples, column: str) -> Examples:
    """Another column is the label; what was the label stays as the column `label_before`."""
    _check_columns(examples, [column])
    return examples.assign(label_before=examples["label"], label=examples[column]).drop(columns=[column])


def combine_columns(examples: Examples, columns: Sequence[str]) -> Examples:
    """The label and columns of 0 and 1: each combination becomes a class, called after the columns that say 1."""
    _check_columns(examples, columns)
    flags = {_("label"): examples["label"], **{name: examples[name] for name in columns}}
    names = list(flags)
    rows = zip(*(values.tolist() for values in flags.values()), strict=True)
    combined = [JOINT.join(name for name, flag in zip(names, row, strict=True) if str(flag) == "1") or _("(none)") for row in rows]
    return examples.assign(label_before=examples["label"], label=combined)


def flag_columns(examples: Examples) -> list[str]:
    """The columns of 0 and 1 beside a label of 0 and 1; [] where the label is something else."""
    if set(labels_of(examples)) - {""} != _FLAGS:
        return []
    return [
        str(name) for name in examples if name not in _NOT_COLUMNS and set(examples[name].dropna().astype(str).unique()) == _FLAGS
    ]


def describe(step: Step) -> str | None:
    """A step of these in words; None for others."""
    words: dict[str, Callable[[], str]] = {
        "keep_missing_words": lambda: _("Words such as None made a class"),
        "drop_missing_words": lambda: _("Labels such as None read as missing"),
        "first_label": lambda: _("The first of several labels kept"),
        "join_labels": lambda: _("Each combination of labels made a class"),
        "drop_several_labels": lambda: _("Rows with none or several labels taken out"),
        "label_from_column": lambda: _("Label taken from the column {column}").format(column=step.options.get("column")),
        "combine_columns": lambda: _("Each combination of columns of 0 and 1 made a class"),
    }
    return words[step.do]() if step.do in words else None


LABEL_STEPS = (
    keep_missing_words,
    drop_missing_words,
    first_label,
    join_labels,
    drop_several_labels,
    label_from_column,
    combine_columns,
)


def _relabelled(examples: Examples, sign: str, label_of: Callable[[list[str]], str | None]) -> Examples:
    labels = labels_of(examples)
    made = [label_of(parts_of(label, sign)) if label else None for label in labels]
    return examples.assign(label=pd.Series(made, index=examples.index, dtype=object))


def _check_columns(examples: Examples, columns: Sequence[str]) -> None:
    for column in columns:
        if column not in examples or column in _NOT_COLUMNS:
            others = [str(name) for name in examples if name not in _NOT_COLUMNS]
            raise DataError(
                _("There is no column “{column}”; there are {columns}.").format(column=column, columns=", ".join(others))
            )
