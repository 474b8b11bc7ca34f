"""Puts points into MLflow's own tables with plain SQL: some ten times quicker than MLflow's entities.

Used where the database is at hand (SQLite, PostgreSQL); elsewhere ship.py goes through the client. What is stored, what a replay
adds (nothing) and which point is a run's latest are MLflow's own rules (`SqlAlchemyStore._log_metrics`, MLflow 3.17); a test
holds both ways against each other.
"""

import logging
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.sql.dml import Insert

_log = logging.getLogger(__name__)
_COLUMNS = ["run_uuid", "key", "value", "timestamp", "step", "is_nan"]
_PATIENCE_MS = 20_000
"""How long a write waits for another to end, as MLflow's own do."""


class Point(NamedTuple):
    """One value of one metric: `time` is in ms since 1970."""

    key: str
    value: float
    time: int
    step: int


def can_insert(engine: "Engine") -> bool:
    """Whether the database knows `insert` that passes over rows it has."""
    return engine.dialect.name in ("sqlite", "postgresql")


def insert_points(engine: "Engine", run_id: str, points: Iterable[Point]) -> None:
    """Stores the points of a run, all or none; those that are there already change nothing.

    A name that MLflow does not take is passed over with a line in the log.
    """
    rows = [_row(run_id, point) for point in points if _is_name(point.key)]
    if not rows:
        return
    latest: dict[str, dict[str, Any]] = {}
    for row in rows:
        known = latest.get(row["key"])
        if known is None or _age(row) > _age(known):
            latest[row["key"]] = row
    everywhere, newest = _statements(engine.dialect.name)
    newest_rows = [latest[key] for key in sorted(latest)]  # in one order, so that writers never cross
    with engine.begin() as connection:
        # Writing comes first: a transaction that has read may find that another wrote meanwhile, and can't go on.
        if engine.dialect.name != "sqlite":
            connection.execute(everywhere, rows)
            connection.execute(newest, newest_rows)
            return
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        for statement, values in ((everywhere, rows), (newest, newest_rows)):
            text, names = _text(statement)
            pick = itemgetter(*names)
            connection.exec_driver_sql(text, [pick(row) for row in values])


@lru_cache(maxsize=2)
def _statements(dialect: str) -> "tuple[Insert, Insert]":
    """What stores points that are not there yet, and what stores them as their metric's latest where they are later."""
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric
    from sqlalchemy import tuple_

    insert = _insert_of(dialect)
    newest = insert(SqlLatestMetric)
    new = newest.excluded
    newest = newest.on_conflict_do_update(
        index_elements=["key", "run_uuid"],
        set_={name: new[name] for name in ("value", "timestamp", "step", "is_nan")},
        where=tuple_(new["step"], new["timestamp"], new["value"])
        > tuple_(SqlLatestMetric.step, SqlLatestMetric.timestamp, SqlLatestMetric.value),
    )
    return insert(SqlMetric).on_conflict_do_nothing(), newest


@lru_cache(maxsize=2)
def _text(statement: "Insert") -> tuple[str, Sequence[str]]:
    """A statement as SQLite reads it, and the columns of its places, in order. SQLAlchemy's own way takes as long to put rows in
    their places as SQLite to store them.
    """
    from sqlalchemy.dialects import sqlite

    compiled = statement.compile(dialect=sqlite.dialect(), column_keys=_COLUMNS)
    return str(compiled), compiled.positiontup or ()


def _insert_of(dialect: str) -> Callable[[Any], Any]:
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as of_sqlite

        return of_sqlite
    from sqlalchemy.dialects.postgresql import insert as of_postgresql

    return of_postgresql


def _row(run_id: str, point: Point) -> dict[str, Any]:
    value = point.value
    is_nan = math.isnan(value)
    if is_nan:
        value = 0.0
    elif math.isinf(value):  # SQL has no word for it
        value = math.copysign(sys.float_info.max, value)
    return dict(zip(_COLUMNS, (run_id, point.key, value, point.time, point.step, is_nan), strict=True))


def _age(row: dict[str, Any]) -> tuple[int, int, float]:
    return row["step"], row["timestamp"], row["value"]


@lru_cache(maxsize=4_096)
def _is_name(key: str) -> bool:
    from mlflow.exceptions import MlflowException
    from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH, _validate_metric_name

    try:
        _validate_metric_name(key)
    except MlflowException as error:
        _log.warning("MLflow does not take the metric %s: %s", key, error.message)
        return False
    return len(key) <= int(MAX_ENTITY_KEY_LENGTH)
