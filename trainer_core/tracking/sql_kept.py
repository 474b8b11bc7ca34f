"""The kept checkpoints of many runs and what was evaluated there, from MLflow's own tables; see kept_checkpoint."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from trainer_core.store import Store
from trainer_core.tracking.kept_checkpoint import Evaluation, KeptStep, computed_step, told_step
from trainer_core.tracking.records import Restart, best_by_of, is_superseded
from trainer_core.tracking.sql import fetch_tuples, stored_value

if TYPE_CHECKING:
    from sqlalchemy import Connection

_RUNS_A_QUERY = 400
"""Each takes two bound values: SQLite takes 999 at least."""


def read_kept_steps(
    connection: "Connection",
    store: Store,
    params: Mapping[str, Mapping[str, str]],
    tags: Mapping[str, Mapping[str, str]],
    restarts: Mapping[str, tuple[Restart, ...]],
    run_ids: Sequence[str],
) -> dict[str, KeptStep]:
    """The step of each run's kept checkpoint."""
    steps: dict[str, KeptStep] = {}
    unknown: dict[str, list[str]] = defaultdict(list)
    for run_id in run_ids:
        told = told_step(store, run_id, tags.get(run_id, {}))
        if told is not None:
            steps[run_id] = told
        else:
            unknown[best_by_of(params.get(run_id, {}), tags.get(run_id, {}))].append(run_id)
    for metric, ids in unknown.items():
        evaluations = _evaluations(connection, ids, metric)
        steps |= {run_id: computed_step(evaluations.get(run_id, []), metric, restarts.get(run_id, ())) for run_id in ids}
    return steps


def read_kept_values(
    connection: "Connection", steps: Mapping[str, KeptStep], restarts: Mapping[str, tuple[Restart, ...]]
) -> dict[str, dict[str, float]]:
    """By run what its evaluation at the kept step gave, by metric; a metric that it did not measure there is left out."""
    from mlflow.store.tracking.dbmodels.models import SqlMetric as M
    from sqlalchemy import select, tuple_

    values: dict[str, dict[str, float]] = {}
    places = iter([(run_id, kept.step) for run_id, kept in steps.items() if kept.step is not None])
    while some := list(islice(places, _RUNS_A_QUERY)):
        query = (
            select(M.run_uuid, M.key, M.step, M.timestamp, M.value, M.is_nan)
            .where(M.run_uuid.in_([run_id for run_id, _step in some]), tuple_(M.run_uuid, M.step).in_(some))
            .where(M.key >= "eval/", M.key < "eval0")  # "0" follows "/": every key below eval/
            .order_by(M.timestamp)
        )
        for run_id, key, step, at, value, is_nan in fetch_tuples(connection, query):
            if not is_superseded(restarts.get(run_id, ()), step, at):
                values.setdefault(run_id, {})[key] = stored_value(value, is_nan)
    return values


def _evaluations(connection: "Connection", run_ids: Sequence[str], metric: str) -> dict[str, list[Evaluation]]:
    from mlflow.store.tracking.dbmodels.models import SqlMetric as M
    from sqlalchemy import select

    found: dict[str, list[Evaluation]] = {}
    for some in _portions(run_ids):
        query = select(M.run_uuid, M.step, M.timestamp, M.value, M.is_nan).where(M.key == metric, M.run_uuid.in_(some))
        for run_id, step, at, value, is_nan in fetch_tuples(connection, query):
            found.setdefault(run_id, []).append((step, at, stored_value(value, is_nan)))
    return found


def _portions(run_ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(run_ids), _RUNS_A_QUERY):
        yield list(run_ids[start : start + _RUNS_A_QUERY])
