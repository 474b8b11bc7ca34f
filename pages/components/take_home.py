"""Playground, Take it home: a checkpoint as a zip with a model card, written in a process of its own."""

from pathlib import Path

import streamlit as st

from pages.components.checkpoint_picker import Chosen
from pages.components.session import format_bytes, format_share, plain, show_error
from pages.components.work_progress import begin, is_going_on, take_result
from trainer_core.config import PICTURES
from trainer_core.decisions import read_threshold
from trainer_core.errors import TrainerError
from trainer_core.language import gettext as _
from trainer_core.store import Store

_WRITING, _WRITTEN = "playground/exporting", "playground/exported"


def take_home(store: Store, chosen: Chosen) -> None:
    """What the zip holds, a button, and the download."""
    config = chosen.checkpoint.config()
    st.markdown(_("**{name}** as a zip that needs nothing of Descent.").format(name=plain(chosen.name)))
    what = (
        _("The weights and the network's layers")
        if config.task in PICTURES
        else _("A folder that transformers opens, the adapter merged into its model")
        if config.adapter != "none"
        else _("A folder that transformers opens")
    )
    threshold = read_threshold(chosen.checkpoint.path)
    inside = [what, _("`ask.py`, which answers in three lines"), _("a model card: data, settings, results, how to load it")]
    if threshold is not None:
        inside.append(_("the threshold kept with it, {share}").format(share=format_share(threshold, 0)))
    st.markdown("\n".join(f"- {line}" for line in inside))
    if st.button(_("Write the zip"), icon=":material/inventory_2:", type="primary", key="playground/export"):
        st.session_state[_WRITTEN] = {"of": chosen.key, "threshold": threshold}
        begin(store, _WRITING, {"run_id": chosen.run.run_id, "step": chosen.checkpoint.step}, package="handing_in")
    work = take_result(_WRITING)
    written = st.session_state.get(_WRITTEN, {})
    if work is not None:
        if work.error:
            show_error(TrainerError(work.error))
            st.session_state.pop(_WRITTEN, None)
            return
        written |= work.answer or {}
    if is_going_on(_WRITING) or "path" not in written:
        return
    if written.get("of") != chosen.key or written.get("threshold") != threshold:
        return  # of another checkpoint, or of another threshold
    path = Path(written["path"])
    if not path.is_file():  # cleaned away since
        st.session_state.pop(_WRITTEN, None)
        return
    st.download_button(
        _("Download {file}, {size}").format(file=plain(path.name), size=format_bytes(path.stat().st_size)),
        path.read_bytes,
        path.name,
        "application/zip",
        icon=":material/download:",
        on_click="ignore",
    )
    with st.expander(_("How it is loaded"), icon=":material/code:"):
        asked = (
            "pictures" if config.task in PICTURES else '[("A first text", "a second one")]' if config.pair_column else '["A text"]'
        )
        st.code(f"from ask import load\n\nask = load()\nprint(ask({asked}))", language="python")
