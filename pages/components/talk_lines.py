"""Draws a talk with a chat model: what the user said, what the model wrote, and each search as a card with what it found."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages.components.session import plain
from trainer_core.conversation import Line
from trainer_core.data.dialogues import records_of
from trainer_core.language import Words, mark
from trainer_core.language import gettext as _

_ARGUMENTS = Words(
    {
        "name": mark("name"),
        "type": mark("type"),
        "facilities": mark("facilities"),
        "price_range_lower": mark("price from"),
        "price_range_upper": mark("price to"),
        "rating_range_lower": mark("rating from"),
        "rating_range_upper": mark("rating to"),
    }
)
_SHOWN = ("name", "type", "price", "rating", "subway", "phone", "facilities")


def draw_line(line: Line, key: str) -> None:
    """One turn of the model or of a tool."""
    if line.turn.call is not None:
        draw_call(line)
    elif line.turn.role == "tool":
        draw_found(line, key)
    elif line.turn.content:
        st.markdown(as_written(line.turn.content))
    if line.is_stopped:
        st.caption(_(":material/stop_circle: stopped here") if line.turn.content else _(":material/stop_circle: stopped at once"))
    elif not line.turn.content and line.turn.call is None:
        st.caption(_("(it says nothing)"))
    if line.note and line.turn.role == "assistant":
        st.caption(f":material/info: {plain(line.note)}")


def draw_call(line: Line) -> None:
    """A call: the tool, and each of its arguments."""
    assert line.turn.call is not None
    name, arguments = line.turn.call
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.badge(plain(name), icon=":material/search:", color="blue")
        if not arguments:
            st.caption(_("with no conditions"))
        for argument, value in arguments.items():
            st.badge(f"{plain(_ARGUMENTS.get(argument, argument))} **{plain(_value(value))}**", color="gray")


def draw_found(line: Line, key: str) -> None:
    """What a tool gave, a row a record."""
    records = records_of(line.turn)
    if line.note:
        st.caption(f":material/info: {plain(line.note)}")
    if not records:
        st.caption(_("Nothing was found."))
        return
    table = pd.DataFrame([_row(record) for record in records])
    st.dataframe(
        table,
        hide_index=True,
        key=key,
        height="content",
        column_config={
            "name": st.column_config.TextColumn(_("Name"), width="medium", pinned=True),
            "type": st.column_config.TextColumn(_("Type"), width="small"),
            "price": st.column_config.NumberColumn(_("Price"), format="¥%d", width="small"),
            "rating": st.column_config.NumberColumn(_("Rating"), format="%.1f", width="small"),
            "subway": st.column_config.TextColumn(_("Subway")),
            "phone": st.column_config.TextColumn(_("Phone")),
            "facilities": st.column_config.ListColumn(_("Facilities"), width="large"),
        },
    )


def as_written(text: str) -> str:
    """A model's text, letter by letter, its lines kept."""
    return "  \n".join(plain(part) for part in text.strip().splitlines())


def tempo(lines: Sequence[Line]) -> str:
    """How much was written since the user's turn, and how fast."""
    told = [line.talked for line in lines if line.talked is not None]
    tokens, seconds = sum(one.tokens for one in told), sum(one.seconds for one in told)
    if not tokens or seconds <= 0:
        return ""
    return _("{tokens} tokens in {seconds:.1f} s, the first after {first:.2f} s").format(
        tokens=tokens, seconds=seconds, first=told[0].first_seconds
    )


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: record.get(name) for name in _SHOWN if name in record}
    return shown or {name: _value(value) for name, value in record.items()}


def _value(value: Any) -> str:
    if isinstance(value, list):
        return _(", ").join(_value(one) for one in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)
