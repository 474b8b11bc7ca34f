"""The tab Examples of an open run: what it says of single evaluated examples, and how that changes as it learns."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages.components.dataset_look import look_at_data
from pages.components.example_rows import example_columns
from pages.components.formats import per_cent_format
from pages.components.run_facts import evaluated_on
from pages.components.session import format_count, plain
from trainer_core.data import Data, ImageData
from trainer_core.language import gettext as _
from trainer_core.measures import KIND_OF_TASK
from trainer_core.predictions import MOST_ROWS, folder, list_steps, read_predictions
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord
from trainer_core.tracking.records import is_superseded

_PAGE_ROWS = 12
_MOST_STEPS = 40
_WRONG, _CHANGED, _ALL = "wrong", "changed", "all"
_LABEL, _SURE = "label", "probability"

Kept = tuple[tuple[int, int], ...]
"""Step, and when its predictions were written (ns since 1970)."""


def examples_tab(store: Store, run: RunRecord) -> None:
    """A row an example: text or picture, true label, what it says now, and what it said at each evaluation kept."""
    kept = kept_steps(store, run)
    if not kept and run.settings.get("task") in KIND_OF_TASK:
        st.info(_("Answers are kept where classes are told apart. Ask the run in the playground."), icon=":material/fact_check:")
        return
    if not kept:
        st.info(
            _("No predictions yet. They are kept after each evaluation: what the run says of every evaluated example."),
            icon=":material/fact_check:",
        )
        return
    table = prediction_table(store, run.run_id, kept)
    steps = [step for step, _written in reversed(kept)]
    rows = {
        _WRONG: table[table[steps[0]] != table[_LABEL]],
        _CHANGED: table[table[steps].nunique(axis=1) > 1],
        _ALL: table,
    }
    names = {_WRONG: _("Wrong now"), _CHANGED: _("Changed"), _ALL: _("All")}
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        chosen = st.segmented_control(
            _("Show"),
            list(names),
            default=_WRONG,
            required=True,
            format_func=lambda key: f"{names[key]} ({format_count(len(rows[key]))})",
            key="examples-filter",
        )
        shown = rows[chosen]
        pages = max(1, -(-len(shown) // _PAGE_ROWS))
        page = st.pagination(pages, key=f"examples-page-{chosen}-{pages}") if pages > 1 else 1
    if shown.empty:
        st.caption(_("None: everything is right now.") if chosen == _WRONG else _("None: nothing has changed its answer."))
    else:
        _draw(run, shown.iloc[(page - 1) * _PAGE_ROWS : page * _PAGE_ROWS], steps)
    st.caption(_kept_words(run, len(table), len(kept)))


def kept_steps(store: Store, run: RunRecord) -> Kept:
    """The steps whose predictions stand, ascending: not those that a resumed run computes anew."""
    found = []
    for step in list_steps(store, run.run_id):
        try:
            written = (folder(store, run.run_id) / f"step-{step:08d}.parquet").stat().st_mtime_ns
        except FileNotFoundError:
            continue  # thinned just now
        if not is_superseded(run.restarts, step, written // 1_000_000):
            found.append((step, written))
    return tuple(found[-_MOST_STEPS:])


@st.cache_data(max_entries=8, ttl=3600, show_spinner=False)
def _read_step(_store: Store, run_id: str, step: int, written: int) -> pd.DataFrame:  # noqa: ARG001 - part of the cache's key
    return read_predictions(_store, run_id, step)


def prediction_table(store: Store, run_id: str, kept: Kept) -> pd.DataFrame:
    """By example id: `label`, `probability` of the newest prediction, and a column a step with what was predicted."""
    newest = _read_step(store, run_id, *kept[-1]).set_index("example_id")
    columns: dict[Any, pd.Series] = {
        _LABEL: newest["label"],
        _SURE: newest.filter(like="probability_").max(axis=1),
    }
    for step, written in kept:
        predicted = _read_step(store, run_id, step, written).set_index("example_id")["prediction"]
        columns[step] = predicted[~predicted.index.duplicated()].reindex(newest.index)
    table = pd.DataFrame(columns)
    return table.loc[~table.index.duplicated()]


def _draw(run: RunRecord, shown: pd.DataFrame, steps: Sequence[int]) -> None:
    look = look_at_data(run.settings)
    found = _rows_by_id(look.data, evaluated_on(run)) if look.data else {}
    table, config = example_columns(
        look.data, evaluated_on(run), [found.get(str(example)) for example in shown.index], list(shown.index)
    )
    table[_("True label")] = shown[_LABEL].to_numpy()
    for place, step in enumerate(steps):
        name = _("Now, step {step}").format(step=format_count(step)) if place == 0 else format_count(step)
        marks = [
            "" if pd.isna(said) else f"{'✓' if said == label else '✕'} {said}"
            for said, label in zip(shown[step], shown[_LABEL], strict=True)
        ]
        table[name] = marks
        config[name] = st.column_config.TextColumn(help=_("What the run said at this step, newest first."), width="small")
        if place == 0:
            table[_("Sure")] = 100 * shown[_SURE].to_numpy()
            config[_("Sure")] = st.column_config.ProgressColumn(format=per_cent_format(0), min_value=0, max_value=100, width=90)
    height = 52 if isinstance(look.data, ImageData) else 36
    st.dataframe(
        table.style.map(_colour),
        hide_index=True,
        height=38 + height * len(table),
        row_height=height,
        column_config=config,
        key="examples-table",
        alt=_("Evaluated examples, their true labels, and what the run said of them, newest first"),
    )
    if look.error:
        st.caption(_("The examples themselves can't be shown: {cause}").format(cause=plain(look.error)))


@st.cache_data(max_entries=4, ttl=3600, show_spinner=False)
def _ids_of(digest: str, split: str, _data: Data) -> dict[str, int]:  # noqa: ARG001 - part of the cache's key
    examples = _data.splits[split]  # type: ignore[index]
    return {examples.example_id(row): row for row in range(len(examples))}


def _rows_by_id(data: Data, split: str) -> dict[str, int]:
    return _ids_of(data.digest, split, data) if split in data.splits else {}


def _colour(said: object) -> str:
    return "color: #d9622b" if str(said).startswith("✕") else "color: #2e9e6b" if str(said).startswith("✓") else ""


def _kept_words(run: RunRecord, rows: int, evaluations: int) -> str:
    words = _("{rows} examples of the {split} split · {count} evaluations").format(
        rows=format_count(rows), split=plain(_(evaluated_on(run))), count=format_count(evaluations)
    )
    if rows >= MOST_ROWS:
        words += _(" · only {rows} evenly spread rows of the split are kept").format(rows=format_count(MOST_ROWS))
    return words
