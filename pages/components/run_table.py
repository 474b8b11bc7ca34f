"""Runs as the rows of a table: the history, newest first."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.formats import format_duration, format_metric, per_cent
from pages.components.run_facts import dataset_words, evaluated_on
from pages.components.session import state_colours, state_text
from trainer_core.language import gettext as _
from trainer_core.language import mark
from trainer_core.measures import is_share, measure_label
from trainer_core.settings import format_number
from trainer_core.tracking.measured_rows import mark_words, rows_marks
from trainer_core.tracking.read import RunRecord

NAME, STATE, RESULT, MEASURED, TEST = mark("Name"), mark("State"), mark("Result"), mark("Measured on"), mark("Final test")
RECIPE, DATASET, RATE, TIME, STARTED = mark("Recipe"), mark("Dataset"), mark("Learning rate"), mark("Time"), mark("Started")


def run_rows(runs: Sequence[RunRecord]) -> pd.DataFrame:
    """A row a run. Numbers stay numbers, so that columns sort; shares are in per cent, times in seconds."""

    def number(values: list[Any]) -> pd.Series:
        return pd.Series([np.nan if value is None else float(value) for value in values], dtype="float64")

    marks = rows_marks(runs)
    return pd.DataFrame(
        {
            NAME: [run.name for run in runs],
            STATE: [[state_text(run.state)] for run in runs],
            RESULT: number([_shown_number(run, run.headline) for run in runs]),
            MEASURED: [" · ".join(filter(None, (_(evaluated_on(run)), mark_words(marks[run.run_id])))) for run in runs],
            TEST: number([_shown_number(run, run.tested) for run in runs]),
            TIME: number([run.duration_seconds for run in runs]),
            STARTED: pd.to_datetime(pd.Series([run.started or run.created for run in runs]), utc=True),
            RECIPE: [run.recipe or "–" for run in runs],
            DATASET: [dataset_words(run) for run in runs],
            RATE: number([_as_number(run.settings.get("learning_rate")) for run in runs]),
        }
    )


def _shown_number(run: RunRecord, value: float | None) -> float | None:
    """A figure of the run's main metric as a column has it: shares in per cent."""
    return None if value is None else value * (100.0 if is_share(run.main_metric) else 1.0)


def styled(rows: pd.DataFrame, runs: Sequence[RunRecord]) -> Any:
    """The rows of these runs with their numbers written for people; sorting still goes by value. What is no share of one says
    what it is: errors and perplexities stand in one column with accuracies.
    """
    formats: dict[str, Any] = {RATE: _rate, TIME: _seconds}
    style = rows.style.format({column: how for column, how in formats.items() if column in rows})
    rows_of: dict[str, list[int]] = {}
    for place, run in enumerate(runs):
        rows_of.setdefault(run.main_metric, []).append(place)
    for key, places in rows_of.items():
        style = style.format(partial(_figure, key), subset=pd.IndexSlice[rows.index[places], [RESULT, TEST]])
    return style


def column_config(zone: tzinfo) -> Mapping[str, Any]:
    """How the columns look: states in colour beside sign and word, the start as a date in the viewer's zone."""
    colours = state_colours()
    return {
        NAME: st.column_config.TextColumn(_(NAME), width=122),
        STATE: st.column_config.MultiselectColumn(_(STATE), options=list(colours), color=list(colours.values()), width=105),
        RESULT: st.column_config.NumberColumn(
            _(RESULT),
            help=_("Accuracy, or the metric that is named, at the best checkpoint: the one that the playground answers with."),
            width=115,
        ),
        MEASURED: st.column_config.TextColumn(
            _(MEASURED),
            help=_(
                "The split that is evaluated during training. Other rows: than most of the runs in the table, so figures do not "
                "rank them against each other. Rows unknown: launched before Descent noted them."
            ),
            width=125,
        ),
        TEST: st.column_config.NumberColumn(
            _(TEST), help=_("Measured once, at the end, on rows that training never saw."), width=85
        ),
        TIME: st.column_config.NumberColumn(_(TIME), help=_("How long the run was worked on, pauses left out."), width=90),
        STARTED: st.column_config.DatetimeColumn(_(STARTED), format=_("D MMM, HH:mm"), timezone=str(zone), width=115),
        RECIPE: st.column_config.TextColumn(_(RECIPE), width=80),
        DATASET: st.column_config.TextColumn(_(DATASET), width=110),
        RATE: st.column_config.NumberColumn(_(RATE), width=105),
    }


def table_height(rows: int, most: int = 12) -> int:
    """The height in pixels of a table of so many rows and its head, known before it is drawn, so that nothing jumps."""
    return 35 * (min(rows, most) + 1) + 2


def matches(run: RunRecord, search: str) -> bool:
    """Whether all words of the search occur in the run's name, recipe, dataset, model, state or id."""
    settings = (str(run.settings.get(name, "")) for name in ("dataset", "model", "optimizer"))
    text = " ".join((run.name, run.recipe or "", run.state, _(run.state), run.run_id, *settings)).lower()
    return all(word in text for word in search.lower().split())


def _as_number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _figure(key: str, value: float) -> str:
    if np.isnan(value):
        return "–"
    return per_cent(f"{value:.2f}") if is_share(key) else f"{measure_label(key)} {format_metric(key, value)}"


def _rate(value: float) -> str:
    return "–" if np.isnan(value) else format_number(value)


def _seconds(value: float) -> str:
    return format_duration(None if np.isnan(value) else value)
