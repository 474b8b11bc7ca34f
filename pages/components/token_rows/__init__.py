"""Texts token by token: what a model reads, what it learns to answer, and what was cut off."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from pages.components.formats import format_count
from trainer_core.language import gettext as _
from trainer_core.tasks.seen_texts import SeenText

_HERE = Path(__file__).parent
_START, _END = 60, 100
"""Of a text that is longer than both together, so many tokens are drawn."""

_rows = st.components.v2.component(
    "descent.token_rows",
    html=(_HERE / "rows.html").read_text(encoding="utf-8"),
    css=(_HERE / "rows.css").read_text(encoding="utf-8"),
    js=(_HERE / "rows.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class TokenRow:
    """One text: the tokens read at its start and end, what stands between and before, what is learned, and a line of words."""

    cut: str
    start: tuple[str, ...]
    gap: str
    end: tuple[str, ...]
    learned: str
    words: str
    start_written: tuple[bool, ...] = ()
    end_written: tuple[bool, ...] = ()
    """Of a dialogue: whether each token is learned."""


def token_row(seen: SeenText) -> TokenRow:
    """An example as it is drawn: the tokens that are read, then the one token that is written, or the label that a head gives."""
    read = tuple(_visible(piece) for piece in (seen.pieces if seen.learned is None else seen.pieces[: seen.learned]))
    between = len(read) - _START - _END
    start, end = (read, ()) if between <= 0 else (read[:_START], read[-_END:])
    learned = seen.label if seen.learned is None else _visible(seen.pieces[seen.learned].strip() or seen.pieces[seen.learned])
    if seen.written:
        return _dialogue_row(seen, start, end, between)
    words = [_("{label} · {count} tokens read").format(label=seen.label, count=format_count(len(read)))]
    if seen.learned is not None:
        words.append(_("1 learned"))
    if seen.cut > 0:
        words.append(_("{count} cut off at the start").format(count=format_count(seen.cut)))
    return TokenRow(
        cut=_("… {count} cut off").format(count=format_count(seen.cut)) if seen.cut > 0 else "",
        start=start,
        gap=_("… {count} more …").format(count=format_count(between)) if between > 0 else "",
        end=end,
        learned=learned,
        words=" · ".join(words),
    )


def _dialogue_row(seen: SeenText, start: tuple[str, ...], end: tuple[str, ...], between: int) -> TokenRow:
    count = len(seen.pieces)
    words = _("{count} tokens · {learned} learned").format(count=format_count(count), learned=format_count(sum(seen.written)))
    return TokenRow(
        cut="",
        start=start,
        gap=_("… {count} more …").format(count=format_count(between)) if between > 0 else "",
        end=end,
        learned="",
        words=words if count else _("No turn of it fits."),
        start_written=seen.written[: len(start)],
        end_written=seen.written[count - len(end) :],
    )


def token_rows(rows: Sequence[TokenRow], label: str, key: str) -> None:
    """Draws the texts under each other; `label` says what they are, for screen readers."""
    _rows(key=key, data={"label": label, "rows": [asdict(row) for row in rows]})


def _visible(piece: str) -> str:
    """A token that is a line break or a tab is drawn as a sign for it."""
    return piece.replace("\r", "␍").replace("\n", "⏎").replace("\t", "⇥")
