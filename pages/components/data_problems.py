"""What is wrong with a dataset: each problem with its rows, and a button that mends it by making a new version."""

from dataclasses import asdict

import pandas as pd
import streamlit as st

from pages.components.data_header import WORKING
from pages.components.formats import format_count, plain
from pages.components.work_progress import begin
from trainer_core.data.findings import FoundRow, Inspection, Problem
from trainer_core.data.record import Record
from trainer_core.language import gettext as _
from trainer_core.language import ngettext
from trainer_core.store import Store


def draw_problems(store: Store, record: Record, inspection: Inspection, newest: bool) -> None:
    """All problems, the serious ones first; an old version is only looked at."""
    if not inspection.problems:
        st.success(_("Nothing wrong was found: no copies, leaks, empty rows or odd labels."), icon=":material/check_circle:")
        return
    for problem in inspection.problems:
        draw_problem(store, record, problem, newest)


def draw_problem(store: Store, record: Record, problem: Problem, newest: bool) -> None:
    """One problem."""
    with st.container(border=True, key=f"problem-{problem.kind}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            with st.container(horizontal=True, vertical_alignment="center", width="content"):
                icon, colour = ("error", "red") if problem.serious else ("info", "blue")
                st.markdown(f":{colour}[:material/{icon}:] **{plain(problem.title)}**", width="content")
                rows = ngettext("{count} row", "{count} rows", problem.count).format(count=format_count(problem.count))
                st.badge(rows, color="red" if problem.serious else "gray")
            if newest and problem.fixes:
                with st.container(horizontal=True, width="content"):
                    for place, fix in enumerate(problem.fixes):
                        if st.button(plain(fix.title), key=f"data/fix/{problem.kind}/{place}", icon=":material/build:"):
                            begin(store, WORKING, {"do": "fix", "reference": record.reference, "step": asdict(fix.step)})
                            st.rerun()
        st.caption(plain(problem.why))
        if problem.rows:
            shown = ngettext("Show the row", "Show {count} rows", len(problem.rows)).format(count=len(problem.rows))
            if len(problem.rows) < problem.count:
                shown = _("Show the first {count} rows").format(count=len(problem.rows))
            with st.expander(shown):
                draw_rows(problem.rows)


def draw_rows(rows: tuple[FoundRow, ...]) -> None:
    """Rows as a table; columns that say nothing are left out."""
    table = pd.DataFrame(
        {
            _("Split"): [_(row.split) for row in rows],
            _("Row"): [row.row for row in rows],
            _("Label"): [row.label for row in rows],
            _("Text"): [row.text for row in rows],
            _("Note"): [row.note for row in rows],
        }
    )
    table = table[[name for name in table if name == _("Row") or table[name].astype(bool).any()]]
    st.dataframe(
        table,
        hide_index=True,
        height=min(36 * len(table) + 40, 400),
        column_config={
            _("Row"): st.column_config.NumberColumn(help=_("Its number in the source, from 0, training rows first"), width="small"),
            _("Text"): st.column_config.TextColumn(width="large"),
        },
        alt=_("Rows of the dataset"),
    )
