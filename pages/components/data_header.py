"""An opened dataset's head: what it is, where it came from, and what can be done with it as a whole."""

from pathlib import Path

import streamlit as st

from pages.components.data_reading import TASK_WORDS
from pages.components.formats import format_count, plain
from pages.components.navigation import open_page
from pages.components.session import show_error
from pages.components.work_progress import begin
from trainer_core.data import library, steps
from trainer_core.data.record import Record
from trainer_core.errors import TrainerError
from trainer_core.language import gettext as _
from trainer_core.store import Store

TRAIN_ON = "train/on"
"""Where the page Train finds the dataset that it is to start with: (reference, task)."""
WORKING = "data/working"
_REMOVED = "data/removed"


def draw_header(store: Store, record: Record) -> None:
    """Name, version, rows, source; train on it, undo, remove."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            st.subheader(plain(record.name), anchor=False, width="content")
            st.badge(_("version {number}").format(number=record.version), icon=":material/history:", color="gray")
        if st.button(_("All datasets"), icon=":material/arrow_back:", type="tertiary"):
            st.query_params.clear()
            st.rerun()
    rows = " · ".join(f"**{format_count(count)}** {_(split)}" for split, count in record.rows.items())
    task = TASK_WORDS[record.reading.task]() if record.reading.task in TASK_WORDS else record.reading.task
    st.markdown(_("{rows} rows · learns {task}").format(rows=rows, task=plain(task)))
    st.caption(
        _("From {source}").format(source=plain(Path(record.source).name if record.source.startswith("/") else record.source))
    )
    with st.container(horizontal=True):
        if st.button(_("Train on it"), type="primary", icon=":material/model_training:", key="data/train"):
            st.session_state[TRAIN_ON] = (record.reference, record.reading.task)
            open_page("train")
        if record.steps:
            last = steps.describe(record.steps[-1])
            if st.button(_("Undo the last step"), icon=":material/undo:", help=plain(last), key="data/undo"):
                begin(store, WORKING, {"do": "undo", "name": record.name})
                st.rerun()
        with st.popover(_("Remove"), icon=":material/delete:"):
            st.markdown(
                _("**{name}** and its {count} versions leave the list. It can be taken back at once.").format(
                    name=plain(record.name), count=len(library.versions(store.datasets, record.name))
                )
            )
            if st.button(_("Remove {name}").format(name=plain(record.name)), key="data/remove"):
                try:
                    library.remove(store.datasets, record.name)
                except (OSError, TrainerError) as error:
                    show_error(TrainerError(str(error)))
                else:
                    st.session_state[_REMOVED] = record.name
                    st.query_params.clear()
                    st.rerun()


def offer_restore(store: Store) -> None:
    """After removing: says so, with the way back."""
    name = st.session_state.get(_REMOVED)
    if name is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(_("**{name}** is removed.").format(name=plain(name)), width="stretch")
        if st.button(_("Undo"), key="data/restore", icon=":material/undo:"):
            del st.session_state[_REMOVED]
            try:
                library.restore(store.datasets, name)
            except TrainerError as error:
                show_error(error)
            else:
                st.rerun()
        if st.button(_("Close"), key="data/restore-close", type="tertiary"):
            del st.session_state[_REMOVED]
            st.rerun()
