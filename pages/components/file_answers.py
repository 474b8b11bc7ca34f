"""Playground, Try, a file: a table of texts goes in, the same table with answers comes out, from a process of its own."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from pages.components.checkpoint_picker import Chosen
from pages.components.run_table import table_height
from pages.components.session import format_count, plain, show_error
from pages.components.work_progress import begin, call_off, is_going_on, take_result
from trainer_core.curating.uploads import LARGEST_UPLOAD_MB, keep_upload
from trainer_core.errors import DataError, TrainerError
from trainer_core.inference.batch import MOST_ROWS, look
from trainer_core.language import gettext as _
from trainer_core.store import Store

_WORK, _DONE, _ASKED = "playground/file-work", "playground/file-done", "playground/file-asked"
_ENDINGS = ["csv", "tsv", "jsonl", "ndjson", "json"]
_SHOWN = 200


def answer_file(store: Store, chosen: Chosen) -> None:
    """The upload, the columns to read, a button, progress, and the result to download."""
    file = st.file_uploader(
        _("A table with a text in each row: CSV or JSON lines, up to {rows} rows and {size} MB").format(
            rows=format_count(MOST_ROWS), size=LARGEST_UPLOAD_MB
        ),
        type=_ENDINGS,
        max_upload_size=LARGEST_UPLOAD_MB,
        key="playground/file",
    )
    if file is None:
        call_off(_WORK)
        st.session_state.pop(_DONE, None)
        return
    try:
        path = keep_upload(store, file.name, file.getvalue())
        found = _look(str(path))
    except TrainerError as error:
        show_error(error)
        return
    columns, pair = list(found["columns"]), bool(chosen.checkpoint.config().pair_column)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.selectbox(
            _("First text") if pair else _("Column of the text"),
            columns,
            index=_place(columns, found["text"]),
            key=f"text/{path.name}",
        )
        other = ""
        if pair:
            other = st.selectbox(_("Second text"), columns, index=_place(columns, found["pair"], 1), key=f"pair/{path.name}")
        asked = {
            "do": "file",
            "run": chosen.run.run_id,
            "step": chosen.checkpoint.step,
            "file": str(path),
            "text_column": text,
            "pair_column": other,
        }
        words = _("Answer {rows} rows").format(rows=format_count(found["rows"]))
        if st.button(words, type="primary", icon=":material/play_arrow:", key="playground/file-start", disabled=is_going_on(_WORK)):
            st.session_state.pop(_DONE, None)
            st.session_state[_ASKED] = asked
            begin(store, _WORK, asked, package="inference.batch")
    work = take_result(_WORK)
    if work is not None:
        st.session_state[_DONE] = work.answer if work.answer is not None else {"error": work.error}
    done = st.session_state.get(_DONE)
    if done is None or is_going_on(_WORK):
        return
    if st.session_state.get(_ASKED) != asked:
        st.caption(_("The answers below would be of other choices: start again for these."))
        return
    _draw(done, Path(file.name).stem)


def _draw(done: dict[str, Any], name: str) -> None:
    if done.get("error"):
        show_error(DataError(done["error"]))
        return
    path, counts, empty = Path(done["path"]), done["counts"], int(done["empty"])
    if not path.is_file():  # cleaned away since
        st.session_state.pop(_DONE, None)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(" · ".join(f"**{format_count(count)}** {plain(label)}" for label, count in counts.items()))
        st.download_button(
            _("Download the answers"),
            path.read_bytes,
            f"{name}-answers{path.suffix}",
            "text/csv" if path.suffix == ".csv" else "application/jsonl",
            icon=":material/download:",
            type="primary",
            on_click="ignore",
        )
    if empty:
        st.caption(_("{count} rows have no text and got no answer.").format(count=format_count(empty)))
    table = _head(str(path), path.stat().st_mtime_ns)
    st.dataframe(
        table, hide_index=True, height=table_height(len(table), 12), key="playground/file-answers", alt=_("The first answers")
    )
    if len(table) < done["rows"]:
        st.caption(_("The first {count} of {all}.").format(count=len(table), all=format_count(done["rows"])))


@st.cache_data(max_entries=8, ttl=600, show_spinner=False)
def _look(path: str) -> dict[str, Any]:
    return look(Path(path))


@st.cache_data(max_entries=4, ttl=600, show_spinner=False)
def _head(path: str, written: int) -> pd.DataFrame:  # noqa: ARG001 - part of the cache's key
    if path.endswith(".jsonl"):
        return pd.read_json(path, orient="records", lines=True, nrows=_SHOWN, dtype=False, convert_dates=False)
    return pd.read_csv(path, nrows=_SHOWN, encoding="utf-8-sig")


def _place(columns: list[str], name: object, otherwise: int = 0) -> int:
    return columns.index(str(name)) if name in columns else min(otherwise, len(columns) - 1)
