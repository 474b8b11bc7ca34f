"""What a checkpoint answers about texts: bars for one, a table for several, and what the model saw of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.ask_texts import TextQuestion
from pages.components.formats import per_cent_format
from pages.components.prediction_chart import prediction_bars, prediction_text
from pages.components.run_table import table_height
from pages.components.session import format_count, format_share, plain, show_error
from pages.components.token_rows import token_row, token_rows
from trainer_core.checkpoints import Checkpoint
from trainer_core.data import TextData, TextSplit
from trainer_core.data.delimited import distinct
from trainer_core.errors import TrainerError
from trainer_core.jobs.predictor import Predictions
from trainer_core.language import gettext as _
from trainer_core.tasks.seen_texts import SeenText
from trainer_core.tasks.text_preview import preview_texts

_SEEN = 8
"""Texts whose tokens are shown."""


def verdict(winner: str, true_label: str | None) -> str:
    """The winner in words, and whether it is right where that is known."""
    said = _("It says **{label}**").format(label=plain(winner))
    if true_label is None:
        return said
    if winner == true_label:
        return said + _(" :green[:material/check: right]")
    return said + _(" :red[:material/close: wrong], it is {label}").format(label=plain(true_label))


def draw_one(true_label: str | None, answer: Predictions, key: str = "playground/bars", odd: bool = False) -> None:
    """The winner in words and a bar for each class, the winner bold; `odd` marks an answer that differs from its neighbour's."""
    shares = answer.probabilities[0]
    if not answer.labels:
        st.metric(_("It says"), f"{float(shares[0]):,.4g}", help=_("The number that the head predicts, in the data's own unit."))
        if true_label is not None:
            st.caption(_("It is {number}.").format(number=plain(true_label)))
        return
    winner = int(answer.winners[0])
    st.markdown(f"#### {verdict(answer.labels[winner], true_label)}")
    if odd:
        st.badge(_("differs"), icon=":material/call_split:", color="orange")
    st.plotly_chart(
        prediction_bars(answer.labels, shares, true_label, winner),
        key=key,
        config={"displayModeBar": False},
        alt=prediction_text(answer.labels, shares),
    )
    say_threshold(answer)
    if answer.note:
        st.caption(plain(answer.note))


def say_threshold(answer: Predictions) -> None:
    """Names the checkpoint's own threshold, where it has one."""
    if answer.threshold is not None and len(answer.labels) == 2:
        st.caption(
            _("By the threshold kept with it: {label} from {share} on.").format(
                label=plain(answer.labels[1]), share=format_share(answer.threshold)
            )
        )


def draw_many_beside(question: TextQuestion, names: Sequence[str], answers: Sequence[Predictions]) -> None:
    """A row a text and a column a checkpoint; rows in which they differ are marked."""
    columns: dict[str, object] = {_("Text"): list(question.texts)}
    if question.pairs is not None:
        columns[_("Second text")] = list(question.pairs)
    if any(label is not None for label in question.true_labels):
        columns[_("True label")] = ["–" if label is None else label for label in question.true_labels]
    said = []
    for name, answer in zip(distinct(names), answers, strict=True):  # two runs may have one name
        if answer.labels:
            winners = answer.winners
            said.append([answer.labels[int(winner)] for winner in winners])
            shares = answer.probabilities[np.arange(len(winners)), winners]
            columns[name] = [f"{label} · {format_share(share, 0)}" for label, share in zip(said[-1], shares, strict=True)]
        else:
            columns[name] = [float(row[0]) for row in answer.probabilities]
    if said:
        differ = [len(set(row)) > 1 for row in zip(*said, strict=True)]
        columns = {_("Differ"): ["⑂" if one else "" for one in differ], **columns}
        st.markdown(
            _("They differ on **{count}** of {all}.").format(count=format_count(sum(differ)), all=format_count(len(differ)))
        )
    st.dataframe(
        pd.DataFrame(columns),
        key="playground/answers-beside",
        hide_index=True,
        height=table_height(len(question.texts), 12),
        column_config={
            _("Differ"): st.column_config.TextColumn(width=60, help=_("Marks texts on which the checkpoints differ.")),
            _("Text"): st.column_config.TextColumn(width="large"),
        },
        alt=_("What each checkpoint says of each text"),
    )


def draw_many(question: TextQuestion, answer: Predictions) -> None:
    """A row a text: what it says, how sure it is, and what is right where that is known."""
    if not answer.labels:
        _draw_numbers(question, answer)
        return
    winners = answer.winners
    names = [answer.labels[int(winner)] for winner in winners]
    columns: dict[str, object] = {_("Text"): list(question.texts)}
    if question.pairs is not None:
        columns[_("Second text")] = list(question.pairs)
    columns[_("It says")] = names
    columns[_("Probability")] = 100 * answer.probabilities[np.arange(len(names)), winners].astype(float)
    if any(label is not None for label in question.true_labels):
        columns[_("True label")] = [
            "–" if label is None else f"{'✓' if label == name else '✕'} {label}"
            for label, name in zip(question.true_labels, names, strict=True)
        ]
    counts = {label: names.count(label) for label in answer.labels if label in names}
    st.markdown(" · ".join(f"**{format_count(count)}** {plain(label)}" for label, count in counts.items()))
    st.dataframe(
        pd.DataFrame(columns),
        key="playground/answers",
        hide_index=True,
        height=table_height(len(names), 12),
        column_config={
            _("Text"): st.column_config.TextColumn(width="large"),
            _("Probability"): st.column_config.ProgressColumn(format=per_cent_format(1), min_value=0, max_value=100, width=130),
        },
        alt=_("What the checkpoint says of each text"),
    )
    say_threshold(answer)
    if answer.note:
        st.caption(plain(answer.note))


def _draw_numbers(question: TextQuestion, answer: Predictions) -> None:
    columns: dict[str, object] = {_("Text"): list(question.texts)}
    if question.pairs is not None:
        columns[_("Second text")] = list(question.pairs)
    columns[_("It says")] = [float(row[0]) for row in answer.probabilities]
    if any(label is not None for label in question.true_labels):
        columns[_("It is")] = [float(label) if label else None for label in question.true_labels]
    st.dataframe(
        pd.DataFrame(columns),
        key="playground/numbers",
        hide_index=True,
        height=table_height(len(question.texts), 12),
        column_config={_("Text"): st.column_config.TextColumn(width="large")},
        alt=_("The number that the checkpoint predicts for each text"),
    )


def draw_seen(checkpoint: Checkpoint, question: TextQuestion, answer: Predictions) -> None:
    """The tokens that the model read, folded."""
    config = checkpoint.config()
    with st.expander(_("What the model saw"), icon=":material/visibility:"):
        try:
            seen = seen_texts(checkpoint, question)
        except (TrainerError, OSError, ValueError) as error:
            show_error(error if isinstance(error, TrainerError) else TrainerError(str(error)))
            return
        shown = answer.probabilities[: len(seen)]
        said = answer.winners
        winners = [answer.labels[int(said[place])] if answer.labels else f"{float(row[0]):,.4g}" for place, row in enumerate(shown)]
        rows = [
            replace(token_row(one), learned=winner, words=token_words(one, config.max_length))
            for one, winner in zip(seen, winners, strict=True)
        ]
        token_rows(rows, _("Texts as the model read them, token by token, and what it answered"), key="playground/tokens")
        if len(question.texts) > len(seen):
            st.caption(_("The first {count} of {all}.").format(count=len(seen), all=format_count(len(question.texts))))


def seen_texts(checkpoint: Checkpoint, question: TextQuestion) -> tuple[SeenText, ...]:
    """The first texts of the question as the checkpoint's own tokenizer gives them to the model, without torch."""
    backend = _tokenizer(str(checkpoint.path / "tokenizer.json"), checkpoint.saved_at)
    texts, count = question.texts[:_SEEN], min(_SEEN, len(question.texts))
    pairs = None if question.pairs is None else question.pairs[:_SEEN]
    split = TextSplit(texts, pairs, np.zeros(count, dtype=np.int64), np.arange(count))
    data = TextData("", "", "", checkpoint.label_names, {"train": split}, "")
    return preview_texts(checkpoint.config(), data, backend, list(range(count))).examples


@st.cache_resource(max_entries=8, ttl=3600, show_spinner=False)
def _tokenizer(path: str, saved_at: float) -> object:  # noqa: ARG001 - part of the cache's key
    from tokenizers import Tokenizer

    return Tokenizer.from_file(path)


def token_words(seen: SeenText, max_length: int) -> str:
    """`12 tokens`, and how many were cut off."""
    read = len(seen.pieces) if seen.learned is None else seen.learned
    words = _("{count} tokens").format(count=format_count(read))
    if seen.cut > 0:
        words += _(" · {cut} cut off at the start, since max length is {most}").format(
            cut=format_count(seen.cut), most=format_count(max_length)
        )
    return words
