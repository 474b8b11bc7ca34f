"""Reads runs with their params, tags, last, kept and best values from MLflow's own tables, and remembers what does not change.

A page that is drawn anew asks for all runs again. As long as nothing was written, they come from memory. Else what MLflow keeps in
small tables is read again: runs, tags and last values; params, kept and best values only of runs that are live or moved on. A run
that is as it was is the same record.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cachetools import TTLCache

from trainer_core.measures import is_lower_better
from trainer_core.store import Store
from trainer_core.tracking import tags as names
from trainer_core.tracking.changes import version_of
from trainer_core.tracking.records import (
    STATE_OF_STATUS,
    STATUS_OF_STATE,
    Restart,
    RunRecord,
    as_time,
    is_superseded,
    read_restarts,
)
from trainer_core.tracking.sql import fetch_tuples, standing, stored_value
from trainer_core.tracking.sql_kept import read_kept_steps, read_kept_values

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_KNOWN: TTLCache[tuple[str, str], "_Known"] = TTLCache(maxsize=4, ttl=600)
"""By database and folder: checkpoints of before say there which one is kept. After ten minutes all is read afresh."""
_LOCK = threading.Lock()
_LIVE = (STATUS_OF_STATE["queued"], STATUS_OF_STATE["running"])
"""Runs that may be given params yet."""
_MANY = 500
"""Run ids from which on a whole table is read: naming them all would take longer."""


@dataclass(frozen=True)
class _Known:
    """What each run was read from, and the record; and the database's version then."""

    runs: Mapping[str, tuple[Any, RunRecord]] = field(default_factory=dict)
    version: tuple[int, ...] | None = None


def read_runs(engine: "Engine", store: Store, run_ids: Sequence[str] | None = None, *, deleted: bool = False) -> list[RunRecord]:
    """Every run that is not deleted, newest first, or those of `run_ids`; with `deleted` those that are."""
    known: Mapping[str, tuple[Any, RunRecord]] = {}
    version = None
    place = str(engine.url), str(store.root)
    if run_ids is None and not deleted:
        version = version_of(engine)
        with _LOCK:
            before = _KNOWN.get(place, _Known())
        if version is not None and before.version == version:
            return [record for _state, record in before.runs.values()]
        known = before.runs
    with engine.connect() as connection:
        runs = _runs(connection, run_ids, deleted)
        chosen = run_ids if run_ids is not None else [row[0] for row in runs] if deleted else None
        tags, last = _tags(connection, chosen), _last(connection, chosen)
        seen = {row[0]: (row, tags.get(row[0]), last.get(row[0])) for row in runs}
        moved = [
            run_id for run_id, state in seen.items() if state[0][2] in _LIVE or run_id not in known or known[run_id][0] != state
        ]
        if moved:
            restarts = {run_id: found for run_id in moved if (found := read_restarts(tags.get(run_id, {}).get(names.RESTARTS, "")))}
            params, best = _params(connection, moved), _best_values(connection, moved, restarts)
            evaluated = [run_id for run_id in moved if run_id in best]
            steps = read_kept_steps(connection, store, params, tags, restarts, evaluated)
            kept = read_kept_values(connection, steps, restarts)
            standing_last = {
                run_id: _standing_values(connection, run_id, last.get(run_id, {}), restarts.get(run_id, ())) for run_id in moved
            }
    records = [
        replace(
            _record(seen[run_id][0], params.get(run_id, {}), tags.get(run_id, {}), standing_last[run_id], best.get(run_id, {})),
            kept=kept.get(run_id, {}),
            kept_step=steps[run_id].step if run_id in steps else None,
            kept_is_known=run_id not in steps or steps[run_id].is_known,
        )
        for run_id in moved
    ]
    read = {**known, **{record.run_id: (seen[record.run_id], record) for record in records}}
    if run_ids is None and not deleted:
        with _LOCK:
            _KNOWN[place] = _Known({run_id: read[run_id] for run_id in seen}, version)
    return [read[run_id][1] for run_id in seen]


def has_run(engine: "Engine", run_id: str) -> bool:
    """Whether `read_runs` knows the run."""
    with engine.connect() as connection:
        return bool(_runs(connection, [run_id], deleted=False))


def _runs(connection: "Connection", run_ids: Sequence[str] | None, deleted: bool) -> list[tuple[Any, ...]]:
    from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlRun
    from sqlalchemy import select

    wanted = [SqlRun.lifecycle_stage == ("deleted" if deleted else "active"), SqlExperiment.lifecycle_stage == "active"]
    if run_ids is not None:
        wanted.append(SqlRun.run_uuid.in_(run_ids))
    query = (
        select(SqlRun.run_uuid, SqlRun.name, SqlRun.status, SqlRun.start_time, SqlRun.end_time, SqlExperiment.name)
        .join(SqlExperiment, SqlExperiment.experiment_id == SqlRun.experiment_id)
        .where(*wanted)
        .order_by(SqlRun.start_time.desc(), SqlRun.run_uuid)
    )
    return [tuple(row) for row in connection.execute(query)]


def _among(column: Any, run_ids: Sequence[str] | None) -> list[Any]:
    return [] if run_ids is None or len(run_ids) > _MANY else [column.in_(run_ids)]


def _tags(connection: "Connection", run_ids: Sequence[str] | None) -> dict[str, dict[str, str]]:
    from mlflow.store.tracking.dbmodels.models import SqlTag
    from sqlalchemy import select

    query = select(SqlTag.run_uuid, SqlTag.key, SqlTag.value).where(*_among(SqlTag.run_uuid, run_ids))
    return _by_run(fetch_tuples(connection, query))


def _params(connection: "Connection", run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    from mlflow.store.tracking.dbmodels.models import SqlParam
    from sqlalchemy import select

    query = select(SqlParam.run_uuid, SqlParam.key, SqlParam.value).where(*_among(SqlParam.run_uuid, run_ids))
    return _by_run(fetch_tuples(connection, query))


def _last(connection: "Connection", run_ids: Sequence[str] | None) -> dict[str, dict[str, tuple[Any, ...]]]:
    """By run and metric: value, whether it is NaN, step and time, as MLflow's table of last values has them."""
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric as L
    from sqlalchemy import select

    found: dict[str, dict[str, tuple[Any, ...]]] = {}
    query = select(L.run_uuid, L.key, L.value, L.is_nan, L.step, L.timestamp).where(*_among(L.run_uuid, run_ids))
    for run_id, key, *rest in fetch_tuples(connection, query):
        found.setdefault(run_id, {})[key] = tuple(rest)
    return found


def _by_run(rows: Iterable[Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for run_id, key, value in rows:
        found.setdefault(run_id, {})[key] = value or ""
    return found


def _standing_values(
    connection: "Connection", run_id: str, last: dict[str, tuple[Any, ...]], restarts: tuple[Restart, ...]
) -> dict[str, float]:
    """The last values of a run; where a restart superseded one, the last that stands."""
    values: dict[str, float] = {}
    for key, (value, is_nan, step, at) in last.items():
        if restarts and is_superseded(restarts, step, at):
            found = _last_value(connection, run_id, key, restarts)
            if found is not None:
                values[key] = found
        else:
            values[key] = stored_value(value, is_nan)
    return values


def _last_value(connection: "Connection", run_id: str, key: str, restarts: tuple[Restart, ...]) -> float | None:
    from mlflow.store.tracking.dbmodels.models import SqlMetric as M
    from sqlalchemy import select

    row = connection.execute(
        select(M.value, M.is_nan)
        .where(M.run_uuid == run_id, M.key == key, standing(M, restarts))
        .order_by(M.step.desc(), M.timestamp.desc())
        .limit(1)
    ).first()
    return None if row is None else stored_value(row[0], row[1])


def _best_values(
    connection: "Connection", run_ids: Sequence[str], restarts: dict[str, tuple[Restart, ...]]
) -> dict[str, dict[str, float]]:
    from mlflow.store.tracking.dbmodels.models import SqlMetric as M
    from sqlalchemy import func, not_, select

    query = (
        select(M.run_uuid, M.key, func.min(M.value), func.max(M.value))
        .where(M.key >= "eval/", M.key < "eval0", not_(M.is_nan))  # "0" follows "/": every key below eval/
        .group_by(M.run_uuid, M.key)
    )
    rows: list[Any] = []
    if plain := [run_id for run_id in run_ids if run_id not in restarts]:
        rows += fetch_tuples(connection, query.where(*_among(M.run_uuid, plain)))
    rows = [row for row in rows if row[0] not in restarts]
    for run_id, found in restarts.items():
        rows += connection.execute(query.where(M.run_uuid == run_id, standing(M, found)))
    best: dict[str, dict[str, float]] = {}
    for run_id, key, lowest, highest in rows:
        best.setdefault(run_id, {})[key] = stored_value(lowest if is_lower_better(key) else highest)
    return best


def _record(
    row: tuple[Any, ...], params: dict[str, str], tags: dict[str, str], last: dict[str, float], best: dict[str, float]
) -> RunRecord:
    run_id, name, status, start_time, end_time, experiment = row
    return RunRecord(
        run_id=run_id,
        name=name or run_id[:8],
        state=STATE_OF_STATUS.get(status, "running"),
        experiment=experiment,
        created=as_time(start_time),
        ended=as_time(end_time) if status in ("FINISHED", "FAILED", "KILLED") else None,
        params=params,
        tags=tags,
        metrics=last,
        best=best,
    )
