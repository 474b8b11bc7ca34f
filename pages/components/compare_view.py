"""How curves of several runs are drawn: the choices that shape a chart, and what they make of a run's curve. No Streamlit here."""

from collections.abc import Sequence
from dataclasses import dataclass

from pages.components.charts import Line
from pages.components.curve_series import Curves, Drawn, drawn, minus
from pages.components.formats import per_cent
from pages.components.series import XAxis
from trainer_core.measures import is_share
from trainer_core.tracking.records import Segment

ONE_BY_ONE = 50
"""Curves up to which each is drawn; more become a band."""
NAMED = 12
"""Curves up to which a legend names them."""
_NAME_LENGTH = 44
TOGETHER = "loss"
"""Stands for the losses of training and evaluation in one chart."""


@dataclass(frozen=True)
class View:
    """How curves are drawn. `pinned` is the run that others are held against, drawn thicker, with its own stretches of work;
    with `difference`, what is drawn is
    the distance to it. `height` is in pixels."""

    axis: XAxis = "step"
    smoothing: float = 0.0
    log_x: bool = False
    log_y: bool = False
    pinned: str | None = None
    pinned_segments: Sequence[Segment] = ()
    difference: bool = False
    height: int = 430


def keys_of(key: str) -> tuple[str, ...]:
    """The metrics that a chart draws: itself, or both losses."""
    return ("train/loss", "eval/loss") if key == TOGETHER else (key,)


def short(name: str) -> str:
    """A name that leaves room for the chart: its middle is left out where it is long."""
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 15]} … {name[-12:]}"


def drawn_as(curves: Curves, line: Line, key: str, view: View, *, raw: bool = False) -> Drawn | None:
    """The run's curve as the view wants it: smoothed unless `raw`, and as the difference where that is asked for."""
    found = drawn(curves, line.run_id, key, view.axis, 0.0 if raw else view.smoothing, line.segments)
    if found is None or not view.difference or view.pinned is None:
        return found
    pinned = drawn(curves, view.pinned, key, view.axis, 0.0 if raw else view.smoothing, view.pinned_segments)
    return found if pinned is None else minus(found, pinned)


def hover_of(key: str) -> str:
    """What resting on a point shows of its value."""
    return per_cent("%{y:.2f}") if is_share(key) else "%{y:.4~g}"
