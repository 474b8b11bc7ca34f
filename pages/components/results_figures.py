"""Settings against results: scatter, parallel coordinates and a heat map, a point, line or cell for runs. No Streamlit here."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pages.components.compare_view import short
from pages.components.figure_parts import GREY, empty_figure, plain_html, set_log_axis, unit_of
from pages.components.formats import format_metric, format_setting, metric_label, setting_label
from pages.components.palette import palette
from trainer_core.language import gettext as _
from trainer_core.language import listed, ngettext
from trainer_core.measures import is_lower_better, is_share
from trainer_core.settings import SETTINGS, format_number

_TICKS, _BINS = 12, 8
"""Values of a setting up to which each has its own place in a heat map, and the ranges that more are sorted into."""
_SCALE = "Cividis"
"""Dark to light for people with any kind of colour vision."""


@dataclass(frozen=True)
class Measured:
    """A run with a result. `colour` is that of its curve where it is drawn, None elsewhere."""

    run_id: str
    name: str
    colour: str | None
    settings: dict[str, Any]
    result: float


def scatter_figure(runs: Sequence[Measured], setting: str, key: str, split: str) -> go.Figure:
    """A setting against a result, a point a run; those that are drawn stand out. Values tried in factors stand on a log axis."""
    result = metric_label(key, split)
    figure = empty_figure("", None, f"{result} ({unit_of(key)})" if is_share(key) else result)
    values = [run.settings[setting] for run in runs]
    numbers = are_numbers(values)
    order = sorted(range(len(runs)), key=lambda place: runs[place].colour is not None)  # those that stand out lie on top
    x = [values[place] if numbers else html.escape(format_setting(setting, values[place])) for place in order]
    chosen = [runs[place].colour is not None for place in order]
    some = any(chosen)
    figure.add_trace(
        go.Scatter(
            x=np.array(x, np.float64) if numbers else x,
            y=np.array([runs[place].result for place in order]) * (100.0 if is_share(key) else 1.0),
            mode="markers",
            marker=dict(
                size=[12 if own else 8 for own in chosen],
                color=[runs[place].colour or GREY for place in order],
                opacity=[1.0 if own or not some else 0.45 for own in chosen],
                line=dict(width=1, color=GREY),
            ),
            customdata=[runs[place].run_id for place in order],
            hovertemplate=[f"{_told(runs[place], (setting,), key)}<extra></extra>" for place in order],
            cliponaxis=False,
        )
    )
    logarithmic = numbers and _is_log(setting, values)
    if logarithmic:
        set_log_axis(figure, "x", np.array(values, np.float64))
    kind: Any = "log" if logarithmic else "linear" if numbers else "category"
    figure.update_xaxes(title_text=html.escape(_with_unit(setting)), type=kind, rangemode="normal")
    if not numbers:
        figure.update_xaxes(categoryorder="category ascending")
    figure.update_layout(uirevision=f"{setting} {key}", hovermode="closest", showlegend=False, margin=dict(t=16, b=52))
    title = _("{setting} against {result}").format(setting=setting_label(setting), result=result)
    return _with_alt(
        figure, _("{title}: {runs}. The best is {best}.").format(title=title, runs=_counted(runs), best=_best(runs, key))
    )


def parallel_figure(runs: Sequence[Measured], settings: Sequence[str], key: str, split: str) -> go.Figure:
    """Each run a line over its settings, its result at the end. Lines of the runs that are drawn stand out, else colour tells
    the result."""
    result = metric_label(key, split)
    scale = 100.0 if is_share(key) else 1.0
    results = np.array([run.result for run in runs]) * scale
    chosen = np.array([run.colour is not None for run in runs], np.float64)
    told = dict(color=chosen, colorscale=[[0, "rgba(127,135,148,0.25)"], [1, palette()[0]]], cmin=0, cmax=1)
    if not chosen.any() or chosen.all():
        told = dict(color=results, colorscale=_SCALE, reversescale=is_lower_better(key), showscale=False)
    dimensions = [_dimension(setting, [run.settings.get(setting) for run in runs]) for setting in settings]
    last = f"{result} (%)" if is_share(key) else result
    dimensions.append(dict(label=plain_html(last), values=results))
    figure = go.Figure(
        go.Parcoords(line=told, dimensions=dimensions, customdata=[run.run_id for run in runs], labelside="top", labelangle=0)
    )
    figure.update_layout(template=None, margin=dict(l=70, r=110, t=56, b=24), uirevision=f"{','.join(settings)} {key}")
    words = _("{settings} and {result}: {runs}. The best is {best}.").format(
        settings=listed(setting_label(name) for name in settings), result=result, runs=_counted(runs), best=_best(runs, key)
    )
    return _with_alt(figure, words)


def heat_figure(runs: Sequence[Measured], across: str, upwards: str, key: str, split: str) -> go.Figure:
    """Two settings and the mean result of the runs that share both. Cells with runs that are drawn are framed."""
    result = metric_label(key, split)
    columns, rows = (_places(name, [run.settings.get(name) for run in runs]) for name in (across, upwards))
    scale = 100.0 if is_share(key) else 1.0
    cells: dict[tuple[int, int], list[Measured]] = {}
    for run, column, row in zip(runs, columns.of_run, rows.of_run, strict=True):
        cells.setdefault((row, column), []).append(run)
    height, width = len(rows.words), len(columns.words)
    mean, text = np.full((height, width), np.nan), [["" for _column in range(width)] for _row in range(height)]
    hover, ids = ([["" for _column in range(width)] for _row in range(height)] for _kind in range(2))
    for (row, column), own in cells.items():
        value = float(np.mean([run.result for run in own]))
        mean[row, column] = value * scale
        text[row][column] = html.escape(format_metric(key, value))
        ids[row][column] = ",".join(run.run_id for run in own)
        place = f"{setting_label(across)} {columns.words[column]} · {setting_label(upwards)} {rows.words[row]}"
        hover[row][column] = f"{html.escape(place)}<br>{text[row][column]} · {html.escape(_counted(own))}"
    figure = empty_figure("", None, "")
    figure.add_trace(
        go.Heatmap(
            z=mean,
            x=[html.escape(word) for word in columns.words],
            y=[html.escape(word) for word in rows.words],
            text=text,
            texttemplate="%{text}" if width <= _TICKS and height <= _TICKS else None,
            customdata=ids,
            hovertext=hover,
            hovertemplate="%{hovertext}<extra></extra>",
            colorscale=_SCALE,
            reversescale=is_lower_better(key),
            colorbar=dict(title=dict(text=html.escape(unit_of(key)), side="right"), thickness=12, outlinewidth=0),
            xgap=2,
            ygap=2,
        )
    )
    for (row, column), own in cells.items():
        if any(run.colour is not None for run in own) and not all(run.colour is not None for run in runs):
            frame = dict(color=palette()[1], width=3)
            figure.add_shape(type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5, line=frame)
    figure.update_xaxes(title_text=html.escape(_with_unit(across)), type="category", rangemode="normal", showgrid=False)
    figure.update_yaxes(title_text=html.escape(_with_unit(upwards)), type="category", showgrid=False)
    figure.update_layout(uirevision=f"{across} {upwards} {key}", hovermode="closest", showlegend=False, margin=dict(t=16, b=52))
    title = _("{result} by {across} and {upwards}").format(
        result=result, across=setting_label(across), upwards=setting_label(upwards)
    )
    return _with_alt(
        figure, _("{title}: {runs}. The best is {best}.").format(title=title, runs=_counted(runs), best=_best(runs, key))
    )


@dataclass(frozen=True)
class _Places:
    """The values of a setting as places of an axis: words for each, and the place of each run."""

    words: list[str]
    of_run: list[int]


def _places(setting: str, values: Sequence[Any]) -> _Places:
    """A place for each value; where there are many numbers, for ranges of them."""
    if are_numbers(values) and len(set(values)) > _TICKS:
        numbers = np.array(values, np.float64)
        spaced = np.geomspace if _is_log(setting, values) else np.linspace
        edges = spaced(numbers.min(), numbers.max(), _BINS + 1)
        of_run = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, _BINS - 1)
        words = [f"{_brief(low)} – {_brief(high)}" for low, high in pairwise(edges.tolist())]
        return _Places(words, of_run.tolist())
    known = sorted({_sortable(value) for value in values})
    place = {value: number for number, value in enumerate(known)}
    words = [format_setting(setting, value[2]) for value in known]
    return _Places(words, [place[_sortable(value)] for value in values])


def _sortable(value: Any) -> tuple[int, float, Any]:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return (0, float(value), value) if is_number else (1, 0.0, "" if value is None else str(value))


def _dimension(setting: str, values: Sequence[Any]) -> dict[str, Any]:
    """A setting as an axis of parallel coordinates: numbers as they are or by their logarithm, words in order."""
    label = plain_html(_with_unit(setting))
    if are_numbers(values):
        numbers = np.array(values, np.float64)
        if not _is_log(setting, values):
            return dict(label=label, values=numbers)
        low, high = math.floor(math.log10(numbers.min())), math.ceil(math.log10(numbers.max()))
        ticks = [factor * 10.0**power for power in range(low, high + 1) for factor in ((1, 2, 5) if high - low < 3 else (1,))]
        return dict(
            label=label,
            values=np.log10(numbers),
            tickvals=[math.log10(tick) for tick in ticks],
            ticktext=[_brief(tick) for tick in ticks],
        )
    places = _places(setting, values)
    words = [plain_html(short(word)) for word in places.words]
    return dict(label=label, values=np.array(places.of_run), tickvals=list(range(len(words))), ticktext=words)


def are_numbers(values: Sequence[Any]) -> bool:
    """Whether all values can stand on a scale."""
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) for value in values)


def _is_log(setting: str, values: Sequence[Any]) -> bool:
    return setting in SETTINGS and SETTINGS[setting].scale == "log" and all(value > 0 for value in values)


def _brief(value: float) -> str:
    return format_number(float(f"{value:.2g}"))


def _with_unit(setting: str) -> str:
    known = SETTINGS.get(setting)
    return f"{setting_label(setting)} ({known.unit})" if known and known.unit else setting_label(setting)


def _told(run: Measured, settings: Sequence[str], key: str) -> str:
    values = listed(f"{setting_label(name)} {format_setting(name, run.settings.get(name))}" for name in settings)
    return f"<b>{html.escape(short(run.name))}</b><br>{html.escape(values)} → {html.escape(format_metric(key, run.result))}"


def _counted(runs: Sequence[Measured]) -> str:
    return ngettext("{count} run", "{count} runs", len(runs)).format(count=len(runs))


def _best(runs: Sequence[Measured], key: str) -> str:
    best = (min if is_lower_better(key) else max)(runs, key=lambda run: run.result)
    return f"{short(best.name)} ({format_metric(key, best.result)})"


def _with_alt(figure: go.Figure, text: str) -> go.Figure:
    figure.update_layout(meta={"alt": text})
    return figure
