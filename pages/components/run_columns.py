"""The columns of Compare's table: what a run is, its results, and any of its params, metrics and tags. Numbers stay numbers."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Literal
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
from trainer_core.tracking.measured_rows import mark_words, rows_marks
from trainer_core.tracking.records import RunRecord

Kind = Literal["fact", "setting", "metric"]
SWATCH, NAME, STAR, STATE, ROWS = " ", mark("Name"), "★", mark("State"), mark("Measured rows")
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


def kind_of_column(name: str, runs: Sequence[RunRecord]) -> Kind:
    """Whether a column is a metric, a setting, or a fact about the run. What is both, to a run of another program, is a metric."""
    if name in FACTS and name not in SETTINGS:
        return "fact"
    if name in SETTINGS:
        return "setting"
    return "metric" if any(name in run.metrics for run in runs) or not any(name in run.params for run in runs) else "setting"


def column_heads(runs: Sequence[RunRecord], columns: Iterable[str] = ()) -> dict[str, str]:
    """The heads of all that can be a column, and of `columns`. No two are alike, and none depends on which others are shown: what
    Descent sets has its plain label, a metric of that name is said to be logged.
    """
    ranked = sorted(dict.fromkeys([*choosable_columns(runs), *columns]), key=lambda name: name not in (*SETTINGS, *FACTS))
    heads: dict[str, str] = {}
    taken = {SWATCH, STAR, NAME, _(NAME), STATE, _(STATE), ROWS, _(ROWS)}
    for name in ranked:
        kind = kind_of_column(name, runs)
        unit = " (%)" if kind == "metric" and _in_per_cent(name) else ""
        label = FACTS[name] if kind == "fact" else metric_label(name, "") if kind == "metric" else setting_label(name)
        told = _("{label}, logged") if kind == "metric" else _("{label}, set")
        candidates = (label, told.format(label=label), f"{label} ({name})")
        heads[name] = next((head for head in candidates if head + unit not in taken), free_head(label, taken)) + unit
        taken.add(heads[name])
    return heads


def column_options(runs: Sequence[RunRecord]) -> dict[str, str]:
    """What can be a column, as it is offered: its head, and whether it is a setting or a metric."""
    words = {"setting": _("{head} · setting"), "metric": _("{head} · metric"), "fact": "{head}"}
    heads = column_heads(runs)
    return {name: words[kind_of_column(name, runs)].format(head=heads[name]) for name in choosable_columns(runs)}


def column_help(name: str, runs: Sequence[RunRecord]) -> str:
    """Where a column's values come from."""
    if kind_of_column(name, runs) == "setting":
        return _("The setting {name}.").format(name=name)
    if name.startswith("eval/"):
        return _("The metric {name} at the run's best checkpoint.").format(name=name)
    return _("The metric {name}, its last value.").format(name=name)


def compare_rows(runs: Sequence[RunRecord], looks: Mapping[str, tuple[str, str]], columns: Sequence[str]) -> pd.DataFrame:
    """A row a run. `looks` are colour and dash of the runs that are drawn, by id. Shares are in per cent."""
    stars = ["★" if run.starred else "" for run in runs]
    frame: dict[str, Any] = {
        SWATCH: [swatch(*looks[run.run_id]) if run.run_id in looks else None for run in runs],
        NAME: [run.name for run in runs],
    }
    if any(stars):
        frame[STAR] = stars
    columns, heads = list(dict.fromkeys(columns)), column_heads(runs, columns)
    leading = [name for name in columns[:1] if name in results_of(runs)]  # the first question about a run is how good it is
    for name in leading:
        frame[heads[name]] = _column(runs, name)
    marks = rows_marks(runs)
    if any(marks.values()):  # beside the result: whoever ranks by it sees what it was measured on
        frame[ROWS] = [mark_words(marks[run.run_id]) for run in runs]
    frame[STATE] = [[state_text(run.state)] for run in runs]
    for name in columns[len(leading) :]:
        frame[heads[name]] = _column(runs, name)
    return pd.DataFrame(frame)


def swatch(colour: str, dash: str) -> str:
    """A short line as the chart draws it, as an image."""
    dashes = f" stroke-dasharray='{_DASHES.get(dash, '')}'" if _DASHES.get(dash) else ""
    line = f"<line x1='1' y1='8' x2='31' y2='8' stroke='{colour}' stroke-width='4'{dashes}/>"
    return "data:image/svg+xml," + quote(f"<svg xmlns='http://www.w3.org/2000/svg' width='32' height='16'>{line}</svg>")


def compare_column_config(
    frame: pd.DataFrame, zone: tzinfo, runs: Sequence[RunRecord] = (), columns: Sequence[str] = ()
) -> dict[str, Any]:
    """How the columns look. Those of `columns` that are a setting or a metric say which, and where it comes from."""
    heads = column_heads(runs, columns)
    helps = {heads[name]: column_help(name, runs) for name in columns if name not in FACTS}
    colours = state_colours()
    config: dict[str, Any] = {
        SWATCH: st.column_config.ImageColumn(width=34, help=_("The run's line in the charts.")),
        # Up to the state it fits beside the charts.
        NAME: st.column_config.TextColumn(_(NAME), width=110 if STAR in frame else 125),
        STAR: st.column_config.TextColumn(width=28, help=_("Starred runs.")),
        STATE: st.column_config.MultiselectColumn(_(STATE), options=list(colours), color=list(colours.values()), width=98),
        ROWS: st.column_config.TextColumn(
            _(ROWS),
            width=105,
            help=_(
                "Other rows: measured on other rows or labels than most of the runs in the table, so figures do not rank them "
                "against each other. Rows unknown: launched before Descent noted them."
            ),
        ),
        FACTS["started"]: st.column_config.DatetimeColumn(format=_("D MMM, HH:mm"), timezone=str(zone), width=115),
        FACTS["minutes"]: st.column_config.NumberColumn(
            format="%.1f", width=80, help=_("How long the run was worked on, pauses left out.")
        ),
    }
    for head in map(str, frame):
        if head not in config and pd.api.types.is_float_dtype(frame[head]):
            width = 92 if head.endswith("(%)") else 105
            written = _number_format(head, frame[head].to_numpy())
            config[head] = st.column_config.NumberColumn(format=written, width=width, help=helps.get(head))
        elif head not in config and head in helps:
            config[head] = st.column_config.Column(help=helps[head])
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
    if kind_of_column(name, runs) == "metric":
        scale = 100.0 if _in_per_cent(name) else 1.0  # as the head says
        return [np.nan if (value := result_of(run, name)) is None else value * scale for run in runs]
    values = [run.settings.get(name) for run in runs]
    numbers = [setting_number(run, name) for run in runs]
    if all(number is not None or value in (None, "") for number, value in zip(numbers, values, strict=True)):
        return [np.nan if number is None else number for number in numbers]
    return ["–" if value is None or value == "" else _word(value) for value in values]


def _in_per_cent(metric: str) -> bool:
    """Whether a metric is one of ours that is a share: what another program calls accuracy may be in per cent already."""
    return "/" in metric and is_share(metric)


def _word(value: Any) -> str:
    return ", ".join(str(part) for part in value) if isinstance(value, tuple) else str(value)
