"""From thinned curves to what a chart of several runs draws: the x axis, smoothing, bands. Knows neither Streamlit nor Plotly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pages.components.series import PROGRESS, Floats, XAxis, active_minutes, progress_at
from trainer_core.tracking.curve import Curve
from trainer_core.tracking.records import Segment

Curves = Mapping[tuple[str, str], Curve]
"""Curves by run id and metric."""
GRID = 240
"""Places across a chart at which bands are computed: three pixels each."""
_CALM = 1.5
"""A run stands out where it leaves the middle four fifths of all runs by so many times their spread."""


@dataclass(frozen=True)
class Drawn:
    """One curve as it is drawn: x and y [n], in the curve's order."""

    x: Floats
    y: Floats


@dataclass(frozen=True)
class Band:
    """Several curves as one: at each x [n] their mean, their median, the middle four fifths, and the lowest and highest of all."""

    x: Floats
    mean: Floats
    median: Floats
    low: Floats
    high: Floats
    lowest: Floats
    highest: Floats
    runs: tuple[tuple[int, ...], ...] = ()
    """At each x the places of the curves that have a height there."""


def x_of(curves: Curves, run_id: str, axis: XAxis, step: Floats, time: Floats, segments: Sequence[Segment] = ()) -> Floats:
    """Where points of a run stand on the axis; NaN where the run did not log what tells."""
    if axis == "step":
        return step
    if axis == "minutes":
        first = min((int(curve.time[0]) for place, curve in curves.items() if place[0] == run_id and len(curve)), default=0)
        return active_minutes(time, segments, first)
    marks = curves.get((run_id, PROGRESS[axis]))
    if marks is None:
        return np.full(len(step), np.nan)
    return progress_at(step, marks.step.astype(np.float64), marks.value)


def steps_of(
    curves: Curves, run_id: str, axis: XAxis, ends: tuple[float, float], segments: Sequence[Segment] = ()
) -> tuple[int, int] | None:
    """The steps between which a stretch of the axis lies, a little more at both ends; None where the run has none there."""
    own = [curve for place, curve in curves.items() if place[0] == run_id]
    if not own:
        return None
    longest = max(own, key=len)
    step = longest.step.astype(np.float64)
    x = x_of(curves, run_id, axis, step, longest.time.astype(np.float64), segments)
    inside = np.flatnonzero((x >= ends[0]) & (x <= ends[1]))
    after = int(np.searchsorted(np.where(np.isfinite(x), x, np.inf), ends[0]))
    first, last = (int(inside[0]), int(inside[-1])) if len(inside) else (after - 1, after)
    low, high = max(0, first - 1), min(len(step) - 1, last + 1)
    return (int(step[low]), int(step[high])) if low <= high and high >= 0 else None


def drawn(
    curves: Curves, run_id: str, key: str, axis: XAxis, smoothing: float = 0.0, segments: Sequence[Segment] = ()
) -> Drawn | None:
    """The curve as a chart draws it, smoothed where asked; None where there is nothing to draw."""
    curve = curves.get((run_id, key))
    if curve is None:
        return None
    step, time, y = curve.step.astype(np.float64), curve.time.astype(np.float64), curve.value
    if smoothing > 0:
        places, y = smoothed(curve, smoothing)
        step, time = step[places], time[places]
    x = x_of(curves, run_id, axis, step, time, segments)
    return Drawn(x, y) if np.isfinite(x).any() else None


def smoothed(curve: Curve, weight: float) -> tuple[np.ndarray, Floats]:
    """Exponential moving average with Adam's bias correction (Kingma and Ba, 2015), as in TensorBoard.

    It is taken over all points, not over those that thinning kept: a bucket of n points with mean m moves the average as n points
    of value m would. Returns the places in the curve [b] at which it is told, one a bucket, and the values [b]. Values that are
    not finite are not averaged in.
    """
    last = np.searchsorted(curve.step, curve.starts + curve.width) - 1
    if len(curve.starts) == 1 and len(curve) == int(curve.counts.sum()):  # all at one step
        last, counts, totals = np.arange(len(curve)), np.ones(len(curve), np.int64), curve.value
    else:
        counts, totals = curve.counts, curve.totals
    result = np.empty(len(counts))
    average, seen = 0.0, 0
    for place, (count, total) in enumerate(zip(counts.tolist(), totals.tolist(), strict=True)):
        if count == 0:
            result[place] = np.nan
            continue
        kept = weight**count
        average = kept * average + (1 - kept) * total / count
        seen += count
        result[place] = average / (1 - weight**seen)
    return last, result


def grid_over(lines: Sequence[Drawn], logarithmic: bool = False) -> Floats:
    """Places across all of the curves, evenly on the axis."""
    x = np.concatenate([line.x[np.isfinite(line.x)] for line in lines])
    low, high = float(x.min()), float(x.max())
    if logarithmic and (positive := x[x > 0]).size:
        return np.geomspace(float(positive.min()), high, GRID)
    return np.linspace(low, high, GRID) if high > low else np.array([low])


def at_grid(line: Drawn, grid: Floats) -> Floats:
    """The curve's height at each place; NaN before it begins and after it ends."""
    finite = np.isfinite(line.x) & np.isfinite(line.y)
    if not finite.any():
        return np.full(len(grid), np.nan)
    return np.asarray(np.interp(grid, line.x[finite], line.y[finite], left=np.nan, right=np.nan), dtype=np.float64)


def band_of(lines: Sequence[Drawn], grid: Floats) -> Band:
    """The curves as a band, at each x of those that have begun and not ended there. `lowest` and `highest` come from the points
    themselves, so that no spike is lost between places.
    """
    heights = np.array([at_grid(line, grid) for line in lines])
    there = np.isfinite(heights).any(axis=0)
    x, heights = grid[there], heights[:, there]
    if not len(x):
        nothing = np.empty(0)
        return Band(nothing, nothing, nothing, nothing, nothing, nothing, nothing)
    low, median, high = np.nanpercentile(heights, (10, 50, 90), axis=0)
    lowest, highest = np.nanmin(heights, axis=0), np.nanmax(heights, axis=0)
    points_x, points_y = (np.concatenate([getattr(line, name) for line in lines]) for name in ("x", "y"))
    finite = np.isfinite(points_x) & np.isfinite(points_y)
    edges = (x[1:] + x[:-1]) / 2
    nearest = np.searchsorted(edges, points_x[finite])
    np.minimum.at(lowest, nearest, points_y[finite])
    np.maximum.at(highest, nearest, points_y[finite])
    runs = tuple(tuple(np.flatnonzero(column).tolist()) for column in np.isfinite(heights).T)
    return Band(x, np.nanmean(heights, axis=0), median, low, high, lowest, highest, runs)


def parts_of(band: Band) -> list[slice]:
    """The stretches of a band behind which the same curves stand, in order. Where one begins or ends, the mean jumps without any
    of them having moved: a line may be drawn within a part, not from one to the next.
    """
    edges = [place for place in range(1, len(band.x)) if band.runs[place] != band.runs[place - 1]]
    return [slice(first, last) for first, last in zip([0, *edges], [*edges, len(band.x)], strict=True) if last > first]


def outliers(lines: Sequence[Drawn], band: Band, most: int = 6) -> list[int]:
    """Which of the curves leave the band farthest, the farthest first; those that stay near it are none."""
    if not len(band.x):
        return []
    spread = band.high - band.low
    spread = np.maximum(spread, max(float(np.median(spread)), 1e-12))
    ranked = []
    for place, line in enumerate(lines):
        finite = np.isfinite(line.x) & np.isfinite(line.y)
        if not finite.any():
            continue
        x, y = line.x[finite], line.y[finite]
        above, below = y - np.interp(x, band.x, band.high), np.interp(x, band.x, band.low) - y
        ranked.append((float((np.maximum(above, below) / np.interp(x, band.x, spread)).max()), place))
    return [place for score, place in sorted(ranked, reverse=True)[:most] if score > _CALM]


def minus(line: Drawn, baseline: Drawn) -> Drawn:
    """The curve's distance to another at each of its points; NaN where that has none."""
    return Drawn(line.x, line.y - at_grid(baseline, line.x))
