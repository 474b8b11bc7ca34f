"""Finding runs: words, comparisons of numbers, and ranges. No Streamlit here.

`wide -failed learning_rate<1e-3 eval/accuracy>=0.9 state:finished tag:paper starred`: all must hold. A word occurs anywhere in a
run's name, id, state, recipe, params, tags or note; quotes hold words together; a minus in front excludes. What can't be read as a
comparison is a word.
"""

import math
import operator
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache

from pages.components.comparison import finite_number, result_of, setting_number
from pages.components.formats import setting_label
from pages.components.remembered import of_same_runs
from trainer_core.language import gettext as _
from trainer_core.language import language
from trainer_core.settings import SETTINGS
from trainer_core.tracking.records import RunRecord

_WORDS = re.compile(r"""-?'[^']+'(?!\S)|(?:"[^"]*(?:"|$)|[^\s"])+""")
_QUOTED = re.compile(r"(-?)'([^']+)'")
_COMPARISON = re.compile(r"([\w./ -]+?)(<=|>=|!=|=|<|>)(.+)")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
_TEXTS: LRUCache[tuple[int, str], tuple[RunRecord, str]] = LRUCache(maxsize=20_000)
"""By identity of the record, the same as long as its run is, and by language: all that a word may occur in, in lower case."""
_LOCK = threading.Lock()


@dataclass(frozen=True)
class RangeFilter:
    """Numbers between `low` and `high`, both included; None leaves an end open. `column` is a param or a metric."""

    column: str
    low: float | None = None
    high: float | None = None


def find(runs: Sequence[RunRecord], text: str, filters: Sequence[RangeFilter] = ()) -> list[RunRecord]:
    """The runs that the search and all filters fit, in their order."""
    tests = [_test(word) for word in _words(text)]
    for wanted in filters:
        tests.append(_range_test(wanted))
    return [run for run in runs if all(test(run) for test in tests)]


def number_of(run: RunRecord, column: str) -> float | None:
    """A run's number by a param's or a metric's name, or by the last part of one: `learning_rate`, `eval/loss`, `accuracy`,
    `minutes`. Of evaluations that at the best checkpoint, the last of other metrics; else a user's tag that is a number."""
    value = setting_number(run, column)
    if value is not None:
        return value
    if column == "minutes":
        seconds = run.duration_seconds
        return None if seconds is None else seconds / 60
    for key in (column, f"eval/{column}", f"test/{column}", f"train/{column}"):
        found = result_of(run, key)
        if found is not None:
            return found
    ending = f"/{column}"
    found = next((result_of(run, key) for key in run.metrics if key.endswith(ending)), None)
    return finite_number(run.labels.get(column, "")) if found is None else found


@of_same_runs
def number_columns(runs: Sequence[RunRecord]) -> dict[str, tuple[float, float]]:
    """The params and results that are numbers and differ among the runs, with their lowest and highest."""
    values: dict[str, list[float]] = {}
    for run in runs:
        for name in run.settings:
            if (number := setting_number(run, name)) is not None:
                values.setdefault(name, []).append(number)
        for key in run.metrics:
            if key.startswith(("eval/", "test/", "train/loss")) and (number := result_of(run, key)) is not None:
                values.setdefault(key, []).append(number)
    finite = {name: [value for value in own if math.isfinite(value)] for name, own in values.items()}
    return {name: (min(own), max(own)) for name, own in finite.items() if own and min(own) < max(own)}


def write_filters(filters: Sequence[RangeFilter]) -> str:
    """Filters as the address holds them: `learning_rate:1e-05:0.001|eval/loss::0.4`."""
    return "|".join(f"{one.column}:{_end(one.low)}:{_end(one.high)}" for one in filters)


def parse_filters(text: str) -> list[RangeFilter]:
    """Filters from the address; what can't be read is passed over."""
    filters = []
    for part in text.split("|"):
        column, *ends = part.rsplit(":", 2)
        if len(ends) != 2 or any(end and finite_number(end) is None for end in ends):
            continue
        low, high = (finite_number(end) for end in ends)
        if column and (low is not None or high is not None):
            filters.append(RangeFilter(column, low, high))
    return filters


def _end(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _words(text: str) -> list[str]:
    """The words, without their quotes; an open quote, as while typing, goes to the end. An apostrophe within a word is a letter."""
    parts = (_QUOTED.sub(r"\1\2", part) if _QUOTED.fullmatch(part) else part.replace('"', "") for part in _WORDS.findall(text))
    return [part for part in parts if part.strip()]


def _test(word: str) -> Callable[[RunRecord], bool]:
    if word.startswith("-") and len(word) > 1:
        inner = _test(word[1:])
        return lambda run: not inner(run)
    lower = word.lower()
    if lower == "starred":
        return lambda run: run.starred
    if lower.startswith("state:"):
        return lambda run: run.state.startswith(lower[6:])
    if lower.startswith("tag:"):
        return lambda run: any(lower[4:] in f"{name}={value}".lower() for name, value in run.labels.items())
    found = _COMPARISON.fullmatch(word)
    if found:
        column, sign, text = found.groups()
        number = finite_number(text)
        if number is not None:
            return _comparison(_name_of(column), sign, number, lower)
    return lambda run: lower in _text(run)


def _comparison(name: str, sign: str, number: float, word: str) -> Callable[[RunRecord], bool]:
    compare = _OPERATORS[sign]

    def holds(run: RunRecord) -> bool:
        value = number_of(run, name)
        if value is None:
            return sign == "=" and word in _text(run)
        if sign in ("=", "!="):
            return math.isclose(value, number, rel_tol=1e-9) == (sign == "=")
        return compare(value, number)

    return holds


def _name_of(column: str) -> str:
    """A setting's name, given by it or by its label: `learning rate`."""
    plain = column.strip().lower()
    return next((name for name in SETTINGS if plain in (name, setting_label(name).lower())), column.strip())


def _range_test(wanted: RangeFilter) -> Callable[[RunRecord], bool]:
    low, high = wanted.low if wanted.low is not None else -math.inf, wanted.high if wanted.high is not None else math.inf

    def within(run: RunRecord) -> bool:
        value = number_of(run, wanted.column)
        return value is not None and low <= value <= high

    return within


def _text(run: RunRecord) -> str:
    with _LOCK:
        known = _TEXTS.get((id(run), language()))
    if known is not None and known[0] is run:
        return known[1]
    parts = [run.name, run.run_id, run.state, _(run.state), run.recipe or "", run.experiment, run.note]
    parts += [f"{name}={value}\n{setting_label(name)}={value}" for name, value in run.params.items() if value]
    parts += [f"{name}={run.tags[name]}" for name in run.labels]
    text = "\n".join(parts).lower()
    with _LOCK:
        _TEXTS[id(run), language()] = (run, text)
    return text
