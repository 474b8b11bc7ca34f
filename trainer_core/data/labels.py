"""What a label is, and in which order classes stand. Inspection, saving, training, prediction and every export ask here.

- Nothing, NaN and blanks are no label. The words nan, None, null and NA, in any case, are read as missing too, unless they are
  meant (`WordsMean`): with `auto` they are a class where at least a tenth of the rows says so beside labels that are words.
- 1 and 1.0 are one class only where all labels are plain decimals without leading zeros; 01 and 1 are two. true, True and TRUE
  are one.
- A class is called by its commonest spelling.
- Classes stand in the order of their numbers, then of their words by code point. Digits outside ASCII (①, Ⅳ, ٣) are words.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from trainer_core.data.cells import as_text
from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.language import listed

WordsMean = Literal["auto", "missing", "class"]
MISSING_WORDS = frozenset({"nan", "none", "null", "na"})
"""In small letters."""
CLASS_SHARE = 0.1
"""The share of rows from which such words are a class of their own, beside labels that are words."""
_PLAIN = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?", re.ASCII)
_SHOWN = 12


@dataclass(frozen=True)
class Labels:
    """The classes of a label column: `names` in their order, `name_of` each spelling that stands for one of them.

    `words` counts the rows of each word that may mean a missing label; `words_missing` says whether they do.
    """

    names: tuple[str, ...]
    name_of: Mapping[str, str]
    words: Mapping[str, int]
    words_missing: bool

    def name(self, value: Any) -> str:
        """The class that a cell names; empty where it names none."""
        return self.name_of.get(label_text(value), "")


@dataclass(frozen=True)
class Classes:
    """How labels become numbers: `names` by number, and the number of each spelling."""

    names: tuple[str, ...]
    number_of: Mapping[str, int]


def label_text(value: Any) -> str:
    """A cell as a label is written, without space around it; empty where there is none."""
    return as_text(value).strip()


def is_missing_word(text: str) -> bool:
    """Whether it is one of the words by which programs write that there is nothing."""
    return text.casefold() in MISSING_WORDS


def find_labels(values: Iterable[Any], words_mean: WordsMean = "auto") -> Labels:
    """The classes among the cells of all splits together: one split may write 1 where another writes 1.0."""
    counts = Counter(label_text(value) for value in values)
    counts.pop("", None)
    words = {text: count for text, count in counts.items() if is_missing_word(text)}
    rest = {text: count for text, count in counts.items() if text not in words}
    missing = bool(words) and not _are_a_class(words, rest, words_mean)
    spellings: dict[str, Counter[str]] = {}
    written = rest if missing else counts
    plain = all(map(_PLAIN.fullmatch, written))
    for text, count in written.items():
        spellings.setdefault(_key(text, plain), Counter())[text] = count
    name_of: dict[str, str] = {}
    for ways in spellings.values():
        name = min(ways, key=lambda way: (-ways[way], len(way), way))
        name_of |= dict.fromkeys(ways, name)
    return Labels(tuple(sorted(set(name_of.values()), key=place_of)), name_of, words, missing)


def place_of(name: str) -> tuple[int, Decimal, str]:
    """By what classes are sorted: numbers by their size first, then words by code point."""
    return (0, Decimal(name), name) if _NUMBER.fullmatch(name) else (1, Decimal(0), name)


def number_classes(source: str, labels: Labels, given: Sequence[str] = (), known: Sequence[str] = ()) -> Classes:
    """The number of each class.

    `known` are the source's own classes in their order, those without a row among them. `given` are names that the user wants: as
    they are where they name the labels, else in the order of the labels' numbers. Raises DataError where they fit neither way.
    """
    own = tuple(known) or labels.names
    if not given:
        return Classes(own, {text: own.index(name) for text, name in labels.name_of.items()})
    names = tuple(given)
    if len(set(names)) != len(names):
        raise DataError(_("The label names {names} repeat one. Each label needs a name of its own.").format(names=", ".join(names)))
    by_label = _matching(own, names)
    if by_label is None and (partly := [name for name in own if name in names]):
        raise DataError(
            _(
                "Of the labels of {source}, {some} are among the label names {names} and {others} are not, so it can't be told "
                "which name is whose. Name all of them as they stand in the data, or none."
            ).format(
                source=source,
                some=listed(partly[:_SHOWN]),
                names=listed(names[:_SHOWN]),
                others=listed([name for name in own if name not in names][:_SHOWN]),
            )
        )
    if by_label is None:
        by_label = _by_number(own, len(names))
    if by_label is None and len(own) == len(names):
        by_label = {name: index for index, name in enumerate(own)}
    if by_label is None:
        raise DataError(
            _("{source} has the labels {labels}, but {count} label names were given. Give a name for each.").format(
                source=source, labels=", ".join(own[:_SHOWN]), count=len(names)
            )
        )
    return Classes(names, {text: by_label[name] for text, name in labels.name_of.items()})


def same_classes(names: Sequence[str], others: Sequence[str]) -> list[int] | None:
    """For each of `others` its place among `names`, where both are the same classes, however they are spelled; else None."""
    matching = _matching(others, names)
    return list(matching.values()) if matching is not None and len(names) == len(others) else None


def several_in_one(values: Iterable[Any]) -> str:
    """What parts the labels where cells hold several: `[` for lists as JSON, or a sign such as `|`; empty where none do.

    Of a sign it is believed where a part of one label is part of others too: a comma in “Boston, MA” parts no labels.
    """
    counts = Counter(text for value in values if (text := label_text(value)))
    if any(text.startswith("[") and text.endswith("]") for text in counts):
        return "["
    for sign in "|;,":
        cut = {text: parts_of(text, sign) for text in counts}
        several = [parts for parts in cut.values() if len(parts) > 1]
        parts = Counter(part for found in cut.values() for part in set(found))
        if len(several) >= 2 and len(parts) < len(cut) and all(any(parts[part] > 1 for part in found) for found in several):
            return sign
    return ""


def parts_of(label: str, sign: str) -> list[str]:
    """The labels in a cell, see `several_in_one`."""
    if sign != "[":
        return [part.strip() for part in label.split(sign) if part.strip()]
    import json

    try:
        found = json.loads(label)
    except (ValueError, RecursionError):
        return [label]
    return [label_text(part) for part in found] if isinstance(found, list) else [label]


def _are_a_class(words: Mapping[str, int], rest: Mapping[str, int], words_mean: WordsMean) -> bool:
    if words_mean != "auto":
        return words_mean == "class"
    if all(_NUMBER.fullmatch(text) or text.casefold() in ("true", "false") for text in rest):
        return False
    said = sum(words.values())
    return said >= CLASS_SHARE * (said + sum(rest.values()))


def _key(text: str, plain: bool) -> str:
    if plain:
        return text.removesuffix(".0")
    return text.casefold() if text.casefold() in ("true", "false") else text


def _matching(labels: Sequence[str], names: Sequence[str]) -> dict[str, int] | None:
    """The place of each label among names that say the same; None where one is not among them."""
    plain = all(map(_PLAIN.fullmatch, (*labels, *names)))
    keys = [_key(name, plain) for name in names]
    if not {_key(label, plain) for label in labels} <= set(keys):
        return None
    return {label: names.index(label) if label in names else keys.index(_key(label, plain)) for label in labels}


def _by_number(labels: Sequence[str], count: int) -> dict[str, int] | None:
    numbers = {}
    for label in labels:
        number = Decimal(label) if _PLAIN.fullmatch(label) else None
        if number is None or number != number.to_integral_value() or not 0 <= number < count:
            return None
        numbers[label] = int(number)
    return numbers
