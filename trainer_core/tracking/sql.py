"""Reads points of runs from MLflow's own tables with plain SQL: some fifty times quicker than MLflow's entities.

Used where the database is at hand (SQLite, PostgreSQL); behind a tracking server read.py goes through the client instead.
Values come out as MLflow stores them, then `stored_value` undoes its writing of NaN (a flag) and of inf (the largest float).
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trainer_core.tracking import tags as names
from trainer_core.tracking.records import Restart, read_restarts

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine

Point = tuple[str, str, int, int, float]
"""Run id, key, step, time in ms, value."""


def read_points(engine: "Engine", run_ids: Sequence[str], keys: Sequence[str]) -> list[Point]:
    """The points of the runs at the keys, ordered by step, then time; superseded ones left out."""
    from mlflow.store.tracking.dbmodels.models import SqlMetric as M
    from sqlalchemy import and_, or_, select

    with engine.connect() as connection:
        restarts = restarts_of(connection, run_ids)
        plain = [run_id for run_id in run_ids if run_id not in restarts]
        of_runs = [M.run_uuid.in_(plain)]
        of_runs += [and_(M.run_uuid == run_id, standing(M, found)) for run_id, found in restarts.items()]
        query = (
            select(M.run_uuid, M.key, M.step, M.timestamp, M.value, M.is_nan)
            .where(M.key.in_(list(keys)), or_(*of_runs))
            .order_by(M.step, M.timestamp)
        )
        return [
            (run_id, key, step, at, stored_value(value, is_nan))
            for run_id, key, step, at, value, is_nan in connection.execute(query).all()
        ]


def read_keys(engine: "Engine", run_ids: Sequence[str]) -> list[str]:
    """The keys of all metrics that any of the runs has, sorted."""
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric
    from sqlalchemy import select

    with engine.connect() as connection:
        query = select(SqlLatestMetric.key).where(SqlLatestMetric.run_uuid.in_(run_ids)).distinct()
        return sorted(connection.execute(query).scalars())


def restarts_of(connection: "Connection", run_ids: Sequence[str]) -> dict[str, tuple[Restart, ...]]:
    """The restarts of those of the runs that were resumed."""
    from mlflow.store.tracking.dbmodels.models import SqlTag
    from sqlalchemy import select

    query = select(SqlTag.run_uuid, SqlTag.value).where(SqlTag.run_uuid.in_(run_ids), SqlTag.key == names.RESTARTS)
    return {run_id: found for run_id, text in connection.execute(query) if (found := read_restarts(text or ""))}


def standing(table: Any, restarts: tuple[Restart, ...]) -> "ColumnElement[bool]":
    """The points that no restart superseded: `records.is_superseded`, in SQL."""
    from sqlalchemy import and_, or_

    return and_(*(or_(table.timestamp >= restart.at, table.step <= restart.from_step) for restart in restarts))


def fetch_tuples(connection: "Connection", query: Any) -> list[tuple[Any, ...]]:
    """All rows as the database's driver gives them: for tens of thousands SQLAlchemy's own take twice as long."""
    cursor = connection.execute(query).cursor
    return [] if cursor is None else list(cursor.fetchall())


def stored_value(value: float, is_nan: bool = False) -> float:
    """A stored value as it was logged."""
    if is_nan:
        return float("nan")
    if abs(value) >= sys.float_info.max:
        return float("inf") if value > 0 else float("-inf")
    return float(value)
