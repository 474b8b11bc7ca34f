"""How long a dataset's texts are in a model's tokens, against max length."""

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.components.data_contents import read_version
from pages.components.length_chart import LENGTHS_PIXELS, cut_words, length_bars
from pages.components.session import show_error
from trainer_core.data.record import Record
from trainer_core.errors import ModelError
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tasks.text_preview import open_backend, token_lengths


def draw_tokens(store: Store, record: Record) -> None:
    """A model and a max length to try; the share of texts that would be cut."""
    with st.grid(2, min_column_width=220):
        model = st.text_input(
            _("Model"),
            value="small_gpt",
            key="data/model",
            help=_("small_gpt learns its tokens from these texts; or a folder with a model, or a hub id that is on this machine."),
        )
        max_length = int(st.number_input(_("Max length (tokens)"), 2, 1_000_000, 128, key="data/max_length"))
    try:
        with st.skeleton(height=LENGTHS_PIXELS):
            lengths = _lengths(store, str(store.root), record.reference, record.digest, (model or "small_gpt").strip())
    except ModelError as error:
        show_error(error)
        return
    room = max(1, max_length - 2)
    words = cut_words(float((lengths > room).mean()), room, max_length)
    st.markdown(words)
    st.plotly_chart(
        length_bars(lengths, room, max_length),
        key="data/tokens",
        height=LENGTHS_PIXELS,
        config={"displayModeBar": False},
        alt=_("Lengths of the texts in tokens. {words}").format(words=words.replace("**", "")),
    )


@st.cache_data(max_entries=8, ttl=900, show_spinner=False)
def _lengths(_store: Store, root: str, reference: str, digest: str, model: str) -> NDArray[np.int64]:
    examples = read_version(_store, root, reference, digest)
    texts: list[str] = [str(text) for text in examples["text"]]
    backend: Any = open_backend(model if model == "small_gpt" else str(Path(model).expanduser()), texts)
    lengths = token_lengths(backend, texts)
    return lengths + token_lengths(backend, [str(text) for text in examples["pair"]]) if "pair" in examples else lengths
