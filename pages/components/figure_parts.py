"""The parts that all charts are made of: an empty figure, a curve, and the alt text. No Streamlit here."""

import html
from gettext import gettext as _

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pages.components.formats import is_share
from pages.components.series import Floats, XAxis, smooth, thin

GREY = "#7F8794"
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def points_of(history: pd.DataFrame, key: str) -> pd.DataFrame:
    return history[history["key"] == key]


def empty_figure(title: str, axis: XAxis | None, unit: str) -> go.Figure:
    names = {"step": _("Step"), "epoch": _("Epoch"), "minutes": _("Minutes"), None: ""}
    figure = go.Figure()
    figure.update_layout(
        template=None,
        title=dict(text=html.escape(title), x=0, xref="paper", xanchor="left", y=0.97, yanchor="top", font_size=15),
        margin=dict(l=58, r=12, t=44, b=44),
        hovermode="x unified",
        legend=dict(orientation="h", x=1, xanchor="right", y=1.02, yanchor="bottom"),
        showlegend=True,
        dragmode="zoom",
    )
    figure.update_xaxes(
        title_text=names[axis], title_standoff=8, showline=True, zeroline=False, hoverformat=",.4~g", tickformat=",~g"
    )
    figure.update_yaxes(title_text=unit, title_standoff=8, zeroline=False)
    return figure


def unit_of(key: str) -> str:
    name = key.rpartition("/")[2]
    if is_share(key):
        return _("per cent")
    words = {
        "loss": _("Loss"),
        "learning_rate": _("Learning rate"),
        "grad_norm": _("Norm"),
        "samples_per_second": _("Samples a second"),
    }
    return words.get(name, name)


def add_curve(
    figure: go.Figure, x: Floats, y: Floats, name: str, colour: str, key: str, smoothing: float, dash: str = "solid"
) -> None:
    """Adds a curve; a smoothed one over its raw points. Values that aren't numbers leave a gap."""
    y = np.where(np.isfinite(y) & (np.abs(y) < 1.79e308), y, np.nan) * (100.0 if is_share(key) else 1.0)
    hover = "%{y:.2f} %" if is_share(key) else "%{y:.4~g}"
    name = html.escape(name)
    if smoothing > 0:
        raw = scatter_line(*thin(x, y), name, colour, hover)
        raw.update(opacity=0.25, showlegend=False, hoverinfo="skip", hovertemplate=None, legendgroup=name, line_width=1)
        figure.add_trace(raw)
        y = smooth(y, smoothing)
    few = len(y) == 1 or (len(y) <= 60 and key.startswith(("eval/", "test/")))
    trace = scatter_line(*thin(x, y), name, colour, hover, dash)
    trace.update(legendgroup=name, mode="lines+markers" if few else "lines")
    figure.add_trace(trace)


def scatter_line(x: Floats, y: Floats, name: str, colour: str, hover: str, dash: str = "solid") -> go.Scatter:
    return go.Scatter(
        x=x, y=y, name=name, mode="lines", line=dict(color=colour, width=2, dash=dash), marker=dict(size=6), hovertemplate=hover
    )


def described(figure: go.Figure) -> go.Figure:
    """Writes the alt text: the title, and where each curve ends."""
    ends = []
    for trace in figure.data:
        finite = np.asarray(trace.y, dtype=np.float64)
        finite = finite[np.isfinite(finite)]
        if trace.showlegend is not False and len(finite):
            ends.append(
                _("{name}: {count} points, from {first} to {last}").format(
                    name=trace.name, count=len(finite), first=f"{finite[0]:.4g}", last=f"{finite[-1]:.4g}"
                )
            )
    meta = figure.layout.meta or {}
    if meta.get("baselines"):
        ends.append(_("baselines: {lines}").format(lines=meta["baselines"]))
    alt = f"{figure.layout.title.text}. " + ("; ".join(ends) if ends else _("No points yet")) + "."
    figure.update_layout(meta={**meta, "alt": html.unescape(alt)})
    return figure
