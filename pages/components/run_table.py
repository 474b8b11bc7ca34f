"""Runs as the rows of a table: the history, newest first."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.formats import format_duration, per_cent
from pages.components.run_facts import dataset_words, evaluated_on
from pages.components.session import state_colours, state_text
from trainer_core.language import gettext as _
from trainer_core.language import mark
from trainer_core.measures import is_share, main_metric
from trainer_core.settings import format_number
from trainer_core.tracking.read import RunRecord

NAME, STATE, BEST, MEASURED, TEST = mark("Name"), mark("State"), mark("Best result"), mark("Measured on"), mark("Final test")
RECIPE, DATASET, RATE, TIME, STARTED = mark("Recipe"), mark("Dataset"), mark("Learning rate"), mark("Time"), mark("Started")


def run_rows(runs: Sequence[RunRecord]) -> pd.DataFrame:
    """A row a run. Numbers stay numbers, so that columns sort; shares are in per cent, times in seconds."""

    def number(values: list[Any]) -> pd.Series:
        return pd.Series([np.nan if value is None else float(value) for value in values], dtype="float64")

    return pd.DataFrame(
        {
            NAME: [run.name for run in runs],
            STATE: [[state_text(run.state)] for run in runs],
            BEST: number([_share(run, run.best, "eval/") for run in runs]) * 100,
            MEASURED: [_(evaluated_on(run)) for run in runs],
            TEST: number([_share(run, run.metrics, "test/") for run in runs]) * 100,
            TIME: number([run.duration_seconds for run in runs]),
            STARTED: pd.to_datetime(pd.Series([run.started or run.created for run in runs]), utc=True),
            RECIPE: [run.recipe or "–" for run in runs],
            DATASET: [dataset_words(run) for run in runs],
            RATE: number([_as_number(run.settings.get("learning_rate")) for run in runs]),
        }
    )


def _share(run: RunRecord, figures: Mapping[str, float], group: str) -> float | None:
    """A run's main figure where that is a share of one: errors and perplexities can't stand in one column with them."""
    main = main_metric(run.settings.get("task"))
    return figures.get(main.replace("eval/", group)) if is_share(main) else None


def styled(rows: pd.DataFrame) -> Any:
    """The rows with their numbers written for people; sorting still goes by value."""
    formats: dict[str, Any] = {BEST: _per_cent, TEST: _per_cent, RATE: _rate, TIME: _seconds}
    return rows.style.format({column: how for column, how in formats.items() if column in rows})


def column_config(zone: tzinfo) -> Mapping[str, Any]:
    """How the columns look: states in colour beside sign and word, the start as a date in the viewer's zone."""
    colours = state_colours()
    return {
        NAME: st.column_config.TextColumn(_(NAME), width=122),
        STATE: st.column_config.MultiselectColumn(_(STATE), options=list(colours), color=list(colours.values()), width=105),
        BEST: st.column_config.NumberColumn(
            _(BEST), help=_("The best evaluation during training: accuracy, or slot F1 of a chat model."), width=105
        ),
        MEASURED: st.column_config.TextColumn(_(MEASURED), help=_("The split that is evaluated during training."), width=95),
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


def _per_cent(value: float) -> str:
    return "–" if np.isnan(value) else per_cent(f"{value:.2f}")


def _rate(value: float) -> str:
    return "–" if np.isnan(value) else format_number(value)


def _seconds(value: float) -> str:
    return format_duration(None if np.isnan(value) else value)
