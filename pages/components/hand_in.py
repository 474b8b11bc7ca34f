"""A run to hand in, on its tab Settings: the script to read, and a bundle to download, both written in a process of their own."""

from pathlib import Path

import streamlit as st

from pages.components.session import plain, show_error
from pages.components.work_progress import begin, is_going_on, take_result
from trainer_core.errors import TrainerError
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord

_WRITING, _WRITTEN = "runs/handing-in", "runs/handed-in"


def hand_in(store: Store, run: RunRecord) -> None:
    """A button, then what it wrote; runs that can't be written so get a sentence that says why."""
    st.markdown(_("#### Hand in"))
    st.caption(_("A bundle holds settings, data, figures, predictions and train.py, which trains the same model without Descent."))
    if run.state != "finished":
        st.caption(_("It is written of a run that has finished."))
        return
    if st.button(_("Write the bundle"), icon=":material/inventory_2:", key="runs/hand-in"):
        st.session_state[_WRITTEN] = {"run_id": run.run_id}
        begin(store, _WRITING, {"run_id": run.run_id}, package="handing_in")
    work = take_result(_WRITING)
    written = st.session_state.get(_WRITTEN, {})
    if written.get("run_id") != run.run_id:
        return
    if work is not None and work.error:
        show_error(TrainerError(work.error))
        del st.session_state[_WRITTEN]
        return
    if work is not None:
        written |= work.answer or {}
    if is_going_on(_WRITING) or "path" not in written:
        return
    path = Path(written["path"])
    if not path.is_file():  # cleaned away since
        del st.session_state[_WRITTEN]
        return
    with st.container(horizontal=True):
        st.download_button(
            _("Download {file}").format(file=plain(path.name)),
            path.read_bytes,
            path.name,
            "application/zip",
            icon=":material/download:",
            type="primary",
        )
        st.download_button(_("train.py alone"), written["script"], "train.py", "text/x-python", icon=":material/code:")
    with st.expander(_("Read train.py"), icon=":material/code:"):
        st.code(written["script"], language="python", line_numbers=True)
