"""Curves of several runs to Plotly figures: one by one, as groups, or as a band of all. No Streamlit here."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from pages.components.charts import Line, add_baselines, baseline_names
from pages.components.compare_view import NAMED, ONE_BY_ONE, TOGETHER, View, drawn_as, hover_of, keys_of, short
from pages.components.curve_marks import Marks, add_marks
from pages.components.curve_series import Band, Curves, Drawn, band_of, grid_over, outliers, parts_of
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
    write_above,
)
from pages.components.formats import metric_label
from pages.components.series import Floats
from trainer_core.language import gettext as _
from trainer_core.measures import is_share

_UNDER_AXIS = 48
"""Pixels that the axis' ticks and title take."""


@dataclass(frozen=True)
class LineGroup:
    """Runs that are drawn as one: their mean, and a band from the lowest to the highest."""

    name: str
    colour: str
    lines: Sequence[Line]


def chart_title(key: str, lines: Sequence[Line], view: View) -> str:
    """The metric in words, with the split where all runs share one, and what it is held against."""
    splits = {line.evaluated_on for line in lines}
    split = splits.pop() if len(splits) == 1 else _("evaluation")
    title = _("Loss, training and {split} split").format(split=_(split)) if key == TOGETHER else metric_label(key, split)
    pinned = next((line.name for line in lines if line.run_id == view.pinned), None)
    if view.difference and pinned is not None:
        return _("{title}: difference to {name}").format(title=title, name=short(pinned))
    return title


def curves_figure(curves: Curves, lines: Sequence[Line], key: str, view: View, marks: Marks | None = None) -> go.Figure:
    """One metric of several runs: each run's curve, or, of more than fifty, a band with the outliers named."""
    marks = marks or Marks()
    figure = _start(key, lines, view)
    ready = {(line.run_id, one): found for line in lines for one in keys_of(key) if (found := drawn_as(curves, line, one, view))}
    if len({run_id for run_id, _one in ready}) > ONE_BY_ONE:
        _add_crowd(figure, ready, lines, keys_of(key)[-1], view)
    else:
        mixed = len({line.evaluated_on for line in lines}) > 1
        for line, dash in zip(lines, dashes_of(lines), strict=True):
            for one in keys_of(key):
                split = line.evaluated_on if mixed and one.startswith("eval/") else None
                if (line.run_id, one) in ready:
                    _add_line(figure, ready[line.run_id, one], line, one, key, view, dash, split)
        add_marks(figure, curves, ready, lines, key, view, marks)
    return _finish(figure, key, view, ready, marks)


def groups_figure(curves: Curves, groups: Sequence[LineGroup], key: str, view: View) -> go.Figure:
    """One metric of groups of runs: the mean of each, and a band from its lowest to its highest run.

    A mean's line is whole where all of the group's runs stand behind it, dotted where some have not begun or have ended, and
    broken where their number changes; each point says how many they are. Runs that are evaluated on another split are not in one
    mean: a group with several has a line for each.
    """
    lines = [line for group in groups for line in group.lines]
    figure = _start(key, lines, view)
    metric = keys_of(key)[-1]
    ready = {(line.run_id, metric): found for line in lines if (found := drawn_as(curves, line, metric, view))}
    for group in groups:
        splits = sorted({line.evaluated_on for line in group.lines}) if metric.startswith("eval/") else [""]
        for place, split in enumerate(splits):
            name = group.name if len(splits) == 1 else f"{group.name} ({_(split)})"
            members = [line for line in group.lines if split in ("", line.evaluated_on)]
            drawn = [ready[line.run_id, metric] for line in members if (line.run_id, metric) in ready]
            if drawn:
                band = band_of(drawn, grid_over(drawn, view.log_x))
                dash = DASHES[place if place == 0 else 1 + place]  # dots tell parts with fewer runs
                _add_mean(figure, band, metric, name, group.colour, dash, runs=len(members))
    if any(trace.line.dash == "dot" for trace in figure.data):
        write_above(figure, [html.escape(_("dotted: the mean of some of a group's runs"))])
    return _finish(figure, key, view, ready, Marks())


def _add_mean(figure: go.Figure, band: Band, key: str, name: str, colour: str, dash: str, runs: int) -> None:
    """A group's band and, part by part, its mean."""
    scale = 100.0 if is_share(key) else 1.0
    _add_between(figure, band.x, band.lowest * scale, band.highest * scale, colour, 0.16, name)
    parts = parts_of(band)
    fullest = max(parts, key=lambda part: (len(band.runs[part.start]), part.stop - part.start))
    for part in parts:
        count = len(band.runs[part.start])
        words = _("mean of {count} of {all} runs").format(count=count, all=runs)
        is_point = part.stop - part.start == 1
        figure.add_trace(
            scatter_line(
                band.x[part],
                band.mean[part] * scale,
                html.escape(short(name)),
                colour,
                f"{hover_of(key)} · {html.escape(words)}",
                dash if count == runs else "dot",
                width=2.0 if count == runs else 1.5,
                legendgroup=name,
                showlegend=part is fullest,
                mode="lines+markers" if is_point else "lines",
            )
        )


def _start(key: str, lines: Sequence[Line], view: View) -> go.Figure:
    return empty_figure(chart_title(key, lines, view), view.axis, _("Loss") if key == TOGETHER else unit_of(key))


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
    told = f" ({html.escape(_('training') if of_training else _('evaluation'))})" if chart == TOGETHER else ""
    figure.add_trace(
        scatter_line(
            line.x,
            y,
            name,
            run.colour,
            hover_of(key) + told,
            dash,
            width=3.5 if run.run_id == view.pinned else 1.25 if of_training else 2,
            legendgroup=run.run_id,
            mode="lines+markers" if few else "lines",
            showlegend=not of_training,
            opacity=0.7 if of_training else 1,
        )
    )


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
    figure.add_trace(scatter_line(band.x, band.median * scale, _("median"), GREY, hover_of(key)))
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


def _finish(figure: go.Figure, key: str, view: View, ready: Mapping[tuple[str, str], Drawn], marks: Marks) -> go.Figure:
    one = keys_of(key)[-1]
    shown = [trace for trace in figure.data if trace.showlegend is not False]
    figure.update_layout(
        uirevision=f"{key} {view.axis} {view.log_x} {view.log_y} {view.difference}",  # smoothing keeps the zoom
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
            heights = [line.y for place, line in ready.items() if place[1] == one] or [np.empty(0)]
            add_baselines(figure, lines, np.concatenate(heights), one, reach=0.25)  # several curves need all of the height
    set_whole_steps(figure, view.axis)
    if view.log_x:
        set_log_axis(figure, "x", all_values(figure, "x"))
    if view.log_y and not view.difference:
        set_log_axis(figure, "y", all_values(figure, "y"))
    return described(figure)
