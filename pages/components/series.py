"""From stored points to what a chart draws: the x axis, smoothing and thinning. Knows neither Streamlit nor Plotly."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from trainer_core.tracking.records import Segment

XAxis = Literal["step", "epoch", "minutes", "samples"]
Floats = npt.NDArray[np.float64]
POINTS_DRAWN = 2_000
PROGRESS: Mapping[str, str] = {"epoch": "progress/epoch", "samples": "progress/samples"}
"""The metrics that say how far a run was at a step, by axis."""


def x_values(points: pd.DataFrame, axis: XAxis, run: pd.DataFrame, segments: Sequence[Segment] = ()) -> Floats:
    """Where each of `points` (one metric of one run) stands on the axis.

    `run` holds the run's points of all metrics: its `progress/*` turn steps into epochs and samples. `segments` are the stretches
    in which the run was worked on, from which minutes are counted; without them minutes start at the run's first point.
    """
    if axis in PROGRESS:
        marks = run[run["key"] == PROGRESS[axis]]
        if marks.empty:
            return np.full(len(points), np.nan)
        return progress_at(*(column.to_numpy(dtype=np.float64) for column in (points["step"], marks["step"], marks["value"])))
    if axis == "minutes":
        return active_minutes(points["time"].to_numpy(dtype=np.float64), segments, float(run["time"].min()))
    return points["step"].to_numpy(dtype=np.float64)


def progress_at(step: Floats, told: Floats, progress: Floats) -> Floats:
    """How far a run was at each step [n], from the steps at which it told that [k], in order, and its `progress` there.

    It is told once a second, and grows evenly: between two, and on after the last as it did until then. (The last step of an epoch
    may have fewer batches than others: two neighbours would not tell how fast.)
    """
    found = np.asarray(np.interp(step, told, progress), dtype=np.float64)
    later = step > told[-1]
    if told[-1] > told[0]:
        found[later] += (progress[-1] - progress[0]) / (told[-1] - told[0]) * (step[later] - told[-1])
    return found


def active_minutes(times: Floats, segments: Sequence[Segment], first: float = 0.0) -> Floats:
    """Minutes that workers had worked by each time (milliseconds since 1970), pauses between segments left out."""
    stretches = segments or (Segment(int(first), None),)
    total = np.zeros(len(times))
    for number, segment in enumerate(stretches):
        # A stretch that nobody saw end lasts to the next one at most.
        following = stretches[number + 1].started if number + 1 < len(stretches) else np.inf
        end = segment.ended if segment.ended is not None else following
        # Points are shipped after a worker's last breath at times: the last stretch takes them in.
        total += np.clip(times - segment.started, 0, max(0.0, (end if number + 1 < len(stretches) else np.inf) - segment.started))
    return np.asarray(total / 60_000, dtype=np.float64)


def smooth(values: Floats, weight: float) -> Floats:
    """Exponential moving average with Adam's bias correction (Kingma and Ba, 2015), as in TensorBoard.

    `weight` 0 leaves the values as they are, 0.99 smooths hard. What isn't finite is passed through and not averaged in.
    """
    if weight <= 0:
        return values
    result = np.empty(len(values))
    average, counted = 0.0, 0
    for index, value in enumerate(values.tolist()):
        if not np.isfinite(value):
            result[index] = value
            continue
        average = weight * average + (1 - weight) * value
        counted += 1
        result[index] = average / (1 - weight**counted)
    return result


def thin(x: Floats, y: Floats, limit: int = POINTS_DRAWN) -> tuple[Floats, Floats]:
    """At most `limit` points: the lowest and highest of each stretch, so that a spike never vanishes. Order is kept."""
    if len(y) <= limit:
        return x, y
    edges = np.linspace(0, len(y), limit // 2 + 1).astype(int)
    kept: set[int] = {0, len(y) - 1}
    for start, end in pairwise(edges.tolist()):
        part = y[start:end]
        if np.isfinite(part).any():
            kept.update((start + int(np.nanargmin(part)), start + int(np.nanargmax(part))))
    chosen = np.array(sorted(kept))
    return x[chosen], y[chosen]
