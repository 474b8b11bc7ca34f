"""The reader's language: what the address or the store says, else the browser's. One of several, so it belongs to the session."""

from contextlib import suppress
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from trainer_core.language import ENGLISH, LANGUAGES, follow, language, match
from trainer_core.language import gettext as _
from trainer_core.store import Store, write_atomically

_KEY = "language"
_CHOSEN = "language/chosen"
_SWITCH = "language/switch"
_MOST_SESSIONS = 10_000
_known: dict[str, str] = {}
"""By session: read thousands of times while a page is drawn, so without a lock."""


def _of_session() -> str | None:
    context = get_script_run_ctx(suppress_warning=True)
    return None if context is None else _known.get(context.session_id)


follow(_of_session)


def settle(store: Store | None = None) -> str:
    """Finds the reader's language, keeps a chosen one in the address, and returns its name.

    Before the store is open, without what it remembers: what goes wrong with opening it is said in a language, too.
    """
    asked = st.query_params.get(_KEY)
    asked = asked if asked in LANGUAGES else None
    chosen = asked or st.session_state.get(_CHOSEN) or (_saved(store) if store is not None else None)
    found = chosen or match([st.context.locale]) or ENGLISH
    st.session_state[_CHOSEN] = chosen
    if chosen and asked != chosen:
        st.query_params[_KEY] = chosen
    _remember(found)
    return found


def draw_choice(store: Store) -> None:
    """The switch. It names each language in itself, for whoever can't read the others."""
    st.session_state[_SWITCH] = language()
    st.segmented_control(
        _("Language"),
        list(LANGUAGES),
        format_func=lambda name: LANGUAGES[name],
        key=_SWITCH,
        on_change=_choose,
        args=(store,),
        required=True,
        label_visibility="collapsed",
    )


def _choose(store: Store) -> None:
    name = st.session_state[_SWITCH]
    if name not in LANGUAGES:
        return
    st.session_state[_CHOSEN] = name
    st.query_params[_KEY] = name
    _remember(name)
    with suppress(OSError):  # of a full disk: address and session keep it all the same
        write_atomically(_file(store), name + "\n")


def _remember(name: str) -> None:
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None:
        if len(_known) >= _MOST_SESSIONS:
            _known.clear()  # each comes back with its next page
        _known[context.session_id] = name


def _saved(store: Store) -> str | None:
    try:
        name = _file(store).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name if name in LANGUAGES else None


def _file(store: Store) -> Path:
    return store.root / "language"
