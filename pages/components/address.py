"""Choices that live in the address under stable names.

Streamlit's own binding writes the option's label there, which changes with the language and with what is compared.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st


def read_choice(key: str, options: Sequence[str]) -> None:
    """Sets the widget `key` to what the address says, or to the first option. Call it before the widget."""
    written = st.query_params.get(key)
    st.session_state[key] = written if written in options else options[0]


def write_choice(key: str, options: Sequence[str]) -> None:
    """The widget's `on_change`: puts its value into the address; the first option is left out, to keep the address short."""
    value = st.session_state[key]
    if value is None or value == options[0]:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = value


def read_choices(key: str, options: Sequence[str], default: Sequence[str]) -> None:
    """Sets the widget `key`, which takes several, to what the address says, or to the default. Call it before the widget."""
    written = st.query_params.get(key)
    named = [name for name in written.split("|") if name in options] if written is not None else []
    st.session_state[key] = named or list(default)


def write_choices(key: str, default: Sequence[str]) -> None:
    """The widget's `on_change`: puts what it holds into the address; the default is left out."""
    values = list(st.session_state[key] or [])
    if not values or values == list(default):
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = "|".join(values)


def named_tabs(key: str, faces: Mapping[str, str]) -> Sequence[Any]:
    """Tabs by name, each with what it is called on the page. The address has the open one's name; what is closed draws nothing."""
    st.session_state[key] = faces.get(st.query_params.get(key, ""), next(iter(faces.values())))
    return st.tabs(list(faces.values()), key=key, on_change=_write_tab, args=(key, {face: name for name, face in faces.items()}))


def _write_tab(key: str, names: Mapping[str, str]) -> None:
    opened = names.get(st.session_state[key])
    if opened is None or opened == next(iter(names.values())):
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = opened
