"""What is in a dataset, as figures: labels by split, how long texts are, how numbers are spread. No Streamlit here."""

import itertools
from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from pages.components.figure_parts import plain_html
from pages.components.palette import palette
from trainer_core.data.findings import Spread
from trainer_core.language import gettext as _

FIGURE_PIXELS = 240
_MOST_LABELS = 30
_SPLITS = ("train", "validation", "test")


def label_figure(labels: Mapping[str, Mapping[str, int]]) -> go.Figure:
    """Rows of each label, a bar a label in the splits' colours. Of more than thirty labels the commonest are drawn."""
    shown = list(labels)[:_MOST_LABELS]
    names = [plain_html(label) or _("(none)") for label in shown]
    figure = go.Figure()
    for place, split in enumerate(_SPLITS):
        counts = np.array([labels[label].get(split, 0) for label in shown])
        if counts.any():
            bar = go.Bar(x=names, y=counts, name=_(split), marker={"color": palette()[place]})
            bar.update(hovertemplate=_("%{x}, {split}: %{y:,} rows").replace("{split}", _(split)) + "<extra></extra>")
            figure.add_trace(bar)
    figure.update_xaxes(type="category", fixedrange=True, title={"text": _("Label"), "standoff": 8})
    figure.update_yaxes(title={"text": _("Rows"), "standoff": 8}, fixedrange=True, rangemode="tozero", tickformat=",d", nticks=5)
    _dress(figure)
    figure.update_layout(
        barmode="stack",
        bargap=0.3,
        legend={"orientation": "h", "traceorder": "normal", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
    )
    return figure


def spread_figure(spread: Spread, unit: str) -> go.Figure:
    """A histogram; its last bar holds all that is larger."""
    edges, counts = np.asarray(spread.edges), np.asarray(spread.counts)
    middles, widths = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    told = [f"{low:,.4g}–{high:,.4g}" for low, high in itertools.pairwise(edges)]
    if len(told) and spread.largest > edges[-1]:
        told[-1] = _("from {low:,.4g}").format(low=edges[-2])
    bar = go.Bar(x=middles, y=counts, width=widths * 0.92, marker={"color": palette()[0]}, customdata=told)
    bar.update(hovertemplate="%{customdata} " + plain_html(unit.lower()) + ": %{y:,}<extra></extra>")
    figure = go.Figure(bar)
    figure.update_xaxes(title={"text": unit, "standoff": 8}, fixedrange=True, tickformat=",~g")
    figure.update_yaxes(title={"text": _("Rows"), "standoff": 8}, fixedrange=True, rangemode="tozero", tickformat=",d", nticks=5)
    _dress(figure)
    figure.update_layout(showlegend=False)
    return figure


def _dress(figure: go.Figure) -> None:
    figure.update_layout(height=FIGURE_PIXELS, margin={"l": 60, "r": 4, "t": 26, "b": 48})
