"""How labels were read before rules had names: runs that were launched then are read so, and so keep their figures.

Their faults are known: where a saved dataset's classes were called 0.0, 1.0, … 10.0, they stood in the order of the alphabet while
rows were numbered by their value, so that a model answered rightly under a wrong name. `misnamed` finds such names.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from trainer_core.data.labels import Classes
from trainer_core.errors import DataError
from trainer_core.language import gettext as _


def label_text(value: Any) -> str:
    """A cell as a label was written: whole numbers without their point."""
    text = str(value).strip()
    return text.removesuffix(".0") if text.endswith(".0") and text[:-2].isdigit() else text


def number_classes(source: str, values: Sequence[Any], given: Sequence[str], known: Sequence[str]) -> Classes:
    """The number of each class among the cells of all splits. Raises DataError where names that were given do not fit."""
    labels = sorted({label_text(value) for value in values}, key=_by_number)
    names = tuple(given) or tuple(known) or tuple(labels)
    if len(set(names)) != len(names):
        raise DataError(_("The label names {names} repeat one. Each label needs a name of its own.").format(names=", ".join(names)))
    numbers: Mapping[str, int] = {label: index for index, label in enumerate(labels)}
    if all(label.isdigit() and int(label) < len(names) for label in labels):
        numbers = {label: int(label) for label in labels}
    elif set(labels) <= set(names):
        numbers = {label: names.index(label) for label in labels}
    elif len(labels) != len(names):
        raise DataError(
            _("{source} has the labels {labels}, but {count} label names were given. Give a name for each.").format(
                source=source, labels=", ".join(labels[:12]), count=len(names)
            )
        )
    return Classes(names, {label: number for label, number in numbers.items() if label})


def misnamed(names: Sequence[str]) -> dict[str, str]:
    """The class names of a checkpoint that are another class's, each with the label that its rows had; {} where all are right."""
    labels = [label_text(name) for name in names]
    if not all(label.isascii() and label.isdigit() and len(label) < 10 and int(label) < len(names) for label in labels):
        return {}  # rows were numbered by name, or names were the user's own
    return {
        name: str(number)
        for number, (name, label) in enumerate(zip(names, labels, strict=True))
        if int(label) != number and str(number) in labels  # else no row was of that class
    }


def _by_number(value: str) -> tuple[int, int, str]:
    return (0, int(value), value) if value.removeprefix("-").isdecimal() else (1, 0, value)
