"""Curves of several runs to Plotly figures: one by one, as groups, or as a band of all. No Streamlit here."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from gettext import gettext as _
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pages.components.charts import Line, add_baselines, baseline_names
from pages.components.curve_series import Curves, Drawn, band_of, drawn, grid_over, minus, outliers, x_of
from pages.components.figure_parts import (
    DASHES,
    GREY,
    all_values,
    described,
    empty_figure,
    scatter_line,
    set_log_axis,
    set_plain_range,
    set_whole_steps,
    unit_of,
)
from pages.components.formats import metric_label
from pages.components.series import Floats, XAxis
from trainer_core.measures import is_lower_better, is_share
from trainer_core.tracking.records import Restart

ONE_BY_ONE = 50
"""Curves up to which each is drawn; more become a band."""
NAMED = 12
"""Curves up to which a legend names them."""
_NAME_LENGTH = 44
_UNDER_AXIS = 48
"""Pixels that the axis' ticks and title take."""
TOGETHER = "loss"
"""Stands for the losses of training and evaluation in one chart."""


@dataclass(frozen=True)
class View:
    """How curves are drawn. `pinned` is the run that others are held against, drawn thicker; with `difference`, what is drawn is
    the distance to it. `height` is in pixels."""

    axis: XAxis = "step"
    smoothing: float = 0.0
    log_x: bool = False
    log_y: bool = False
    pinned: str | None = None
    difference: bool = False
    height: int = 430


@dataclass(frozen=True)
class Marks:
    """What stands on the curves, by run id: resumptions and the steps of checkpoints; and the baselines common to the runs."""

    restarts: Mapping[str, Sequence[Restart]] = field(default_factory=dict)
    checkpoints: Mapping[str, Sequence[int]] = field(default_factory=dict)
    baselines: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LineGroup:
    """Runs that are drawn as one: their mean, and a band from the lowest to the highest."""

    name: str
    colour: str
    lines: Sequence[Line]


def keys_of(key: str) -> tuple[str, ...]:
    """The metrics that a chart draws: itself, or both losses."""
    return ("train/loss", "eval/loss") if key == TOGETHER else (key,)


def chart_title(key: str, lines: Sequence[Line], view: View) -> str:
    """The metric in words, with the split where all runs share one, and what it is held against."""
    splits = {line.evaluated_on for line in lines}
    split = splits.pop() if len(splits) == 1 else _("evaluation")
    title = _("Loss, training and {split} split").format(split=_(split)) if key == TOGETHER else metric_label(key, split)
    pinned = next((line.name for line in lines if line.run_id == view.pinned), None)
    if view.difference and pinned is not None:
        return _("{title}: difference to {name}").format(title=title, name=short(pinned))
    return title


def short(name: str) -> str:
    """A name that leaves room for the chart: its middle is left out where it is long."""
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 15]} … {name[-12:]}"


def curves_figure(curves: Curves, lines: Sequence[Line], key: str, view: View, marks: Marks | None = None) -> go.Figure:
    """One metric of several runs: each run's curve, or, of more than fifty, a band with the outliers named."""
    marks = marks or Marks()
    figure = _start(key, lines, view)
    ready = {(line.run_id, one): found for line in lines for one in keys_of(key) if (found := _drawn(curves, line, one, view))}
    if len({run_id for run_id, _one in ready}) > ONE_BY_ONE:
        _add_crowd(figure, ready, lines, keys_of(key)[-1], view)
    else:
        mixed = len({line.evaluated_on for line in lines}) > 1
        for line, dash in zip(lines, dashes_of(lines), strict=True):
            for one in keys_of(key):
                split = line.evaluated_on if mixed and one.startswith("eval/") else None
                if (line.run_id, one) in ready:
                    _add_line(figure, ready[line.run_id, one], line, one, key, view, dash, split)
        _add_marks(figure, curves, ready, lines, key, view, marks)
    return _finish(figure, key, view, ready, marks)


def groups_figure(curves: Curves, groups: Sequence[LineGroup], key: str, view: View) -> go.Figure:
    """One metric of groups of runs: the mean of each, and a band from its lowest to its highest run."""
    lines = [line for group in groups for line in group.lines]
    figure = _start(key, lines, view)
    one = keys_of(key)[-1]
    ready = {(line.run_id, one): found for line in lines if (found := _drawn(curves, line, one, view))}
    scale = 100.0 if is_share(one) else 1.0
    for group in groups:
        own = [ready[line.run_id, one] for line in group.lines if (line.run_id, one) in ready]
        if not own:
            continue
        band = band_of(own, grid_over(own, view.log_x))
        _add_between(figure, band.x, band.lowest * scale, band.highest * scale, group.colour, 0.16, group.name)
        trace = scatter_line(band.x, band.mean * scale, html.escape(short(group.name)), group.colour, _hover(one))
        trace.update(legendgroup=group.name)
        figure.add_trace(trace)
    return _finish(figure, key, view, ready, Marks())


def _start(key: str, lines: Sequence[Line], view: View) -> go.Figure:
    return empty_figure(chart_title(key, lines, view), view.axis, _("Loss") if key == TOGETHER else unit_of(key))


def _drawn(curves: Curves, line: Line, key: str, view: View, *, raw: bool = False) -> Drawn | None:
    found = drawn(curves, line.run_id, key, view.axis, 0.0 if raw else view.smoothing, line.segments)
    if found is None or not view.difference or view.pinned is None:
        return found
    pinned = drawn(curves, view.pinned, key, view.axis, view.smoothing, line.segments)
    return found if pinned is None else minus(found, pinned)


def dashes_of(lines: Sequence[Line]) -> list[str]:
    """Runs whose colours repeat are told apart by their dashes."""
    seen: dict[str, int] = {}
    dashes = []
    for line in lines:
        dashes.append(DASHES[seen.get(line.colour, 0) % len(DASHES)])
        seen[line.colour] = seen.get(line.colour, 0) + 1
    return dashes


def _add_line(
    figure: go.Figure, line: Drawn, run: Line, key: str, chart: str, view: View, dash: str, split: str | None = None
) -> None:
    scale = 100.0 if is_share(key) else 1.0
    y = np.where(np.isfinite(line.y), line.y, np.nan) * scale
    of_training = chart == TOGETHER and key == "train/loss"
    name = html.escape(short(run.name) if split is None else f"{short(run.name)} ({_(split)})")
    few = len(y) == 1 or (len(y) <= 60 and key.startswith(("eval/", "test/")))
    trace = scatter_line(line.x, y, name, run.colour, _hover(key), dash)
    trace.update(legendgroup=run.run_id, mode="lines+markers" if few else "lines", showlegend=not of_training)
    if chart == TOGETHER:
        told = _("training") if of_training else _("evaluation")
        trace.update(hovertemplate=f"{_hover(key)} ({html.escape(told)})")
    trace.line.width = 3.5 if run.run_id == view.pinned else 1.25 if of_training else 2
    if of_training:
        trace.opacity = 0.7
    figure.add_trace(trace)


def _add_marks(
    figure: go.Figure,
    curves: Curves,
    ready: Mapping[tuple[str, str], Drawn],
    lines: Sequence[Line],
    chart: str,
    view: View,
    marks: Marks,
) -> None:
    """Raw points under smoothed curves, and on the curves: checkpoints, the best evaluation, resumptions."""
    of_key = keys_of(chart)[-1]
    scale = 100.0 if is_share(of_key) else 1.0
    points: dict[str, list[tuple[Any, ...]]] = {"checkpoint": [], "best": [], "resumed": []}
    for line in lines:
        own = ready.get((line.run_id, of_key))
        if view.smoothing > 0:
            for key in keys_of(chart):
                _add_raw(figure, _drawn(curves, line, key, view, raw=True), line, key)
        if own is None:
            continue
        for step in marks.checkpoints.get(line.run_id, ()):
            x, y = _on_curve(curves, own, line, of_key, view, step)
            points["checkpoint"].append((x, y, line, f"checkpoint:{line.run_id}:{step}", step))
        best = _best(own, of_key)
        if best is not None:
            points["best"].append((*best, line, "", 0))
        for restart in marks.restarts.get(line.run_id, ()):
            if restart.from_step > 0:
                points["resumed"].append(
                    (*_on_curve(curves, own, line, of_key, view, restart.from_step), line, "", restart.from_step)
                )
    looks = {
        "checkpoint": ("diamond-open", 10, 2, _("%{{y:.4~g}} · checkpoint at step {step}: click to try it")),
        "best": ("star", 11, 0.5, _("%{{y:.4~g}} · best")),
        "resumed": ("x-thin-open", 10, 2, _("resumed from step {step}")),
    }
    for kind, (symbol, size, width, words) in looks.items():
        there = [point for point in points[kind] if np.isfinite(point[0]) and np.isfinite(point[1])]
        if not there:
            continue
        figure.add_trace(
            go.Scatter(
                x=np.array([point[0] for point in there]),
                y=np.array([point[1] * scale for point in there]),
                mode="markers",
                name={"checkpoint": _("checkpoint"), "best": _("best"), "resumed": _("resumed")}[kind],
                showlegend=False,
                marker=dict(
                    symbol=symbol, size=size, color=[point[2].colour for point in there], line=dict(width=width, color=GREY)
                ),
                customdata=[point[3] for point in there] if kind == "checkpoint" else None,
                hovertemplate=[
                    f"{html.escape(short(point[2].name))}: {words.format(step=f'{point[4]:,}')}<extra></extra>" for point in there
                ],
                meta=kind,
            )
        )


def _add_raw(figure: go.Figure, line: Drawn | None, run: Line, key: str) -> None:
    if line is None or len(line.y) < 3:
        return
    y = np.where(np.isfinite(line.y), line.y, np.nan) * (100.0 if is_share(key) else 1.0)
    raw = scatter_line(line.x, y, html.escape(short(run.name)), run.colour, "")
    raw.update(opacity=0.22, showlegend=False, hoverinfo="skip", hovertemplate=None, legendgroup=run.run_id, line_width=1)
    figure.add_trace(raw)


def _on_curve(curves: Curves, line: Drawn, run: Line, key: str, view: View, step: int) -> tuple[float, float]:
    """Where a step stands on the curve, between its points where it has none there."""
    curve = curves[run.run_id, key]
    time = np.interp([float(step)], curve.step.astype(np.float64), curve.time.astype(np.float64))
    [x] = x_of(curves, run.run_id, view.axis, np.array([float(step)]), time, run.segments)
    finite = np.isfinite(line.x) & np.isfinite(line.y)
    return float(x), float(np.interp(x, line.x[finite], line.y[finite], left=np.nan)) if finite.any() else float("nan")


def _best(line: Drawn, key: str) -> tuple[float, float] | None:
    """The best point of an evaluation."""
    finite = np.flatnonzero(np.isfinite(line.y) & np.isfinite(line.x))
    if not key.startswith("eval/") or len(finite) < 2:
        return None
    y = line.y[finite]
    place = finite[int(np.argmin(y) if is_lower_better(key) else np.argmax(y))]
    return float(line.x[place]), float(line.y[place])


def _add_crowd(figure: go.Figure, ready: Mapping[tuple[str, str], Drawn], lines: Sequence[Line], key: str, view: View) -> None:
    """All curves as a band: the range of all, the middle four fifths, the median; those that leave it far are drawn and named."""
    runs = [line for line in lines if (line.run_id, key) in ready]
    own = [ready[line.run_id, key] for line in runs]
    band = band_of(own, grid_over(own, view.log_x))
    scale = 100.0 if is_share(key) else 1.0
    _add_between(
        figure,
        band.x,
        band.lowest * scale,
        band.highest * scale,
        GREY,
        0.14,
        _("all {count} runs").format(count=len(own)),
        legend=True,
    )
    _add_between(figure, band.x, band.low * scale, band.high * scale, GREY, 0.32, _("middle 80 %"), legend=True)
    figure.add_trace(scatter_line(band.x, band.median * scale, _("median"), GREY, _hover(key)))
    apart = outliers(own, band)
    named = [place for place, line in enumerate(runs) if line.run_id == view.pinned and place not in apart] + apart
    for place in named:
        _add_line(figure, own[place], runs[place], key, key, view, "solid")


def _add_between(
    figure: go.Figure, x: Floats, low: Floats, high: Floats, colour: str, opacity: float, name: str, *, legend: bool = False
) -> None:
    """A filled band. It is one closed line, so that a click on the legend hides all of it."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    figure.add_trace(
        go.Scatter(
            x=np.concatenate((x, x[::-1])),
            y=np.concatenate((high, low[::-1])),
            fill="toself",
            fillcolor=f"rgba({red},{green},{blue},{opacity})",
            line=dict(width=0),
            mode="lines",
            name=html.escape(short(name)),
            legendgroup=name,
            showlegend=legend,
            hoverinfo="skip",
            meta="band",
        )
    )


def _hover(key: str) -> str:
    return "%{y:.2f} %" if is_share(key) else "%{y:.4~g}"


def _finish(figure: go.Figure, key: str, view: View, ready: Mapping[tuple[str, str], Drawn], marks: Marks) -> go.Figure:
    one = keys_of(key)[-1]
    shown = [trace for trace in figure.data if trace.showlegend is not False]
    figure.update_layout(
        uirevision=f"{key} {view}",
        hovermode="x unified" if len(shown) <= NAMED else "closest",
        showlegend=1 < len(shown) <= NAMED,
        # In fractions of the plot: below the axis and its title. Plotly makes room for as many rows as there are.
        legend=dict(x=0, xanchor="left", y=-_UNDER_AXIS / max(100, view.height - 140), yanchor="top", font_size=12),
        margin_b=_UNDER_AXIS,
    )
    if view.difference and view.pinned is not None:
        figure.add_hline(y=0, line=dict(color=GREY, width=1, dash="dash"))
        if is_share(one):
            figure.update_yaxes(title_text=_("points"))
    else:
        set_plain_range(figure, key)
        lines = baseline_names(marks.baselines, one.rpartition("/")[2]) if one.startswith("eval/") else {}
        lines = {name: value for name, value in lines.items() if np.isfinite(value)}
        if lines and ready and not view.log_y:
            add_baselines(
                figure, lines, np.concatenate([line.y for place, line in ready.items() if place[1] == one] or [np.empty(0)]), one
            )
    set_whole_steps(figure, view.axis)
    if view.log_x:
        set_log_axis(figure, "x", all_values(figure, "x"))
    if view.log_y and not view.difference:
        set_log_axis(figure, "y", all_values(figure, "y"))
    return described(figure)
