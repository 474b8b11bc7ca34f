"""Texts on the Train page: token by token as the model will read them, and how many are too long for it."""

import html
from gettext import gettext as _

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from pages.components.dataset_look import examples_of
from pages.components.palette import palette
from pages.components.param_form import Form
from pages.components.session import format_count, plain
from pages.components.text_answer import token_strip, token_words
from trainer_core.config import TEXTS, TrainConfig, build_config
from trainer_core.data import TextData
from trainer_core.errors import ConfigError, ModelError
from trainer_core.tasks.text_preview import SeenText, TextPreview, load_backend, preview_texts

_EXAMPLES = 4
_FIELDS = ("task", "model", "dataset", "max_length", "vocabulary_size", "label_names", "text_column", "pair_column", "label_column")
LENGTHS_PIXELS = 190


def draw_texts(form: Form, data: TextData) -> None:
    """Examples of the training split as the model sees them; without its tokenizer, the bare texts and why."""
    config = _config_of(form)
    if config is None:
        return
    rows = examples_of(data, "train", _EXAMPLES)
    try:
        preview = _preview(config, data, rows)
    except ModelError as error:
        st.info(plain(str(error)), icon=":material/info:")
        for row in rows:
            st.text(f"{data.label_names[int(data.splits['train'].labels[row])]}: {data.splits['train'].texts[row]}")
        return
    st.caption(explain(config))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        for seen in preview.examples:
            st.html(strip(seen, config))
    with right:
        st.markdown(cut_words(preview.cut_share, config.max_length))
        st.plotly_chart(
            length_bars(preview.lengths, config.max_length),
            key="train/lengths",
            height=LENGTHS_PIXELS,
            config={"displayModeBar": False},
            alt=_("Lengths of the training texts in tokens. {words}").format(words=cut_words(preview.cut_share, config.max_length)),
        )


def explain(config: TrainConfig) -> str:
    """What is read and what is learned, in a sentence."""
    if config.task == "label_token":
        return _("As the model sees them, token by token. It reads everything up to the arrow and learns only the token after it.")
    return _("As the model sees them, token by token. It reads all of them; its head learns the label after the arrow.")


def strip(seen: SeenText, config: TrainConfig) -> str:
    """One example as HTML, every part of it escaped: its tokens, what is learned, and what was cut."""
    learned = seen.label if seen.learned is None else seen.pieces[seen.learned].strip()
    words = token_words(seen, config.max_length)
    if seen.learned is not None:
        words += _(" · learns “{token}” for {label}").format(token=learned, label=seen.label)
    return f"{token_strip(seen, learned)}<small style='opacity:.7'>{html.escape(words)}</small>"


def cut_words(share: float, max_length: int) -> str:
    """`12 % of the texts are cut at 32 tokens`."""
    if share <= 0:
        return _("No text is longer than {most} tokens: none is cut.").format(most=format_count(max_length))
    shown = f"{100 * share:.0f}" if share >= 0.01 else _("Less than 1")
    return _("**{share} %** of the texts are longer and lose their start.").format(share=shown)


def length_bars(lengths: NDArray[np.int64], max_length: int) -> go.Figure:
    """How many texts have how many tokens, and where max length cuts. No Streamlit in it."""
    most = int(max(lengths.max(initial=1), 1))
    width = max(1, -(-most // 30))
    counts, edges = np.histogram(lengths, bins=np.arange(0, most + 2 * width, width))
    figure = go.Figure(
        go.Bar(
            x=edges[:-1] + width / 2,
            y=counts,
            width=width * 0.9,
            marker={"color": palette()[0]},
            customdata=np.stack([edges[:-1], edges[1:] - 1], axis=1),
            hovertemplate=_("%{customdata[0]}–%{customdata[1]} tokens: %{y:,} texts") + "<extra></extra>",
        )
    )
    if max_length <= 1.2 * most:
        figure.add_vline(x=max_length, line={"color": palette()[1], "dash": "dash"}, annotation_text=_("max length"))
    figure.update_xaxes(title=_("Tokens in a text"), fixedrange=True, range=[0, max(edges[-1], min(max_length, most) * 1.05)])
    figure.update_yaxes(title=_("Texts"), fixedrange=True, rangemode="tozero")
    figure.update_layout(height=LENGTHS_PIXELS, margin={"l": 0, "r": 0, "t": 18, "b": 0}, showlegend=False)
    return figure


def _config_of(form: Form) -> TrainConfig | None:
    try:
        config = build_config({name: form.values[name] for name in _FIELDS} | {"batch_size": 1})
    except ConfigError:
        return None
    return config if config.task in TEXTS else None


def _preview(config: TrainConfig, data: TextData, rows: list[int]) -> TextPreview:
    backend = _backend((config.model, config.vocabulary_size, data.digest), config, data)
    return preview_texts(config, data, backend, rows)


@st.cache_resource(max_entries=8, ttl=3600, show_spinner=False)
def _backend(key: tuple[str, int, str], _config: TrainConfig, _data: TextData) -> object:
    assert key == (_config.model, _config.vocabulary_size, _data.digest)  # what the tokenizer hangs on, and nothing else
    return load_backend(_config, _data)
