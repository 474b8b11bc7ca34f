"""Points of runs to Plotly figures. No Streamlit here; `live_chart` draws what these return and adds the theme's colours."""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pages.components.figure_parts import (
    GREY,
    add_curve,
    described,
    empty_figure,
    mark_restarts,
    points_of,
    set_plain_range,
    set_whole_steps,
    unit_of,
    write_above,
)
from pages.components.formats import BASELINE_WORDS, format_metric, metric_label, per_cent
from pages.components.palette import palette
from pages.components.series import Floats, XAxis, x_values
from trainer_core.batch_in_force import Smaller
from trainer_core.language import gettext as _
from trainer_core.language import listed
from trainer_core.measures import is_share
from trainer_core.tracking.records import Restart, Segment

_NAMED_IN_LEGEND = 12


@dataclass(frozen=True)
class Line:
    """A run in a chart that shows several: its id, name, colour, and what its `eval/*` was measured on."""

    run_id: str
    name: str
    colour: str
    evaluated_on: str = "validation"
    segments: Sequence[Segment] = ()


def loss_figure(
    history: pd.DataFrame,
    *,
    evaluated_on: str = "validation",
    axis: XAxis = "step",
    smoothing: float = 0.0,
    segments: Sequence[Segment] = (),
    restarts: Sequence[Restart] = (),
    smaller: Sequence[Smaller] = (),
) -> go.Figure:
    """Training and evaluation loss of one run in one chart. `history` has the columns of `tracking.read.metric_history`.

    By step, a dotted line stands where the run was resumed, with the batch where memory had run out.
    """
    figure = empty_figure(_("Loss"), axis, _("Loss"))
    train, evaluation = palette()[0], palette()[1]
    named = {"train/loss": (_("training"), train), "eval/loss": (_("{split} split").format(split=_(evaluated_on)), evaluation)}
    for key, (name, colour) in named.items():
        points = points_of(history, key)
        if not points.empty:
            x = x_values(points, axis, history, segments)
            add_curve(
                figure, x, points["value"].to_numpy(dtype=np.float64), name, colour, key, smoothing if key == "train/loss" else 0.0
            )
    if axis == "step" and not history.empty:
        mark_restarts(figure, restarts, smaller)
    set_whole_steps(figure, axis)
    return described(figure)


def metric_figure(
    history: pd.DataFrame,
    key: str,
    *,
    baselines: Mapping[str, float] | None = None,
    evaluated_on: str = "validation",
    axis: XAxis = "step",
    segments: Sequence[Segment] = (),
) -> go.Figure:
    """One metric of one run. `baselines` (`baseline/NAME/MEASURE` to value) become dashed lines labelled in words."""
    title = metric_label(key, evaluated_on)
    figure = empty_figure(title, axis, unit_of(key))
    points = points_of(history, key)
    values = points["value"].to_numpy(dtype=np.float64)
    if not points.empty:
        colour = palette()[1] if key.startswith("eval/") else palette()[0]
        add_curve(figure, x_values(points, axis, history, segments), values, title, colour, key, 0.0)
        figure.update_layout(showlegend=False)
    set_plain_range(figure, key)
    set_whole_steps(figure, axis)
    measure = key.rpartition("/")[2]
    lines = {name: value for name, value in baseline_names(baselines or {}, measure).items() if math.isfinite(value)}
    if key.startswith("eval/") and lines:
        add_baselines(figure, lines, values, key)
    return described(figure)


def baseline_names(baselines: Mapping[str, float], measure: str) -> dict[str, float]:
    """The baselines of a measure, by their names for people."""
    parts = {key: key.split("/") for key in baselines}
    return {
        BASELINE_WORDS.get(words[1], words[1].replace("_", " ")): baselines[key]
        for key, words in parts.items()
        if len(words) == 3 and words[0] == "baseline" and words[2] == measure
    }


def add_baselines(figure: go.Figure, lines: Mapping[str, float], values: Floats, key: str, reach: float = 1.5) -> None:
    """Dashed lines, and above the plot their names. One far below the curve is not in the picture, so as not to flatten the curve:
    farther than `reach` times the curve's own height.
    """
    scale = 100.0 if is_share(key) else 1.0
    finite = values[np.isfinite(values)] * scale
    ranked = sorted(((value * scale, name) for name, value in lines.items()), reverse=True)
    floor = min(finite) - reach * max(max(finite) - min(finite), 0.02 * scale) if len(finite) else -math.inf
    for y, _name in ranked:
        figure.add_shape(type="line", xref="paper", x0=0, x1=1, y0=y, y1=y, line=dict(color=GREY, width=1.5, dash="dash"))
    seen, below = [line for line in ranked if line[0] >= floor], [line for line in ranked if line[0] < floor]
    # Above the plot: within it, a name covers points sooner or later, wherever it stands.
    words = [f"{sign} {_baseline_words(y, name, key)}" for sign, group in (("– –", seen), ("↓", below)) for y, name in group]
    write_above(figure, words)
    shown = [*finite, *(y for y, _name in seen)]
    if shown:
        room = max(0.12 * (max(shown) - min(shown)), 0.01 * scale)
        figure.update_yaxes(range=[min(shown) - room, max(shown) + room])
    figure.update_layout(meta={"baselines": listed(f"{name} {format_metric(key, value)}" for name, value in lines.items())})


def _baseline_words(y: float, name: str, key: str) -> str:
    return html.escape(f"{name} {per_cent(f'{y:.1f}')}" if is_share(key) else f"{name} {format_metric(key, y)}")
