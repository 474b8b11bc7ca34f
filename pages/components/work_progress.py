"""Work on data as a page shows it: started with a click, a bar while it goes on, called off with another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from pages.components.session import plain
from trainer_core.jobs.data_work import Work, cancel_work, look_at_work, start_work
from trainer_core.language import gettext as _
from trainer_core.store import Store

_LOOK_SECONDS = 0.4


def begin(store: Store, key: str, request: Mapping[str, Any], package: str = "curating") -> None:
    """Starts a piece of work under a key of the session; what went on under that key before is called off."""
    call_off(key)
    st.session_state[key] = str(start_work(store, request, package))


def call_off(key: str) -> None:
    """Ends the work under a key, where there is some."""
    folder = st.session_state.pop(key, None)
    if folder is not None:
        cancel_work(Path(folder))


def is_going_on(key: str) -> bool:
    """Whether work under this key was started and its result not taken yet."""
    return key in st.session_state


def take_result(key: str) -> Work | None:
    """The result, once; None while the work goes on, when its progress is drawn, and where there is no work."""
    folder = st.session_state.get(key)
    if folder is None:
        return None
    work = look_at_work(Path(folder))
    if work.is_over:
        del st.session_state[key]
        return work
    _draw(key, Path(folder))
    return None


@st.fragment(run_every=_LOOK_SECONDS)
def _draw(key: str, folder: Path) -> None:
    work = look_at_work(folder)
    if work.is_over:
        st.rerun()
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.progress(min(1.0, max(0.0, work.share)), text=f"{plain(work.what)} · {work.share:.0%}")
        st.button(_("Call it off"), key=f"{key}/off", icon=":material/close:", on_click=call_off, args=(key,))
