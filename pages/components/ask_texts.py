"""The ways to give the Playground texts: one that is answered while it is typed, or several, a line each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import streamlit as st

from pages.components.dataset_look import examples_of, look_at_data
from pages.components.session import plain, show_error
from trainer_core.config import TrainConfig
from trainer_core.data import TextData
from trainer_core.language import gettext as _
from trainer_core.tasks.text_preview import label_of

ONE, SECOND, MANY, SECONDS = "playground/text", "playground/second", "playground/texts", "playground/seconds"
MOST_LINES = 200
_EXAMPLES = 6
_SHOWN = 90
"""Letters of an example that its button shows."""


@dataclass(frozen=True)
class TextQuestion:
    """Texts to ask about, row by row: `pairs` where two are read together, and each one's label where it is known."""

    texts: tuple[str, ...]
    pairs: tuple[str, ...] | None
    true_labels: tuple[str | None, ...]


@dataclass(frozen=True)
class TextExamples:
    """What the run was evaluated on: `labels` by text and second text (empty where there is none)."""

    data: TextData | None
    labels: Mapping[tuple[str, str], str]


def load_examples(config: TrainConfig) -> TextExamples:
    """The texts that the run is evaluated on; without them where the data can't be read now, and a sentence why."""
    with st.skeleton(60):
        look = look_at_data(config.model_dump())
    if look.error:
        show_error(look.error)
        st.caption(_("The data that this run was trained on can't be read now. Typing works without it."))
    if not isinstance(look.data, TextData):
        return TextExamples(None, {})
    split = look.data.splits[config.evaluation_split]
    pairs = split.pairs or [""] * len(split)
    names = [label_of(look.data, config.evaluation_split, row) for row in range(len(split))]
    known = {(text, pair): name for text, pair, name in zip(split.texts, pairs, names, strict=True) if name}
    return TextExamples(look.data, known)


def start_with_an_example(config: TrainConfig, examples: TextExamples) -> None:
    """Fills the empty field once, so that the page shows an answer from the start."""
    if ONE in st.session_state or examples.data is None:
        return
    split = examples.data.splits[config.evaluation_split]
    row = examples_of(examples.data, config.evaluation_split, 1)[0]
    _take(split.texts[row], split.pairs[row] if split.pairs else "")


def ask_one(config: TrainConfig, examples: TextExamples) -> TextQuestion | None:
    """A field, or two for a pair, answered while one types."""
    text = st.text_input(
        _("First text") if config.pair_column else _("Text"),
        key=ONE,
        live=True,
        persist_state="session",
        placeholder=_("Type a text. Its answer follows."),
    )
    second = ""
    if config.pair_column:
        second = st.text_input(_("Second text"), key=SECOND, live=True, persist_state="session") or ""
    text, second = (text or "").strip(), second.strip()
    if not text or (config.pair_column and not second):
        st.caption(_("Give both texts: this run reads them as a pair.") if text else _("Type a text, or take an example."))
        return None
    return TextQuestion((text,), (second,) if config.pair_column else None, (examples.labels.get((text, second)),))


def ask_many(config: TrainConfig, examples: TextExamples) -> TextQuestion | None:
    """A text a line, answered when the field is left."""
    hint = _("A text a line. The answers come when you leave the field, or with Ctrl+Enter.")
    if not config.pair_column:
        texts = _area(_("Texts"), MANY, hint)
        pairs = None
    else:
        left, right = st.columns(2)
        with left:
            texts = _area(_("First texts"), MANY, hint)
        with right:
            pairs = _area(_("Second texts"), SECONDS, hint)
        if len(pairs) != len(texts):
            st.warning(
                _(
                    "There are {first} first texts and {second} second ones. Line by line they make pairs: give as many of each."
                ).format(first=len(texts), second=len(pairs))
            )
            return None
    if not texts:
        st.caption(hint)
        return None
    if len(texts) > MOST_LINES:
        st.warning(
            _(
                "These are {count:,} lines; the first {most} are asked. For more there is the command: predict RUN --file FILE."
            ).format(count=len(texts), most=MOST_LINES)
        )
        texts, pairs = texts[:MOST_LINES], pairs[:MOST_LINES] if pairs else None
    others = pairs or [""] * len(texts)
    labels = tuple(examples.labels.get(asked) for asked in zip(texts, others, strict=True))
    return TextQuestion(tuple(texts), tuple(pairs) if pairs else None, labels)


def offer_examples(config: TrainConfig, examples: TextExamples, many: bool) -> None:
    """A few evaluated texts with their labels; a click asks about one, or adds it to the lines."""
    if examples.data is None:
        return
    data = examples.data
    split = data.splits[config.evaluation_split]
    shuffles = st.session_state.setdefault("playground/text-shuffles", 0)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(_("**Examples** of the {split} split").format(split=_(config.evaluation_split)), width="stretch")
        st.button(_("Show others"), icon=":material/shuffle:", type="tertiary", key="playground/other-texts", on_click=_shuffle)
    rows = examples_of(data, config.evaluation_split, _EXAMPLES, start=shuffles * (-(-_EXAMPLES // max(1, len(data.label_names)))))
    with st.container(gap="xxsmall", key="text-examples"):
        for row in dict.fromkeys(rows):
            text, second = split.texts[row], split.pairs[row] if split.pairs else ""
            label = label_of(data, config.evaluation_split, row)
            shown = _short(text) if not second else f"{_short(text)} ⁄ {_short(second)}"
            st.button(
                f":gray-badge[{plain(label)}] {plain(shown)}" if label else plain(shown),
                key=f"playground/example-{row}",
                type="tertiary",
                on_click=partial(_add if many else _take, text, second),
                help=_("Adds this text") if many else _("Asks about this text"),
            )


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _SHOWN else words[: _SHOWN - 1].rstrip() + "…"


def _area(label: str, key: str, hint: str) -> list[str]:
    return _lines(st.text_area(label, key=key, height=150, persist_state="session", help=hint, placeholder=hint))


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def _take(text: str, second: str) -> None:
    st.session_state[ONE], st.session_state[SECOND] = text, second


def _add(text: str, second: str) -> None:
    for key, line in ((MANY, text), (SECONDS, second)):
        st.session_state[key] = "\n".join([*_lines(st.session_state.get(key)), " ".join(line.split())]).strip()


def _shuffle() -> None:
    st.session_state["playground/text-shuffles"] += 1
