"""What stands on the curves of a comparison: checkpoints and the best of them, resumptions, raw points under smoothed curves."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pages.components.charts import Line
from pages.components.compare_view import View, drawn_as, keys_of, short
from pages.components.curve_series import Curves, Drawn, x_of
from pages.components.figure_parts import GREY, scatter_line
from trainer_core.language import gettext as _
from trainer_core.measures import is_share
from trainer_core.tracking.records import Restart


@dataclass(frozen=True)
class Marks:
    """What stands on the curves, by run id: resumptions, the steps of checkpoints and of the best one; and the baselines common to
    the runs."""

    restarts: Mapping[str, Sequence[Restart]] = field(default_factory=dict)
    checkpoints: Mapping[str, Sequence[int]] = field(default_factory=dict)
    kept: Mapping[str, int] = field(default_factory=dict)
    baselines: Mapping[str, float] = field(default_factory=dict)


def add_marks(
    figure: go.Figure,
    curves: Curves,
    ready: Mapping[tuple[str, str], Drawn],
    lines: Sequence[Line],
    chart: str,
    view: View,
    marks: Marks,
) -> None:
    """Raw points under smoothed curves, and on the curves: checkpoints, the best one, resumptions."""
    of_key = keys_of(chart)[-1]
    scale = 100.0 if is_share(of_key) else 1.0
    points: dict[str, list[tuple[Any, ...]]] = {"checkpoint": [], "best": [], "resumed": []}
    for line in lines:
        own = ready.get((line.run_id, of_key))
        if view.smoothing > 0:
            for key in keys_of(chart):
                _add_raw(figure, drawn_as(curves, line, key, view, raw=True), line, key)
        if own is None:
            continue
        for step in marks.checkpoints.get(line.run_id, ()):
            x, y = _on_curve(curves, own, line, of_key, view, step)
            points["checkpoint"].append((x, y, line, f"checkpoint:{line.run_id}:{step}", step))
        step_kept = marks.kept.get(line.run_id)
        raw = drawn_as(curves, line, of_key, view, raw=True)
        if step_kept is not None and raw is not None and of_key.startswith("eval/") and not view.difference:
            points["best"].append((*_on_curve(curves, raw, line, of_key, view, step_kept), line, "", step_kept))
        for restart in marks.restarts.get(line.run_id, ()):
            if restart.from_step > 0:
                points["resumed"].append(
                    (*_on_curve(curves, own, line, of_key, view, restart.from_step), line, "", restart.from_step)
                )
    looks = {
        "checkpoint": ("diamond-open", 10, 2, _("%{{y:.4~g}} · checkpoint at step {step}: click to try it")),
        "best": ("star", 11, 0.5, _("%{{y:.4~g}} · best checkpoint, step {step}")),
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
    looks: dict[str, Any] = {"opacity": 0.22, "showlegend": False, "hoverinfo": "skip", "legendgroup": run.run_id}
    figure.add_trace(scatter_line(line.x, y, html.escape(short(run.name)), run.colour, None, width=1, **looks))


def _on_curve(curves: Curves, line: Drawn, run: Line, key: str, view: View, step: int) -> tuple[float, float]:
    """Where a step stands on the curve, between its points where it has none there."""
    curve = curves[run.run_id, key]
    time = np.interp([float(step)], curve.step.astype(np.float64), curve.time.astype(np.float64))
    [x] = x_of(curves, run.run_id, view.axis, np.array([float(step)]), time, run.segments)
    finite = np.isfinite(line.x) & np.isfinite(line.y)
    return float(x), float(np.interp(x, line.x[finite], line.y[finite], left=np.nan)) if finite.any() else float("nan")
