"""The columns of Compare's table: what a run is, its results, and any of its params, metrics and tags. Numbers stay numbers."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from pages.components.comparison import differing_settings, free_head, main_metrics, result_of, results_of, setting_number
from pages.components.formats import metric_label, setting_label
from pages.components.remembered import of_same_runs
from pages.components.run_facts import dataset_words
from pages.components.session import state_colours, state_text
from trainer_core.language import Words, mark
from trainer_core.language import gettext as _
from trainer_core.measures import is_share
from trainer_core.settings import SETTINGS
from trainer_core.tracking.records import RunRecord

SWATCH, NAME, STAR, STATE = " ", mark("Name"), "★", mark("State")
_DASHES = {"solid": "", "dash": "7,4", "dot": "2,3", "dashdot": "7,3,2,3", "longdash": "11,4"}
_SETTINGS_SHOWN = 3
_SMALL = 1e-3
"""Below it a setting is read more easily as 2e-5 than as 0.00002."""
_EXACT = 2.0**53
FACTS = Words(
    {
        "minutes": mark("Minutes"),
        "started": mark("Started"),
        "dataset": mark("Dataset"),
        "recipe": mark("Recipe"),
        "tags": mark("Tags"),
        "note": mark("Note"),
    }
)


@of_same_runs
def choosable_columns(runs: Sequence[RunRecord]) -> list[str]:
    """What can be a column: results, facts, the settings that differ, then all others."""
    differing = differing_settings(runs)
    others = [name for name in SETTINGS if name not in (*differing, "name")]
    foreign = sorted({name for run in runs for name in run.params if name not in SETTINGS and name not in differing})
    return list(dict.fromkeys([*results_of(runs), *FACTS, *differing, *others, *foreign]))


def default_columns(runs: Sequence[RunRecord]) -> list[str]:
    """The main result of each kind of run, the settings that differ among the runs, and when they ran."""
    return [*(main_metrics(runs) or results_of(runs)[:1]), *differing_settings(runs)[:_SETTINGS_SHOWN], "minutes", "started"]


def column_label(name: str) -> str:
    """A column's head."""
    if name in FACTS and name != "dataset":
        return FACTS[name]
    if "/" in name:
        label = metric_label(name, "")  # all are of one split, or of any
        return f"{label} (%)" if is_share(name) else label
    return setting_label(name)


def compare_rows(runs: Sequence[RunRecord], looks: Mapping[str, tuple[str, str]], columns: Sequence[str]) -> pd.DataFrame:
    """A row a run. `looks` are colour and dash of the runs that are drawn, by id. Shares are in per cent."""
    stars = ["★" if run.starred else "" for run in runs]
    frame: dict[str, Any] = {
        SWATCH: [swatch(*looks[run.run_id]) if run.run_id in looks else None for run in runs],
        NAME: [run.name for run in runs],
    }
    if any(stars):
        frame[STAR] = stars
    leading = [name for name in columns[:1] if name in results_of(runs)]  # the first question about a run is how good it is
    for name in leading:
        frame[free_head(column_label(name), {*frame, STATE})] = _column(runs, name)
    frame[STATE] = [[state_text(run.state)] for run in runs]
    for name in columns[len(leading) :]:
        frame[free_head(column_label(name), frame)] = _column(runs, name)
    return pd.DataFrame(frame)


def swatch(colour: str, dash: str) -> str:
    """A short line as the chart draws it, as an image."""
    dashes = f" stroke-dasharray='{_DASHES.get(dash, '')}'" if _DASHES.get(dash) else ""
    line = f"<line x1='1' y1='8' x2='31' y2='8' stroke='{colour}' stroke-width='4'{dashes}/>"
    return "data:image/svg+xml," + quote(f"<svg xmlns='http://www.w3.org/2000/svg' width='32' height='16'>{line}</svg>")


def compare_column_config(frame: pd.DataFrame, zone: tzinfo) -> dict[str, Any]:
    """How the columns look."""
    colours = state_colours()
    config: dict[str, Any] = {
        SWATCH: st.column_config.ImageColumn(width=34, help=_("The run's line in the charts.")),
        # Up to the state it fits beside the charts.
        NAME: st.column_config.TextColumn(_(NAME), width=110 if STAR in frame else 125),
        STAR: st.column_config.TextColumn(width=28, help=_("Starred runs.")),
        STATE: st.column_config.MultiselectColumn(_(STATE), options=list(colours), color=list(colours.values()), width=98),
        FACTS["started"]: st.column_config.DatetimeColumn(format=_("D MMM, HH:mm"), timezone=str(zone), width=115),
        FACTS["minutes"]: st.column_config.NumberColumn(
            format="%.1f", width=80, help=_("How long the run was worked on, pauses left out.")
        ),
    }
    for head in map(str, frame):
        if head not in config and pd.api.types.is_float_dtype(frame[head]):
            width = 92 if head.endswith("(%)") else 105
            config[head] = st.column_config.NumberColumn(format=_number_format(head, frame[head].to_numpy()), width=width)
    return config


def _number_format(head: str, values: NDArray[np.float64]) -> str:
    """Whole numbers in full, shares with two decimals, settings to their last digit, as 2e-5 where some are that small, and what
    is measured with four digits."""
    if head.endswith("(%)"):
        return "%.2f"
    finite = np.abs(values[np.isfinite(values)])
    if head in {setting_label(name) for name in SETTINGS}:
        small = finite[finite > 0].min(initial=np.inf) < _SMALL
        return "%e" if small else "%g"
    return "%d" if finite.size and np.all(finite == np.floor(finite)) and finite.max() < _EXACT else "%.4g"


def _column(runs: Sequence[RunRecord], name: str) -> Any:
    if name == "minutes":
        return [run.duration_seconds / 60 if run.duration_seconds is not None else np.nan for run in runs]
    if name == "started":
        return pd.to_datetime(pd.Series([run.started or run.created for run in runs]), utc=True)
    if name == "dataset":
        return [dataset_words(run) for run in runs]
    if name == "recipe":
        return [run.recipe or "–" for run in runs]
    if name == "tags":
        return [", ".join(f"{key}={value}" if value else key for key, value in run.labels.items()) for run in runs]
    if name == "note":
        return [run.note for run in runs]
    if name not in SETTINGS and any(name in run.metrics for run in runs):
        scale = 100.0 if "/" in name and is_share(name) else 1.0  # as the head says
        return [np.nan if (value := result_of(run, name)) is None else value * scale for run in runs]
    values = [run.settings.get(name) for run in runs]
    numbers = [setting_number(run, name) for run in runs]
    if all(number is not None or value in (None, "") for number, value in zip(numbers, values, strict=True)):
        return [np.nan if number is None else number for number in numbers]
    return ["–" if value is None or value == "" else _word(value) for value in values]


def _word(value: Any) -> str:
    return ", ".join(str(part) for part in value) if isinstance(value, tuple) else str(value)
