"""The parts that all charts are made of: an empty figure, a curve, and the alt text. No Streamlit here."""

import html
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pages.components.formats import per_cent
from pages.components.series import Floats, XAxis, smooth, thin
from trainer_core.batch_in_force import Smaller
from trainer_core.language import gettext as _
from trainer_core.measures import is_share
from trainer_core.terminal import cells
from trainer_core.tracking.records import Restart

GREY = "#7F8794"
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def plain_html(text: str) -> str:
    """A text that Plotly shows letter by letter: it reads a little HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def points_of(history: pd.DataFrame, key: str) -> pd.DataFrame:
    return history[history["key"] == key]


def empty_figure(title: str, axis: XAxis | None, unit: str) -> go.Figure:
    names = {
        "step": _("Step"),
        "epoch": _("Epoch"),
        "minutes": _("Minutes, pauses left out"),
        "samples": _("Samples seen"),
        None: "",
    }
    title_font = {"size": 15, "weight": 600}
    return go.Figure(
        layout={
            "template": None,
            "separators": ".,",
            "title": {
                "text": html.escape(title),
                "font": title_font,
                "x": 0,
                "xref": "container",
                "xanchor": "left",
                "y": 1,
                "yref": "paper",
                "yanchor": "bottom",
                "pad": {"b": 12},
            },
            "margin": {"l": 58, "r": 14, "t": 50, "b": 46},
            "hovermode": "x unified",
            "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
            "showlegend": True,
            "dragmode": "zoom",
            "xaxis": {
                "title": {"text": names[axis], "standoff": 8, "font": {"size": 13}},
                "showline": True,
                "zeroline": False,
                "rangemode": "tozero",
                "hoverformat": ",.4~g",
                "tickformat": ",~g",
            },
            "yaxis": {
                "title": {"text": html.escape(unit), "standoff": 8, "font": {"size": 13}},
                "exponentformat": "power",
                "zeroline": False,
                "automargin": True,
            },
        }
    )


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
    hover = per_cent("%{y:.2f}") if is_share(key) else "%{y:.4~g}"
    name = html.escape(name)
    if smoothing > 0:
        looks: dict[str, Any] = {"opacity": 0.25, "showlegend": False, "hoverinfo": "skip", "legendgroup": name}
        figure.add_trace(scatter_line(*thin(x, y), name, colour, None, width=1, **looks))
        y = smooth(y, smoothing)
    few = len(y) == 1 or (len(y) <= 60 and key.startswith(("eval/", "test/")))
    mode = "lines+markers" if few else "lines"
    figure.add_trace(scatter_line(*thin(x, y), name, colour, hover, dash, legendgroup=name, mode=mode))


def scatter_line(
    x: Floats, y: Floats, name: str, colour: str, hover: str | None, dash: str = "solid", width: float = 2.0, **more: Any
) -> go.Scatter:
    """A line; `more` are Plotly's own. All at once: each later change of a trace takes Plotly a millisecond."""
    line = dict(color=colour, width=width, dash=dash)
    return go.Scatter(
        {"x": x, "y": y, "name": name, "mode": "lines", "line": line, "marker": {"size": 6}, "hovertemplate": hover, **more}
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
    if not figure.data:  # ticks that Plotly makes up look like data
        figure.update_xaxes(showticklabels=False, showgrid=False, ticks="")
    if not ends:
        _say_that_it_waits(figure)
    alt = f"{figure.layout.title.text}. " + ("; ".join(ends) if ends else _("No points yet")) + "."
    figure.update_layout(meta={**meta, "alt": html.unescape(alt)})
    return figure


def _say_that_it_waits(figure: go.Figure) -> None:
    figure.update_yaxes(showticklabels=False, showgrid=False, ticks="")
    figure.add_annotation(
        xref="paper", yref="paper", x=0.5, y=0.5, text=html.escape(_("No points yet")), showarrow=False, font_color=GREY
    )


def set_plain_range(figure: go.Figure, key: str) -> None:
    """Scales by which a value can be read: from nought for what is never below it, and around a line that stays level.

    Left to itself, Plotly draws a constant learning rate of 0.01 between -1 and 1.
    """
    if not key.startswith("train/") or key == "train/loss":
        return
    figure.update_yaxes(rangemode="tozero")
    if key == "train/samples_per_second":
        figure.update_yaxes(tickformat=",~f")
    values = all_values(figure, "y")
    values = values[np.isfinite(values)]
    if len(values) and values.min() == values.max() and values.max() > 0:
        figure.update_yaxes(range=[0, 1.25 * float(values.max())])


def set_whole_steps(figure: go.Figure, axis: XAxis | None) -> None:
    """A tick for each step where there are only a few: there is no step 0.2."""
    values = all_values(figure, "x")
    if axis == "step" and len(values) and values.max() <= 6:
        figure.update_xaxes(dtick=1)


def set_log_axis(figure: go.Figure, letter: Literal["x", "y"], values: Floats) -> None:
    """Makes an axis logarithmic. Over few decades 2 and 5 are named in full too: plotly.js would write bare digits there."""
    positive = values[np.isfinite(values) & (values > 0)]
    axis: dict[str, Any] = {"type": "log", "dtick": 1}
    if len(positive):
        low, high = np.floor(np.log10(positive.min())), np.ceil(np.log10(positive.max()))
        if np.log10(positive.max() / positive.min()) < 2.5:
            axis["tickvals"] = [factor * 10.0**power for power in np.arange(low, high + 1) for factor in (1, 2, 5)]
    figure.update_layout({f"{letter}axis": axis})


_LETTERS_ABOVE, _LINE_ABOVE = 54, 17
"""Letters that stand in a line above the narrowest chart, a Chinese one counted twice, and a line's height in pixels."""


def write_above(figure: go.Figure, words: Sequence[str]) -> None:
    """Writes what a chart's lines are between its title and its plot, where no point can be. `words` are HTML."""
    rows: list[str] = []
    for text in words:
        joined = f"{rows[-1]}  {text}" if rows else ""
        rows = [*rows[:-1], joined] if joined and cells(html.unescape(joined)) <= _LETTERS_ABOVE else [*rows, text]
    if rows:
        _make_room_above(figure, len(rows))
        look = dict(showarrow=False, align="left", font_size=12, xanchor="left", yanchor="bottom")
        figure.add_annotation(text="<br>".join(rows), xref="paper", yref="paper", x=0, xshift=-50, y=1, yshift=2, **look)


def _make_room_above(figure: go.Figure, rows: int) -> None:
    """Moves title and legend up by so many lines."""
    height = rows * _LINE_ABOVE
    figure.update_layout(margin_t=figure.layout.margin.t + height, title_pad_b=figure.layout.title.pad.b + height)
    legend = figure.layout.legend
    if legend.y is not None and legend.y > 1:
        figure.update_layout(legend=dict(y=1, yref="container", yanchor="top"))


def mark_restarts(figure: go.Figure, restarts: Sequence[Restart], smaller: Sequence[Smaller] = ()) -> None:
    """A dotted line at each step from which the run was resumed; it names the batch where that was made smaller there. The words
    stand above the plot, where they cover no point.
    """
    words = {restart.from_step: _("resumed") for restart in restarts if restart.from_step > 0}
    words |= {entry.step: _("batch of {count}").format(count=entry.batch_size) for entry in smaller}
    if words:
        _make_room_above(figure, 1)
    for step, text in sorted(words.items()):
        figure.add_vline(x=step, line={"color": GREY, "dash": "dot", "width": 1})
        figure.add_annotation(
            x=step,
            yref="paper",
            y=1,
            yanchor="bottom",
            xanchor="auto",
            text=html.escape(text),
            showarrow=False,
            font_size=11,
            font_color=GREY,
        )


def all_values(figure: go.Figure, letter: Literal["x", "y"]) -> Floats:
    """The values of all curves on an axis."""
    values = [np.asarray(trace[letter], dtype=np.float64) for trace in figure.data]
    return np.concatenate(values) if values else np.empty(0)
