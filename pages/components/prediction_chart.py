"""Figures about labels: what a checkpoint answers, and how often each label stands in a split. No Streamlit here."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages.components.figure_parts import plain_html
from pages.components.formats import per_cent
from pages.components.palette import palette
from trainer_core.language import gettext as _
from trainer_core.language import listed

_ROW_PIXELS = 30
_MOST_BARS = 12
LABEL_BARS_PIXELS = 110


def prediction_bars(
    labels: Sequence[str], probabilities: NDArray[np.floating], true_label: str | None = None, winner: int | None = None
) -> go.Figure:
    """A bar for each class, the most probable first, the winner bold.

    Args:
        labels: Names of the classes, [K].
        probabilities: Their probabilities, [K].
        true_label: The right answer, where it is known; its bar says so.
        winner: The class that is said, where a threshold chooses it; by default the likeliest.

    Of more than a dozen classes the dozen most probable are drawn.
    """
    order = np.argsort(-probabilities, kind="stable")[:_MOST_BARS][::-1]  # Plotly draws the first at the bottom
    values = np.asarray(probabilities, dtype=np.float64)[order]
    chosen = int(order[-1]) if winner is None else winner
    names = [_axis_name(labels[index], labels[index] == true_label, index == chosen) for index in order]
    texts = [
        f"<b>{_percent(value)}</b>" if index == chosen else _percent(value) for index, value in zip(order, values, strict=True)
    ]
    figure = go.Figure(
        go.Bar(
            x=values,
            y=np.arange(len(order)),
            orientation="h",
            text=texts,
            textposition="outside",
            cliponaxis=False,
            marker={"color": palette()[0], "opacity": [1.0 if index == chosen else 0.45 for index in order]},
            hovertemplate="%{text}<extra></extra>",
        )
    )
    figure.update_xaxes(range=[0, 1.18], visible=False, fixedrange=True)
    figure.update_yaxes(tickvals=np.arange(len(order)), ticktext=names, fixedrange=True, ticks="", showgrid=False)
    figure.update_layout(
        height=_ROW_PIXELS * len(order) + 10, margin={"l": 0, "r": 0, "t": 0, "b": 0}, bargap=0.35, showlegend=False
    )
    return figure


def prediction_text(labels: Sequence[str], probabilities: NDArray[np.floating]) -> str:
    """What the bars show, in words: for screen readers."""
    order = np.argsort(-probabilities, kind="stable")[:3]
    return _("Probabilities: ") + listed(f"{labels[index]} {_percent(float(probabilities[index]))}" for index in order)


def label_bars(labels: Sequence[str], counts: Sequence[int]) -> go.Figure:
    """Small bars: how many rows each label has."""
    figure = go.Figure(
        go.Bar(
            x=[plain_html(label) for label in labels],
            y=np.asarray(counts),
            marker={"color": palette()[0]},
            hovertemplate=_("%{x}: %{y:,} rows") + "<extra></extra>",
        )
    )
    figure.update_xaxes(type="category", fixedrange=True, ticks="", showgrid=False, title=None)
    figure.update_yaxes(visible=False, fixedrange=True, rangemode="tozero")
    figure.update_layout(height=LABEL_BARS_PIXELS, margin={"l": 0, "r": 0, "t": 4, "b": 0}, bargap=0.25, showlegend=False)
    return figure


def _percent(share: float) -> str:
    if 0 < share < 5e-4:
        return per_cent("< 0.1")
    return per_cent("> 99.9") if 0.9995 <= share < 1 else per_cent(f"{100 * share:.1f}")


def _axis_name(label: str, is_true: bool, is_winner: bool) -> str:
    name = plain_html(label)
    name = f"<b>{name}</b>" if is_winner else name
    return _("{label} (true)").format(label=name) + "  " if is_true else f"{name}  "
