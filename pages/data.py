"""Data: a source is read, saved and looked over; what is wrong with it is mended by steps that can be undone."""

import pandas as pd
import streamlit as st

from pages.components.data_contents import draw_contents
from pages.components.data_header import WORKING, draw_header, offer_restore
from pages.components.data_label_errors import draw_label_errors
from pages.components.data_problems import draw_problems
from pages.components.data_reading import draw_reading
from pages.components.data_source import LOOKED, LOOKING, draw_door, take_look
from pages.components.data_tokens import draw_tokens
from pages.components.data_versions import draw_splits, draw_versions
from pages.components.formats import plain
from pages.components.run_table import table_height
from pages.components.session import current_store, show_error
from pages.components.work_progress import begin, is_going_on, take_result
from trainer_core.curating.work import read_inspection
from trainer_core.data import library
from trainer_core.data.findings import Inspection
from trainer_core.data.record import Record
from trainer_core.errors import DataError, TrainerError
from trainer_core.language import gettext as _
from trainer_core.language import listed
from trainer_core.store import Store


def show_all(store: Store) -> None:
    """The way in, and the datasets that are saved."""
    offer_restore(store)
    if is_going_on(LOOKING):
        take_look()
    if LOOKED in st.session_state:
        draw_reading(store)
        return
    draw_door(store)
    if is_going_on(LOOKING):
        st.rerun()
    saved = library.list_saved(store.datasets)
    if not saved:
        st.caption(_("What you save stands here, with all that was done to it. Recipes bring their own data and need none of it."))
        return
    st.markdown(_("#### Saved datasets"))
    table = pd.DataFrame(
        {
            _("Name"): [record.name for record in saved],
            _("Version"): [record.version for record in saved],
            _("Rows"): [sum(record.rows.values()) for record in saved],
            _("Labels"): [listed(record.label_names[:6]) or "–" for record in saved],
            _("Task"): [record.reading.task for record in saved],
            _("Steps"): [len(record.steps) for record in saved],
        }
    )
    picked = st.dataframe(
        table,
        key=f"data/saved/{len(saved)}",
        hide_index=True,
        height=table_height(len(saved), 11),
        on_select="rerun",
        selection_mode="single-row",
        alt=_("Saved datasets to choose from"),
    )
    if picked["selection"]["rows"]:
        st.query_params["dataset"] = saved[picked["selection"]["rows"][0]].name
        st.rerun()
    with st.container(horizontal=True, gap="small"):
        for record in saved[:6]:
            if st.button(plain(record.name), key=f"data/open/{record.name}", icon=":material/database:"):
                st.query_params["dataset"] = record.name
                st.rerun()


def show_dataset(store: Store, reference: str) -> None:
    """One saved dataset."""
    try:
        record = library.find(store.datasets, reference)
        newest = library.find(store.datasets, record.name).version == record.version
    except DataError as error:
        show_error(error)
        if st.button(_("All datasets"), icon=":material/arrow_back:"):
            st.query_params.clear()
            st.rerun()
        return
    draw_header(store, record)
    if not newest:
        st.info(
            _("This is an older version: it can be looked at and trained on. Only the newest is changed."),
            icon=":material/history:",
        )
    if is_going_on(WORKING):
        # A control that is not drawn forgets what was chosen: whoever mends a label stays with the labels.
        st.session_state["data/part"] = st.session_state.get("data/part") or "wrong"
        work = take_result(WORKING)
        if work is None:
            return
        if work.error:
            show_error(DataError(work.error))
        else:
            st.rerun()
    inspection = read_inspection(store, record)
    if inspection is None:
        begin(store, WORKING, {"do": "inspect", "reference": record.reference})
        st.rerun()
    draw_parts(store, record, newest, inspection)


def draw_parts(store: Store, record: Record, newest: bool, inspection: Inspection) -> None:
    """The parts of an opened dataset; only the one that is looked at is computed."""
    count = len(inspection.problems)
    wrong = _("What is wrong ({count})").format(count=count) if count else _("What is wrong: nothing")
    names = {
        "wrong": wrong,
        "in": _("What is in it"),
        "tokens": _("Tokens"),
        "splits": _("Splits"),
        "doubts": _("Doubtful labels"),
        "steps": _("Steps"),
    }
    if record.pictures:
        del names["tokens"]
    chosen = st.segmented_control(
        _("Show"),
        list(names),
        default="wrong",
        required=True,
        format_func=names.__getitem__,
        key="data/part",
        label_visibility="collapsed",
    )
    if chosen == "in":
        draw_contents(store, record, inspection)
    elif chosen == "tokens":
        draw_tokens(store, record)
    elif chosen == "splits":
        draw_splits(store, record, newest)
    elif chosen == "doubts":
        draw_label_errors(store, record, newest)
    elif chosen == "steps":
        draw_versions(store, record)
    else:
        draw_problems(store, record, inspection, newest)


st.title(_("Data"), anchor=False)
store = current_store()
try:
    opened = st.query_params.get("dataset")
    if opened:
        show_dataset(store, opened)
    else:
        show_all(store)
except TrainerError as error:
    show_error(error)
