"""The page Data, its door in: a file from the browser, or the name of a file, a folder or a hub dataset."""

from pathlib import Path
from typing import Any

import streamlit as st

from pages.components.session import show_error
from pages.components.work_progress import begin, call_off, is_going_on, take_result
from trainer_core.curating.uploads import LARGEST_UPLOAD_MB, keep_upload
from trainer_core.data.located import check_named
from trainer_core.errors import DataError, TrainerError
from trainer_core.language import gettext as _
from trainer_core.store import Store

LOOKING, LOOKED, GIVEN = "data/looking", "data/looked", "data/given"
ENDINGS = ["csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet", "zip", "gz"]


def draw_door(store: Store) -> None:
    """Two ways in, one beside the other; either starts the look at the source."""
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch"):
        st.markdown(_("**:material/upload: Upload a file**"))
        file = st.file_uploader(
            _("CSV, TSV, JSON, JSON lines, Parquet, or a zip with a folder of texts or pictures by class"),
            type=ENDINGS,
            max_upload_size=LARGEST_UPLOAD_MB,
            key="data/upload",
        )
        st.caption(_("Up to {size} MB. A larger one is named by its path.").format(size=LARGEST_UPLOAD_MB))
        if file is not None and st.session_state.get("data/uploaded") != file.file_id:
            st.session_state["data/uploaded"] = file.file_id
            try:
                look_at(store, str(keep_upload(store, file.name, file.getvalue())), {})
            except DataError as error:
                show_error(error)
    with right, st.container(border=True, height="stretch"), st.form("data/named", border=False):
        st.markdown(_("**:material/folder_open: Name a file, a folder or a hub dataset**"))
        source = st.text_input(
            _("Source"),
            key="data/source",
            persist_state="session",  # what was typed stands there again after an error
            placeholder=_("/home/me/reviews.csv, or cornell-movie-review-data/rotten_tomatoes"),
            help=_("A path on the machine that Descent runs on, or NAME or OWNER/NAME on the hub."),
        )
        with st.expander(_("From the hub: configuration, revision, split")), st.grid(3, min_column_width=120):
            hub = {
                "configuration": st.text_input(
                    _("Configuration"), key="data/configuration", persist_state="session", placeholder=_("the only one")
                ),
                "revision": st.text_input(_("Revision"), key="data/revision", persist_state="session", placeholder="main"),
                "split": st.text_input(_("Split"), key="data/split", persist_state="session", placeholder=_("all")),
            }
        if st.form_submit_button(_("Look at it"), icon=":material/search:", type="primary") and source and source.strip():
            look_at(store, _path(source.strip()), {name: value.strip() for name, value in hub.items() if value and value.strip()})


def look_at(store: Store, source: str, given: dict[str, Any]) -> None:
    """Starts to read a source; `given` are the parts of the reading that are not to be guessed."""
    st.session_state.pop(LOOKED, None)
    st.session_state[GIVEN] = (source, given)
    try:
        for text in (source, *(value for value in given.values() if isinstance(value, str))):
            check_named(text)  # before it is written down as a request
        begin(store, LOOKING, {"do": "look", "source": source, "given": given})
    except (OSError, TrainerError) as error:
        show_error(DataError(str(error)))


def take_look() -> None:
    """Draws the progress of a look, and keeps what it found for the reading's form."""
    work = take_result(LOOKING)
    if work is None:
        if is_going_on(LOOKING):
            st.stop()
        return
    if work.error:
        show_error(DataError(work.error))
        return
    source, given = st.session_state[GIVEN]
    st.session_state[LOOKED] = {"source": source, "given": given, **(work.answer or {})}


def forget_look() -> None:
    """Goes back to the door."""
    call_off(LOOKING)
    st.session_state.pop(LOOKED, None)


def _path(source: str) -> str:
    """A path with ~ written out; other names as they are."""
    path = Path(source).expanduser()
    return str(path.absolute()) if path.exists() else source
