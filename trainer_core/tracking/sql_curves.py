"""Reads one metric of one run out of MLflow's own table, thinned by SQLite itself: a million points never reach Python.

SQLite gives, beside one `min()` or `max()` of a group, the other columns of the row that has it, which finds where a bucket's
lowest and highest stand in one pass each; its first and last are looked up in MLflow's index over run, metric and step. Buckets
are rows of a temporary table of numbers, so that groups come in order and nothing is sorted. Short curves, and those of other
databases, are read whole and thinned by `curve.thin`: the answers are the same.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer_core.tracking.curve import BUCKETS, Curve, Floats, Ints, empty_curve, thin, width_for
from trainer_core.tracking.records import Restart
from trainer_core.tracking.sql import standing

if TYPE_CHECKING:
    from sqlalchemy import Connection

LARGEST = 1.79e308
"""From here on a stored value means infinity: MLflow writes the largest float for it."""
_LOWEST, _HIGHEST, _EDGE = 0, 1, 2
_NUMBER, _KIND = 4, 8
"""Columns of the thinned rows: step, time, value and whether that is NaN; then, of extremes, the bucket's number and how many
values it has, their sum, and how many are NaN; at last which of the three kinds a row is."""
_READ_WHOLE = 2 * BUCKETS
"""Steps of a curve up to which reading all of it is quicker."""


def read_curve(
    connection: "Connection",
    run_id: str,
    key: str,
    restarts: tuple[Restart, ...] = (),
    first: int | None = None,
    last: int | None = None,
    buckets: int = BUCKETS,
) -> Curve:
    """The metric's curve in at most so many buckets, or the part of it from step `first` to step `last`; superseded points are
    left out.
    """
    ask = _statements(restarts)
    given: dict[str, Any] = {"run_id": run_id, "key": key}
    lowest, highest = connection.execute(ask.bounds, given).one()
    if lowest is None or highest is None:
        return empty_curve()
    lowest, highest = max(lowest, first if first is not None else lowest), min(highest, last if last is not None else highest)
    width = width_for(lowest, highest, buckets)
    if highest - lowest < _READ_WHOLE or connection.dialect.name != "sqlite":
        return thin(*_arrays(_rows(connection, ask.whole, {**given, "first": lowest, "last": highest})), width)
    base = lowest // width * width
    given |= {"first": lowest, "last": highest, "base": base, "width": width, "buckets": (highest - base) // width + 1}
    _number(connection)
    rows = _rows(connection, ask.thinned, given)
    step, time, value = rows[:, :3].T
    lows, highs = (own[np.argsort(own[:, _NUMBER])] for own in (rows[rows[:, _KIND] == kind] for kind in (_LOWEST, _HIGHEST)))
    places, counts, totals, nans = highs[:, _NUMBER:_KIND].T
    starts = base + places.astype(np.int64) * width
    points = _unique(step.astype(np.int64), time.astype(np.int64), value)
    curve = Curve(width, *points, starts, counts.astype(np.int64), totals)
    broken = places[(nans > 0) | (highs[:, 2] >= LARGEST) | (lows[:, 2] <= -LARGEST)]
    return _mended(connection, ask, given, curve, broken) if len(broken) else curve


def _rows(connection: "Connection", statement: Any, given: dict[str, Any]) -> Floats:
    """Rows of numbers [rows, columns]; steps and times are whole in float64 up to 2**53."""
    cursor = connection.execute(statement, given).cursor
    return np.array(cursor.fetchall() if cursor is not None else [], np.float64)


def _number(connection: "Connection") -> None:
    """Makes the temporary table of bucket numbers where this connection has none yet."""
    made = connection.info.setdefault("descent_buckets", False)
    if not made:
        connection.exec_driver_sql("CREATE TEMP TABLE IF NOT EXISTS descent_buckets (number INTEGER PRIMARY KEY)")
        values = ", ".join(f"({number})" for number in range(2 * BUCKETS))
        connection.exec_driver_sql(f"INSERT OR IGNORE INTO descent_buckets VALUES {values}")  # noqa: S608 - numbers of our own
        connection.commit()
        connection.info["descent_buckets"] = True


def _mended(connection: "Connection", ask: "_Statements", given: dict[str, Any], curve: Curve, broken: Ints) -> Curve:
    """The curve with the stretch read whole in which values are not finite: SQL takes a NaN for 0 and infinity for a number."""
    start, end = (given["base"] + bucket * curve.width for bucket in (int(broken[0]), int(broken[-1]) + 1))
    wanted = {**given, "first": max(start, given["first"]), "last": min(end - 1, given["last"])}
    part = thin(*_arrays(_rows(connection, ask.whole, wanted)), curve.width)
    points, buckets = (curve.step < start, curve.step >= end), (curve.starts < start, curve.starts >= end)
    joined = {
        name: np.concatenate((getattr(curve, name)[choice[0]], getattr(part, name), getattr(curve, name)[choice[1]]))
        for names, choice in ((("step", "time", "value"), points), (("starts", "counts", "totals"), buckets))
        for name in names
    }
    return Curve(curve.width, **joined)


def _arrays(rows: Floats) -> tuple[Ints, Ints, Floats]:
    """Rows of step, time, value and whether that is NaN, with what MLflow wrote for inf and NaN undone."""
    if not len(rows):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)
    step, time, value, nan = rows.T
    value = np.where(nan > 0, np.nan, np.where(np.abs(value) >= LARGEST, np.copysign(np.inf, value), value))
    return step.astype(np.int64), time.astype(np.int64), value


def _unique(step: Ints, time: Ints, value: Floats) -> tuple[Ints, Ints, Floats]:
    """The points in order, each once: a bucket's first may be its lowest too."""
    order = np.lexsort((value, time, step))
    step, time, value = step[order], time[order], value[order]
    new = np.ones(len(step), bool)
    new[1:] = (step[1:] != step[:-1]) | (time[1:] != time[:-1]) | (value[1:] != value[:-1])
    return step[new], time[new], value[new]


@dataclass(frozen=True)
class _Statements:
    bounds: Any
    whole: Any
    thinned: Any


@lru_cache(maxsize=64)
def _statements(restarts: tuple[Restart, ...]) -> _Statements:
    """The statements for runs that were resumed so, with their places for run, metric and steps."""
    from mlflow.store.tracking.dbmodels.models import SqlMetric
    from sqlalchemy import Integer, bindparam, column, func, literal, literal_column, select, table, true, union_all

    metrics: Any = SqlMetric.__table__
    numbers = table("descent_buckets", column("number"))
    run_id: Any = bindparam("run_id")
    key: Any = bindparam("key")
    first, last, base, width, buckets = (bindparam(name, type_=Integer) for name in ("first", "last", "base", "width", "buckets"))

    def of_run(of: Any) -> list[Any]:
        return [of.c.run_uuid == run_id, of.c.key == key, *([standing(of.c, restarts)] if restarts else [])]

    def end(order: Any) -> Any:
        return select(metrics.c.step).where(*of_run(metrics)).order_by(order).limit(1).scalar_subquery()

    def in_bucket(of: Any) -> list[Any]:
        begins = base + numbers.c.number * width
        # One bound at either end, so that both are looked up in the index; SQLite's max and min of two.
        return [*of_run(of), of.c.step >= func.max(begins, first), of.c.step <= func.min(begins + width - 1, last)]

    def point(of: Any, value: Any = None) -> tuple[Any, ...]:
        return of.c.step, of.c.timestamp, of.c.value if value is None else value, literal_column(f"{of.name}.is_nan")

    def extreme(kind: int, value: Any, *told: Any) -> Any:
        """`CROSS JOIN` would fix the order of the two; SQLite has no index by which it could turn them round."""
        return (
            select(*point(metrics, value), numbers.c.number, *told, literal(kind))
            .select_from(numbers.join(metrics, true()))
            .where(numbers.c.number < buckets, *in_bucket(metrics))
            .group_by(numbers.c.number)
        )

    def edge(*order: Any) -> Any:
        sought, found = metrics.alias("sought"), metrics.alias("found")
        row: Any = select(literal_column("sought.rowid")).select_from(sought).where(*in_bucket(sought))
        row = row.order_by(*(getattr(sought.c[name], way)() for name, way in order)).limit(1).correlate(numbers)
        joined = numbers.join(found, literal_column("found.rowid") == row.scalar_subquery())
        told = (literal(0), literal(0), literal(0), literal(0), literal(_EDGE))
        return select(*point(found), *told).select_from(joined).where(numbers.c.number < buckets)

    names = ("step", "timestamp", "value")
    nans: Any = func.sum(literal_column("metrics.is_nan"))
    thinned = union_all(
        extreme(_LOWEST, func.min(metrics.c.value), literal(0), literal(0), literal(0)),
        extreme(_HIGHEST, func.max(metrics.c.value), func.count(), func.total(metrics.c.value), nans),
        edge(*((name, "asc") for name in names)),
        edge(*((name, "desc") for name in names)),
    ).order_by(literal_column("3"))  # sorted, all of it is there before the first row: Python's lock is waited for once
    return _Statements(
        bounds=select(end(metrics.c.step), end(metrics.c.step.desc())),
        whole=select(*point(metrics)).where(*of_run(metrics), metrics.c.step >= first, metrics.c.step <= last),
        thinned=thinned,
    )
