"""The curves that charts draw, thinned so that no spike is lost, remembered, and read on from where they ended.

A curve is asked for again each time a page is drawn. It comes from memory as long as MLflow's table of last values says that
nothing has been logged since; where something has, only the last bucket and what follows is read. A curve is read afresh when
its run has been resumed, and after five minutes: points that a program logs at steps long past appear then.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from cachetools import TTLCache

from trainer_core.store import Store
from trainer_core.tracking.client import open_client, sql_engine, with_store_errors
from trainer_core.tracking.curve import BUCKETS, Curve, before, coarser, join, thin, width_for
from trainer_core.tracking.records import Restart, is_superseded

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from sqlalchemy import Engine

Curves = Mapping[tuple[str, str], Curve]
"""Curves by run id and metric; without those that have no points."""
_Place = tuple[str, str]
Found = TypeVar("Found")
_MOST_BYTES = 192 * 2**20
_FRESH_SECONDS = 300.0


@dataclass(frozen=True)
class _Known:
    """A curve, in how many buckets at most it was asked for, the last point in MLflow when it was read, and when it was last read
    whole."""

    curve: Curve
    buckets: int
    last: tuple[Any, ...]
    restarts: tuple[Restart, ...]
    read_whole: float


_CURVES: TTLCache[tuple[str, str, str], _Known] = TTLCache(
    maxsize=_MOST_BYTES, ttl=2 * _FRESH_SECONDS, getsizeof=lambda known: known.curve.nbytes + 400
)
"""By tracking address, run and metric: stores never mix."""
_LOCK = threading.Lock()


@with_store_errors
def read_curves(store: Store, run_ids: Sequence[str], keys: Sequence[str], buckets: int = BUCKETS) -> Curves:
    """The runs' curves at the keys, in at most so many buckets each."""
    client = open_client(store)
    engine = sql_engine(client)
    found: dict[_Place, Curve] = {}
    if not run_ids or not keys:
        return found
    lasts, restarts = _lasts(engine, run_ids, keys) if engine is not None else _remote_lasts(client, run_ids, keys)
    wanted: dict[_Place, _Known | None] = {}
    with _LOCK:
        for place, last in lasts.items():
            known = _CURVES.get((store.tracking_uri, *place))
            own = restarts.get(place[0], ())
            if known is not None and known.buckets < buckets:
                known = None
            if known is not None and known.last == last and known.restarts == own and not is_superseded(own, last[0], last[1]):
                found[place] = known.curve
            else:
                wanted[place] = known
    now = time.monotonic()

    def read(place: _Place) -> _Known:
        known, own = wanted[place], restarts.get(place[0], ())
        goes_on = known is not None and known.restarts == own and now - known.read_whole < _FRESH_SECONDS
        if known is not None and goes_on and engine is not None:
            curve = _read_on(engine, known.curve, place, own, known.buckets)
            return _Known(curve, known.buckets, lasts[place], own, known.read_whole)
        return _Known(_read(engine, client, place, own, buckets=buckets), buckets, lasts[place], own, now)

    for place, known in zip(wanted, _side_by_side(read, list(wanted)), strict=True):
        found[place] = known.curve
        with _LOCK:
            if known.curve.nbytes < _MOST_BYTES // 8:
                _CURVES[(store.tracking_uri, *place)] = known
    return {place: coarser(found[place], buckets) for place in lasts if len(found[place])}


@with_store_errors
def read_range(store: Store, run_ids: Sequence[str], keys: Sequence[str], first: int, last: int) -> Curves:
    """The runs' curves from step `first` to step `last` in full detail: what a chart that is zoomed in shows."""
    client = open_client(store)
    engine = sql_engine(client)
    if not run_ids or not keys:
        return {}
    lasts, restarts = _lasts(engine, run_ids, keys) if engine is not None else _remote_lasts(client, run_ids, keys)

    def read(place: _Place) -> Curve:
        return _read(engine, client, place, restarts.get(place[0], ()), first, last)

    places = list(lasts)
    return {place: curve for place, curve in zip(places, _side_by_side(read, places), strict=True) if len(curve)}


def with_detail(whole: Curve, part: Curve, first: int, last: int) -> Curve:
    """The whole curve with its stretch from step `first` to `last` in the detail of `part`, for drawing only.

    What lies outside stays as it was, so that a chart can be moved back before it is read again.
    """
    outside = (whole.step < first) | (whole.step > last)
    step, moment, value = (
        np.concatenate((getattr(whole, name)[outside], getattr(part, name))) for name in ("step", "time", "value")
    )
    order = np.lexsort((value, moment, step))
    far = (whole.starts < first - whole.width) | (whole.starts > last)
    starts, counts, totals = (
        np.concatenate((getattr(whole, name)[far], getattr(part, name))) for name in ("starts", "counts", "totals")
    )
    begins = np.argsort(starts, kind="stable")
    return Curve(part.width, step[order], moment[order], value[order], starts[begins], counts[begins], totals[begins])


def _side_by_side(read: Callable[[_Place], Found], places: Sequence[_Place]) -> list[Found]:
    """Reads several at once: SQLite works outside Python's lock, so each core takes its share."""
    if len(places) < 4:
        return [read(place) for place in places]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return list(pool.map(read, places))


def _read(
    engine: "Engine | None",
    client: "MlflowClient",
    place: _Place,
    restarts: tuple[Restart, ...],
    first: int | None = None,
    last: int | None = None,
    buckets: int = BUCKETS,
) -> Curve:
    if engine is not None:
        from trainer_core.tracking.sql_curves import read_curve

        with engine.connect() as connection:
            return read_curve(connection, *place, restarts, first=first, last=last, buckets=buckets)
    from trainer_core.tracking.remote import fetch_points

    low, high = -np.inf if first is None else first, np.inf if last is None else last
    points = [
        point[2:]
        for point in fetch_points(client, [place[0]], place[1])
        if low <= point[2] <= high and not is_superseded(restarts, point[2], point[3])
    ]
    steps, times, values = zip(*points, strict=True) if points else ((), (), ())
    width = width_for(min(steps), max(steps), buckets) if steps else None
    return thin(np.array(steps, np.int64), np.array(times, np.int64), np.array(values, np.float64), width)


def _read_on(engine: "Engine", curve: Curve, place: _Place, restarts: tuple[Restart, ...], buckets: int) -> Curve:
    """The curve with what came since: its last bucket is read again, from there on all is new."""
    from trainer_core.tracking.sql_curves import read_curve

    start = int(curve.starts[-1])
    with engine.connect() as connection:
        return join(before(curve, start), read_curve(connection, *place, restarts, first=start, buckets=buckets), buckets)


def _lasts(
    engine: "Engine", run_ids: Sequence[str], keys: Sequence[str]
) -> tuple[dict[_Place, tuple[Any, ...]], dict[str, tuple[Restart, ...]]]:
    """The last point in MLflow by run and metric, as step, time, value and whether it is NaN; and the runs' restarts."""
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric as L
    from sqlalchemy import select

    from trainer_core.tracking.sql import restarts_of

    query = select(L.run_uuid, L.key, L.step, L.timestamp, L.value, L.is_nan)
    query = query.where(L.run_uuid.in_(list(run_ids)), L.key.in_(list(keys)))
    with engine.connect() as connection:
        lasts = {(run_id, key): tuple(rest) for run_id, key, *rest in connection.execute(query)}
        return lasts, restarts_of(connection, run_ids)


def _remote_lasts(
    client: "MlflowClient", run_ids: Sequence[str], keys: Sequence[str]
) -> tuple[dict[_Place, tuple[Any, ...]], dict[str, tuple[Restart, ...]]]:
    from trainer_core.tracking.remote import last_points

    return last_points(client, run_ids, keys)
