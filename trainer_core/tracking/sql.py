"""Reads runs and their points from MLflow's own tables with plain SQL: some fifty times quicker than MLflow's entities.

Used where the database is at hand (SQLite, PostgreSQL); behind a tracking server read.py goes through the client instead.
Values come out as MLflow stores them, then `_value` undoes its writing of NaN (a flag) and of inf (the largest float).
"""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from trainer_core.measures import is_lower_better
from trainer_core.tracking import tags as names
from trainer_core.tracking.records import STATE_OF_STATUS, Restart, RunRecord, as_time, is_superseded, read_restarts

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine

Point = tuple[str, str, int, int, float]
"""Run id, key, step, time in ms, value."""


def read_runs(engine: "Engine", run_ids: Sequence[str] | None = None, *, deleted: bool = False) -> list[RunRecord]:
    """Every run that is not deleted, newest first, or those of `run_ids`; with `deleted` those that are."""
    from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlLatestMetric, SqlParam, SqlRun, SqlTag
    from sqlalchemy import select

    wanted = [SqlRun.lifecycle_stage == ("deleted" if deleted else "active"), SqlExperiment.lifecycle_stage == "active"]
    if run_ids is not None:
        wanted.append(SqlRun.run_uuid.in_(run_ids))
    with engine.connect() as connection:
        runs = connection.execute(
            select(SqlRun.run_uuid, SqlRun.name, SqlRun.status, SqlRun.start_time, SqlRun.end_time, SqlExperiment.name)
            .join(SqlExperiment, SqlExperiment.experiment_id == SqlRun.experiment_id)
            .where(*wanted)
            .order_by(SqlRun.start_time.desc(), SqlRun.run_uuid)
        ).all()

        def among(column: Any) -> "list[ColumnElement[bool]]":
            return [] if run_ids is None else [column.in_(run_ids)]

        params = _by_run(
            connection.execute(select(SqlParam.run_uuid, SqlParam.key, SqlParam.value).where(*among(SqlParam.run_uuid))).all()
        )
        tags = _by_run(connection.execute(select(SqlTag.run_uuid, SqlTag.key, SqlTag.value).where(*among(SqlTag.run_uuid))).all())
        restarts = {run_id: found for run_id, own in tags.items() if (found := read_restarts(own.get(names.RESTARTS, "")))}
        metrics: dict[str, dict[str, float]] = {}
        outdated: list[tuple[str, str]] = []
        last = SqlLatestMetric
        for run_id, key, value, is_nan, step, at in connection.execute(
            select(last.run_uuid, last.key, last.value, last.is_nan, last.step, last.timestamp).where(*among(last.run_uuid))
        ).all():
            if run_id in restarts and is_superseded(restarts[run_id], step, at):
                outdated.append((run_id, key))
            else:
                metrics.setdefault(run_id, {})[key] = _value(value, is_nan)
        for run_id, key in outdated:
            value = _last_value(connection, run_id, key, restarts[run_id])
            if value is not None:
                metrics.setdefault(run_id, {})[key] = value
        best = _best_values(connection, run_ids, restarts)
    return [
        RunRecord(
            run_id=run_id,
            name=name or run_id[:8],
            state=STATE_OF_STATUS.get(status, "running"),
            experiment=experiment,
            created=as_time(start_time),
            ended=as_time(end_time) if status in ("FINISHED", "FAILED", "KILLED") else None,
            params=params.get(run_id, {}),
            tags=tags.get(run_id, {}),
            metrics=metrics.get(run_id, {}),
            best=best.get(run_id, {}),
        )
        for run_id, name, status, start_time, end_time, experiment in runs
    ]


def read_points(engine: "Engine", run_ids: Sequence[str], keys: Sequence[str]) -> list[Point]:
    """The points of the runs at the keys, ordered by step, then time; superseded ones left out."""
    from mlflow.store.tracking.dbmodels.models import SqlMetric as M
    from sqlalchemy import and_, or_, select

    with engine.connect() as connection:
        restarts = _restarts(connection, run_ids)
        plain = [run_id for run_id in run_ids if run_id not in restarts]
        of_runs = [M.run_uuid.in_(plain)]
        of_runs += [and_(M.run_uuid == run_id, _standing(M, found)) for run_id, found in restarts.items()]
        query = (
            select(M.run_uuid, M.key, M.step, M.timestamp, M.value, M.is_nan)
            .where(M.key.in_(list(keys)), or_(*of_runs))
            .order_by(M.step, M.timestamp)
        )
        return [
            (run_id, key, step, at, _value(value, is_nan))
            for run_id, key, step, at, value, is_nan in connection.execute(query).all()
        ]


def read_keys(engine: "Engine", run_ids: Sequence[str]) -> list[str]:
    """The keys of all metrics that any of the runs has, sorted."""
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric
    from sqlalchemy import select

    with engine.connect() as connection:
        query = select(SqlLatestMetric.key).where(SqlLatestMetric.run_uuid.in_(run_ids)).distinct()
        return sorted(connection.execute(query).scalars())


def _by_run(rows: Iterable[Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for run_id, key, value in rows:
        found.setdefault(run_id, {})[key] = value or ""
    return found


def _restarts(connection: "Connection", run_ids: Sequence[str]) -> dict[str, tuple[Restart, ...]]:
    from mlflow.store.tracking.dbmodels.models import SqlTag
    from sqlalchemy import select

    query = select(SqlTag.run_uuid, SqlTag.value).where(SqlTag.run_uuid.in_(run_ids), SqlTag.key == names.RESTARTS)
    return {run_id: found for run_id, text in connection.execute(query) if (found := read_restarts(text or ""))}


def _standing(table: Any, restarts: tuple[Restart, ...]) -> "ColumnElement[bool]":
    """The points that no restart superseded: `records.is_superseded`, in SQL."""
    from sqlalchemy import and_, or_

    return and_(*(or_(table.timestamp >= restart.at, table.step <= restart.from_step) for restart in restarts))


def _last_value(connection: "Connection", run_id: str, key: str, restarts: tuple[Restart, ...]) -> float | None:
    from mlflow.store.tracking.dbmodels.models import SqlMetric as M
    from sqlalchemy import select

    row = connection.execute(
        select(M.value, M.is_nan)
        .where(M.run_uuid == run_id, M.key == key, _standing(M, restarts))
        .order_by(M.step.desc(), M.timestamp.desc())
        .limit(1)
    ).first()
    return None if row is None else _value(row[0], row[1])


def _best_values(
    connection: "Connection", run_ids: Sequence[str] | None, restarts: dict[str, tuple[Restart, ...]]
) -> dict[str, dict[str, float]]:
    from mlflow.store.tracking.dbmodels.models import SqlMetric as M
    from sqlalchemy import func, not_, select

    query = (
        select(M.run_uuid, M.key, func.min(M.value), func.max(M.value))
        .where(M.key >= "eval/", M.key < "eval0", not_(M.is_nan))  # "0" follows "/": every key below eval/
        .group_by(M.run_uuid, M.key)
    )
    if run_ids is not None:
        query = query.where(M.run_uuid.in_(run_ids))
    rows = list(connection.execute(query.where(M.run_uuid.not_in(list(restarts))) if restarts else query))
    for run_id, found in restarts.items():
        rows += connection.execute(query.where(M.run_uuid == run_id, _standing(M, found)))
    best: dict[str, dict[str, float]] = {}
    for run_id, key, lowest, highest in rows:
        best.setdefault(run_id, {})[key] = _value(lowest if is_lower_better(key) else highest, False)
    return best


def _value(value: float, is_nan: bool) -> float:
    if is_nan:
        return float("nan")
    if abs(value) >= sys.float_info.max:
        return float("inf") if value > 0 else float("-inf")
    return float(value)
