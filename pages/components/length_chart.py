"""How long texts are, against what a model reads of them: data to a Plotly figure. No Streamlit here."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages.components.formats import format_count
from pages.components.palette import palette
from trainer_core.language import gettext as _

LENGTHS_PIXELS = 190
_BARS = 32
_FAR = 3
"""Max length is drawn up to so many times the longest text; beyond, it would flatten the bars into a corner."""


def length_bars(lengths: NDArray[np.int64], room: int, max_length: int) -> go.Figure:
    """How many texts have how many tokens; those that are cut stand in another colour.

    Args:
        lengths: Tokens in each text, [texts].
        room: The tokens of a text that fit beside the special ones; a bar never holds both texts that fit and texts that don't.
        max_length: What the setting says, for the name of the line.
    """
    longest = int(lengths.max(initial=1))
    width = max(1, -(-(longest + 1) // _BARS))
    first = (room + 1) % width
    edges = np.arange(first - width if first else 0, longest + 1 + width, width)
    counts, _edges = np.histogram(lengths, bins=edges)
    least, most = np.maximum(edges[:-1], 0), edges[1:] - 1
    figure = go.Figure(
        go.Bar(
            x=edges[:-1] + (width - 1) / 2,
            y=counts,
            width=width * 0.9,
            marker={"color": [palette()[1] if start > room else palette()[0] for start in least]},
            customdata=[
                (str(start) if start == end else f"{start}–{end}") + (_(", cut") if start > room else "")
                for start, end in zip(least, most, strict=True)
            ],
            hovertemplate=_("%{customdata} tokens: %{y:,} texts") + "<extra></extra>",
        )
    )
    right = float(edges[-1])
    if room <= _FAR * longest:
        right = max(right, room + 1.0)
        figure.add_vline(x=room + 0.5, line={"color": palette()[1], "dash": "dash", "width": 1.5})
        leftwards = room > right / 2
        figure.add_annotation(
            x=room + 0.5,
            yref="paper",
            y=1,
            yanchor="bottom",
            xanchor="right" if leftwards else "left",
            text=_("max length {most}").format(most=format_count(max_length)),
            showarrow=False,
            font_size=12,
        )
    figure.update_xaxes(title={"text": _("Tokens in a text"), "standoff": 8}, fixedrange=True, range=[-0.5, right], tickformat=",d")
    figure.update_yaxes(title={"text": _("Texts"), "standoff": 8}, fixedrange=True, rangemode="tozero", tickformat=",d", nticks=4)
    figure.update_layout(height=LENGTHS_PIXELS, margin={"l": 56, "r": 0, "t": 22, "b": 44}, showlegend=False)
    return figure


def long_words(share: float, max_length: int) -> str:
    """How many dialogues are longer than what is read at once, in a sentence: `share` from 0 to 1. Markdown."""
    if share <= 0:
        return _("**Every dialogue is read whole**: none has more than {most} tokens.").format(most=format_count(max_length))
    shown = f"{100 * share:.0f}" if share >= 0.01 else _("less than 1")
    return _(
        "**{share} % of the dialogues have more than {most} tokens**: their later turns are read without the oldest ones."
    ).format(share=shown, most=format_count(max_length))


def cut_words(share: float, room: int, max_length: int) -> str:
    """How many texts lose their start, in a sentence: `share` from 0 to 1. Markdown."""
    if share <= 0:
        return _("**No text is cut**: none has more than {room} tokens.").format(room=format_count(room))
    shown = f"{100 * share:.0f}" if share >= 0.01 else _("less than 1")
    words = _("**{share} % of the texts are cut**: they have more than {room} tokens and lose their start.").format(
        share=shown, room=format_count(room)
    )
    special = max_length - room
    if special <= 0:
        return words
    return words + " " + _("Special tokens take {special} of the {most}.").format(special=special, most=format_count(max_length))
