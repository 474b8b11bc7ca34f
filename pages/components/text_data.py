"""Texts on the Train page: token by token as the model will read them, and how many are too long for it."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pages.components.dataset_look import examples_of
from pages.components.length_chart import LENGTHS_PIXELS, cut_words, length_bars, long_words
from pages.components.param_form import Form
from pages.components.session import format_count, plain, setting_label
from pages.components.token_rows import token_row, token_rows
from trainer_core.config import TrainConfig
from trainer_core.data import TextData
from trainer_core.errors import ConfigError, ModelError
from trainer_core.language import gettext as _
from trainer_core.language import language, listed
from trainer_core.settings import build_config
from trainer_core.tasks.seen_texts import TextPreview
from trainer_core.tasks.text_preview import label_of, load_backend, preview_texts

_EXAMPLES = 4
_LONGEST_BARE = 400
# What the tokens hang on. The columns and label names are the data's own by then.
_FIELDS = ("task", "model", "max_length", "vocabulary_size")


def draw_texts(form: Form, data: TextData) -> TextPreview | None:
    """Examples of the training split as the model sees them; without its tokens, the bare texts and why."""
    rows = tuple(examples_of(data, "train", _EXAMPLES))
    try:
        config = _config_of(form)
        with st.skeleton(260):
            preview = _preview(_backend_key(config), data.digest, data.label_names, rows, language(), config, data)
    except (ConfigError, ModelError) as error:
        st.caption(_bare_title(data))
        st.info(plain(error), icon=":material/info:")
        _draw_bare(data, rows)
        return None
    st.caption(explain(config, data))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        token_rows([token_row(seen) for seen in preview.examples], _("Training texts, token by token"), key="train/tokens")
    with right:
        words = (
            long_words(preview.cut_share, preview.room)
            if config.task == "chat"
            else cut_words(preview.cut_share, preview.room, config.max_length)
        )
        st.markdown(words)
        st.plotly_chart(
            length_bars(preview.lengths, preview.room, config.max_length),
            key="train/lengths",
            height=LENGTHS_PIXELS,
            config={"displayModeBar": False},
            alt=_("Lengths of the training texts in tokens. {words}").format(words=words.replace("**", "")),
        )
        if preview.note:
            st.caption(preview.note)
        if len(preview.lengths) < len(data.splits["train"]):
            st.caption(_("Measured on {count} texts, evenly spread.").format(count=format_count(len(preview.lengths))))
    return preview


def explain(config: TrainConfig, data: TextData) -> str:
    """What is read, what is masked and what is learned, in a sentence."""
    kind = _("Synthetic reviews") if data.synthetic else _("Texts")
    if config.task == "label_token":
        return _(
            "{kind} as the model sees them, token by token: it reads all up to the arrow, where the loss is masked, "
            "and learns only the label's token after it."
        ).format(kind=kind)
    if config.task == "chat":
        made = _("Synthetic dialogues") if data.synthetic else _("Dialogues")
        return _(
            "{kind} as the model sees them, token by token: it reads all of them and learns to write the coloured ones, the "
            "assistant's turns; the loss of all others is masked."
        ).format(kind=made)
    if config.task == "language_modelling":
        return _("{kind} as the model sees them, token by token: at each it learns the next one.").format(kind=kind)
    if config.task == "regression":
        return _("{kind} as the model sees them, token by token: it reads all of them, and its head learns the number.").format(
            kind=kind
        )
    return _("{kind} as the model sees them, token by token: it reads all of them, and its head learns the label.").format(
        kind=kind
    )


def _bare_title(data: TextData) -> str:
    return _("Synthetic training texts") if data.synthetic else _("Training texts")


def _draw_bare(data: TextData, rows: Sequence[int]) -> None:
    train = data.splits["train"]
    for row in rows:
        text = train.texts[row] if train.pairs is None else f"{train.texts[row]} | {train.pairs[row]}"
        short = text if len(text) <= _LONGEST_BARE else f"{text[:_LONGEST_BARE]}…"
        st.text(f"{label_of(data, 'train', row)}: {short}".removeprefix(": "))


def _config_of(form: Form) -> TrainConfig:
    """What decides the tokens. Raises ConfigError with one sentence for whatever is wrong in it."""
    wrong = [name for name in _FIELDS if name in form.problems]
    if not wrong:
        try:
            return build_config({name: form.values[name] for name in _FIELDS})
        except ConfigError as error:
            wrong = list(error.problems)
    fields = listed(setting_label(name) for name in wrong)
    raise ConfigError({wrong[0]: _("The tokens are shown once the model can be read. To mend: {fields}.").format(fields=fields)})


def _backend_key(config: TrainConfig) -> tuple[object, ...]:
    """What decides the preview, with the state of a model's folder."""
    file = Path(config.model).expanduser() / "tokenizer.json"
    try:
        found = file.stat()
        state = (found.st_mtime_ns, found.st_size)
    except OSError:
        state = (0, 0)
    return (config.task, config.model, config.max_length, config.vocabulary_size, *state)


# Measured once, not at every click: long texts take a second.
@st.cache_resource(max_entries=32, ttl=3600, show_spinner=False)
def _preview(
    key: tuple[object, ...],
    digest: str,
    label_names: tuple[str, ...],  # noqa: ARG001 - part of the cache's key
    rows: tuple[int, ...],
    spoken: str,  # noqa: ARG001 - part of the cache's key
    _config: TrainConfig,
    _data: TextData,
) -> TextPreview:
    learnt = _config.model == "small_gpt"  # from these texts, whatever the max length
    backend_key = (_config.model, _config.vocabulary_size, digest) if learnt else (_config.model, *key[4:])
    return preview_texts(_config, _data, _backend(backend_key, _config, _data), list(rows))


@st.cache_resource(max_entries=8, ttl=3600, show_spinner=False)
def _backend(key: tuple[object, ...], _config: TrainConfig, _data: TextData) -> object:  # noqa: ARG001 - the cache's key
    return load_backend(_config, _data)
