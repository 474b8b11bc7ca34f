"""How a source is read: what was guessed, shown on its first rows, and corrected where it is wrong."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from pages.components.data_source import LOOKED, forget_look, look_at
from pages.components.formats import format_count, plain
from pages.components.session import show_error
from pages.components.work_progress import begin, is_going_on, take_result
from trainer_core.config import TASKS
from trainer_core.data import library
from trainer_core.data.delimited import DELIMITERS
from trainer_core.data.examples import UNLABELLED_TASKS, check_reading
from trainer_core.data.record import Reading
from trainer_core.errors import DataError, TrainerError
from trainer_core.language import gettext as _
from trainer_core.store import Store

SAVING = "data/saving"
TASK_WORDS: dict[str, Callable[[], str]] = {
    "image_classification": lambda: _("which class a picture belongs to"),
    "sequence_classification": lambda: _("which class a text belongs to"),
    "label_token": lambda: _("which class, written as a token (the course's way)"),
    "regression": lambda: _("one number for a text"),
    "language_modelling": lambda: _("how texts go on"),
    "chat": lambda: _("to answer in dialogues"),
}
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1", "gb18030", "big5", "shift_jis", "euc_kr", "cp1251")
_NONE = ""
_MOST_OFFERED = 5


def draw_reading(store: Store) -> None:
    """The form between a look and a saved dataset."""
    looked: dict[str, Any] = st.session_state[LOOKED]
    source, reading = looked["source"], dict(looked["reading"])
    columns: list[str] = looked["columns"]
    saving = take_result(SAVING)
    if saving is not None:
        if saving.error:
            show_error(DataError(saving.error))
        elif saving.answer is not None:
            forget_look()
            st.query_params["dataset"] = saving.answer["reference"].partition("@")[0]
            st.rerun()
    elif is_going_on(SAVING):
        st.stop()

    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        rows = " · ".join(f"**{format_count(count)}** {plain(split)}" for split, count in looked["rows"].items())
        st.markdown(_("{name}: {rows} rows").format(name=f"**{plain(Path(source).name)}**", rows=rows))
        st.button(_("Another source"), icon=":material/arrow_back:", type="tertiary", on_click=forget_look)
    pictures = reading["task"] == "image_classification"
    if reading["format"] == "csv":
        _draw_table_reading(store, looked)
    with st.grid(4, min_column_width=180):
        reading["task"] = _choose_task(reading["task"], pictures)
        if pictures:
            reading["picture_size"] = st.number_input(
                _("Side in pixels"),
                0,
                512,
                int(reading["picture_size"]),
                key="data/picture_size",
                help=_("Pictures are scaled to a square of this side. 0 leaves them, where all have one size."),
            )
        else:
            reading["text_column"] = _choose_column(_("Text"), "text_column", columns, reading)
            if reading["task"] == "sequence_classification":
                reading["pair_column"] = _choose_column(_("Second text"), "pair_column", ["", *columns], reading)
            else:
                reading["pair_column"] = ""
            if reading["task"] not in UNLABELLED_TASKS:
                reading["label_column"] = _choose_column(_("Label"), "label_column", columns, reading)
            reading["split_column"] = _choose_column(_("Split"), "split_column", ["", *columns], reading)
    if not pictures and reading["task"] not in UNLABELLED_TASKS:
        _offer_other_labels(looked["reading"]["label_column"], reading["label_column"], looked.get("label_candidates", []))
    draw_preview(looked["preview"], reading)
    known = {field.name for field in fields(Reading)}
    all_columns = [*columns, "image", "size"] if pictures else columns
    problems = check_reading(all_columns, Reading(**{name: value for name, value in reading.items() if name in known}))
    for sentence in problems.values():
        st.error(plain(sentence), icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(_("Name"), value=looked["name"], key="data/name", max_chars=64, width=320)
        if st.button(_("Save and inspect"), type="primary", icon=":material/save:", disabled=bool(problems), key="data/save"):
            try:
                library.check_name(str(name or ""))
                begin(store, SAVING, {"do": "save", "source": source, "reading": reading, "name": str(name)})
            except TrainerError as error:
                show_error(error)
            else:
                st.rerun()
    if name and library.is_saved(store.datasets, str(name)):
        st.caption(_("A dataset of this name is there: this becomes its newest version."))


def _offer_other_labels(guessed: str, chosen: str, candidates: list[str]) -> None:
    """Says that the label was guessed, and what else it could be, a click away."""
    if not candidates:
        return
    offered = [name for name in (guessed, *candidates) if name != chosen][:_MOST_OFFERED]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        words = _("The label “{column}” is a guess. It could also be") if chosen == guessed else _("The label could also be")
        st.caption(words.format(column=plain(guessed)), width="content")
        for name in offered:
            st.button(plain(name), key=f"data/label/{name}", type="tertiary", on_click=_choose_label, args=(name,))


def _choose_label(name: str) -> None:
    st.session_state["data/label_column"] = name


def draw_preview(rows: list[dict[str, str]], reading: dict[str, Any]) -> None:
    """The first rows; a column that is used says as what."""
    if not rows:
        return
    roles = (
        ("text_column", _("text")),
        ("pair_column", _("second text")),
        ("label_column", _("label")),
        ("split_column", _("split")),
    )
    used = {reading[field]: role for field, role in roles if reading.get(field)}
    table = pd.DataFrame(rows)
    first = [name for name in used if name in table]
    table = table[[*first, *(name for name in table if name not in first)]]
    table.columns = [f"{name} · {used[name]}" if name in used else str(name) for name in table.columns]
    st.dataframe(table, hide_index=True, alt=_("The first rows of the source"))


def _draw_table_reading(store: Store, looked: dict[str, Any]) -> None:
    """Encoding, delimiter and header: another choice reads the file again."""
    reading, given = looked["reading"], looked["given"]
    words = {True: _("names the columns"), False: _("is data already")}
    told = _("{encoding} · {delimiter} between columns · the first row {header}").format(
        encoding=reading["encoding"],
        delimiter=DELIMITERS.get(reading["delimiter"], repr(reading["delimiter"])),
        header=words[reading["header"]],
    )
    with st.expander(plain(told), icon=":material/table:"), st.grid(3, min_column_width=160):
        encodings = list(dict.fromkeys([reading["encoding"], *_ENCODINGS]))
        encoding = st.selectbox(_("Encoding"), encodings, key=f"data/encoding/{reading['encoding']}")
        delimiters = list(dict.fromkeys([reading["delimiter"], *DELIMITERS]))
        delimiter = st.selectbox(
            _("Delimiter"),
            delimiters,
            format_func=lambda sign: DELIMITERS.get(sign, repr(sign)),
            key=f"data/delimiter/{ord(reading['delimiter'][0])}",
        )
        header = st.selectbox(
            _("First row"),
            [reading["header"], not reading["header"]],
            format_func=words.__getitem__,
            key=f"data/header/{reading['header']}",
        )
    now = {"encoding": encoding, "delimiter": delimiter, "header": header}
    if any(reading[name] != value for name, value in now.items()):
        look_at(store, looked["source"], {**given, **now})
        st.rerun()


def _choose_task(task: str, pictures: bool) -> str:
    offered = (
        ["image_classification"] if pictures else [name for name in TASK_WORDS if name in TASKS and name != "image_classification"]
    )
    if task not in offered:
        offered = [task, *offered]
    return st.selectbox(
        _("What is to be learned"),
        offered,
        index=offered.index(task),
        format_func=lambda name: TASK_WORDS[name]() if name in TASK_WORDS else name,
        key="data/task",
        disabled=len(offered) == 1,
    )


def _choose_column(label: str, field: str, offered: list[str], reading: dict[str, Any]) -> str:
    index = offered.index(reading[field]) if reading[field] in offered else None
    chosen = st.selectbox(
        label,
        offered,
        index=index,
        format_func=lambda name: name or _("none"),
        key=f"data/{field}",
        placeholder=_("choose a column"),
    )
    return chosen or _NONE
