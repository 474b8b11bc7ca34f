"""Likely wrong labels, by what a finished run answered for rows that it did not train on."""

import streamlit as st

from pages.components.data_problems import draw_problem
from pages.components.formats import plain
from pages.components.session import show_error
from pages.components.work_progress import begin, is_going_on, take_result
from trainer_core.data.findings import problem_from_json
from trainer_core.data.record import Record
from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord, list_runs

DOUBTING, DOUBTED = "data/doubting", "data/doubted"


def draw_label_errors(store: Store, record: Record, newest: bool) -> None:
    """Choose a run on this dataset; see the labels it doubts."""
    if not record.label_names:
        st.caption(_("Labels are doubted where the task is to tell classes apart."))
        return
    runs = {run.run_id: run for run in list_runs(store) if _is_on(run, record) and run.state == "finished"}
    if not runs:
        st.info(
            _("Once a run on {name} has finished, its answers say here which labels are likely wrong.").format(
                name=plain(record.name)
            ),
            icon=":material/fact_check:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(_("Run"), list(runs), format_func=lambda run_id: runs[run_id].name, key="data/doubt-run", width=320)
        if st.button(_("Weigh its answers"), icon=":material/balance:", key="data/doubt"):
            request = {"do": "doubt", "reference": record.reference, "run_id": chosen, "run_name": runs[chosen].name}
            begin(store, DOUBTING, request)
            st.session_state[DOUBTED] = {"run": runs[chosen].name, "reference": record.reference}
    work = take_result(DOUBTING)
    if work is not None and work.error:
        show_error(DataError(work.error))
        st.session_state.pop(DOUBTED, None)
    elif work is not None:
        st.session_state[DOUBTED] |= {"answer": work.answer}
    found = st.session_state.get(DOUBTED)
    if is_going_on(DOUBTING) or not found or found["reference"] != record.reference or "answer" not in found:
        return
    if found["answer"]["problem"] is None:
        st.success(
            _("{run} doubts none of the {rows} labels that it was measured on.").format(
                run=plain(found["run"]), rows=found["answer"]["rows"]
            ),
            icon=":material/check_circle:",
        )
        return
    draw_problem(store, record, problem_from_json(found["answer"]["problem"]), newest)


def _is_on(run: RunRecord, record: Record) -> bool:
    return str(run.settings.get("dataset", "")).partition("@")[0] == record.name
