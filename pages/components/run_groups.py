"""Runs that share settings, as one: what a comparison draws as a mean with a band. No Streamlit here."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pages.components.comparison import free_head, result_of, setting_number
from pages.components.formats import format_setting, metric_label, setting_label
from trainer_core.language import gettext as _
from trainer_core.language import listed, ngettext
from trainer_core.measures import is_lower_better, is_share
from trainer_core.settings import SETTINGS
from trainer_core.tracking.measured_rows import mark_words, rows_marks
from trainer_core.tracking.records import RunRecord

NEVER = ("seed", "name")
"""Settings that are no part of a group: runs that differ in them alone are repetitions."""


@dataclass(frozen=True)
class RunGroup:
    """Runs with the same values of some settings."""

    settings: tuple[tuple[str, Any], ...]
    runs: tuple[RunRecord, ...]

    @property
    def label(self) -> str:
        """`Learning rate 1e-3 · Batch size 64 (3 runs)`."""
        words = " · ".join(f"{setting_label(name)} {format_setting(name, value)}" for name, value in self.settings)
        return f"{words} ({ngettext('{count} run', '{count} runs', len(self.runs)).format(count=len(self.runs))})"


def group_runs(runs: Sequence[RunRecord], names: Sequence[str]) -> list[RunGroup]:
    """Groups by the values of the settings, in the order of those; runs that lack one make a group of their own."""
    wanted = [name for name in names if name not in NEVER]
    if not wanted:
        return []
    members: dict[tuple[Any, ...], list[RunRecord]] = {}
    for run in runs:
        members.setdefault(tuple(_setting(run, name) for name in wanted), []).append(run)
    ordered = sorted(members, key=lambda values: [_rank(value) for value in values])
    return [RunGroup(tuple(zip(wanted, values, strict=True)), tuple(members[values])) for values in ordered]


def group_rows(groups: Sequence[RunGroup], key: str, split: str) -> pd.DataFrame:
    """A row a group: its settings, how many runs, and of a result mean, sample deviation, lowest, highest and the best run's
    name. Shares are in per cent."""
    unit = " (%)" if is_share(key) else ""
    mean = metric_label(key, split) + unit
    own = (_("Runs"), mean, _("± deviation"), _("Lowest"), _("Highest"), _("Best run"), _("Measured rows"))
    columns: dict[str, list[Any]] = {}
    for place, (name, _value) in enumerate(groups[0].settings if groups else ()):
        values_of_groups = [group.settings[place][1] for group in groups]
        columns[free_head(setting_label(name), (*columns, *own))] = _setting_column(name, values_of_groups)
    columns[_("Runs")] = [len(group.runs) for group in groups]
    found = [_values(group, key) for group in groups]
    columns[mean] = [statistics.fmean(values) if values else np.nan for values in found]
    columns[_("± deviation")] = [statistics.stdev(values) if len(values) > 1 else np.nan for values in found]
    columns[_("Lowest")] = [min(values, default=np.nan) for values in found]
    columns[_("Highest")] = [max(values, default=np.nan) for values in found]
    columns[_("Best run")] = [_best_run(group, key) for group in groups]
    marks = rows_marks([run for group in groups for run in group.runs])
    if any(marks.values()):
        columns[_("Measured rows")] = [_marks_of(group, marks) for group in groups]
    return pd.DataFrame(columns)


def _setting(run: RunRecord, name: str) -> Any:
    """A setting as groups tell it apart: a number of another program's run is one however it is written."""
    if name in SETTINGS or (number := setting_number(run, name)) is None:
        return run.settings.get(name)
    return int(number) if number.is_integer() else number


def _setting_column(name: str, values: Sequence[Any]) -> list[Any]:
    """Numbers as such, so that they sort by value; anything else as words."""
    if all(value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in values):
        return [np.nan if value is None else float(value) for value in values]
    return [format_setting(name, value) for value in values]


def _usable(value: float | None) -> bool:
    """Whether a result counts: MLflow keeps an infinity as the largest number there is."""
    return value is not None and bool(np.isfinite(value)) and abs(value) < 1.79e308


def _values(group: RunGroup, key: str) -> list[float]:
    scale = 100.0 if is_share(key) else 1.0
    found = (result_of(run, key) for run in group.runs)
    return [value * scale for value in found if value is not None and _usable(value)]


def _best_run(group: RunGroup, key: str) -> str:
    measured = [(value, run.name) for run in group.runs if (value := result_of(run, key)) is not None and _usable(value)]
    return (min if is_lower_better(key) else max)(measured)[1] if measured else "–"


def _marks_of(group: RunGroup, marks: Mapping[str, str]) -> str:
    """What there is to say of the rows that the group's runs were measured on; empty where all are those of the most runs."""
    return listed(sorted({mark_words(marks[run.run_id]) for run in group.runs if marks[run.run_id]}))


def _rank(value: Any) -> tuple[int, float, str]:
    """Numbers by size, then words, then nothing."""
    if isinstance(value, (int, float)):
        return 0, float(value), ""
    return (2, 0.0, "") if value is None else (1, 0.0, str(value))
