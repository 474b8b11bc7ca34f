"""Reads runs and their points from an MLflow tracking server. What comes back is what sql.py reads from a database.

Points come through the server's bulk call, a hundred runs a request; its answers hold 25,000 points at most, so a run that an
answer cuts short is asked for alone. The server knows nothing of superseded points: they are left out here.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trainer_core.measures import is_lower_better
from trainer_core.store import Store
from trainer_core.tracking.kept_checkpoint import computed_step, told_step
from trainer_core.tracking.records import STATE_OF_STATUS, Restart, RunRecord, as_time, is_superseded, read_restarts
from trainer_core.tracking.sql import Point, stored_value
from trainer_core.tracking.tags import RESTARTS

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_BULK = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
_RUNS_A_CALL, _POINTS_A_CALL = 100, 25_000
"""MLflow's own limits (`get_metric_history_bulk_handler`, MLflow 3.17)."""


def fetch_runs(client: "MlflowClient", view: int) -> "list[Run]":
    """All runs of the server, newest first."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs(experiments, "", view, 1_000, ["attributes.start_time DESC"], token)
        runs += page
        token = page.token
        if not token:
            return runs


def read_remote_runs(client: "MlflowClient", store: Store, runs: "Sequence[Run]") -> list[RunRecord]:
    """The runs with their last, kept and best values."""
    names = {experiment.experiment_id: experiment.name for experiment in client.search_experiments()}
    wanted: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        for key in run.data.metrics:
            if key.startswith("eval/") or run.data.tags.get(RESTARTS):
                wanted[key].append(run.info.run_id)
    restarts = {run.info.run_id: read_restarts(run.data.tags.get(RESTARTS, "")) for run in runs}
    last: dict[str, dict[str, float]] = {run.info.run_id: dict(run.data.metrics) for run in runs}
    best: dict[str, dict[str, float]] = defaultdict(dict)
    evaluations: dict[str, dict[str, list[Point]]] = defaultdict(dict)
    for key, run_ids in wanted.items():
        standing: dict[str, list[Point]] = defaultdict(list)
        for point in fetch_points(client, run_ids, key):
            if key.startswith("eval/"):
                evaluations[point[0]].setdefault(key, []).append(point)
            if not is_superseded(restarts[point[0]], point[2], point[3]):
                standing[point[0]].append(point)
        for run_id in run_ids:
            _note(last[run_id], best[run_id], key, standing[run_id], resumed=bool(restarts[run_id]))
    records = [_record(run, names.get(run.info.experiment_id, ""), last, best) for run in runs]
    return [_with_kept(store, record, evaluations[record.run_id]) if record.best else record for record in records]


def _with_kept(store: Store, run: RunRecord, evaluations: Mapping[str, list[Point]]) -> RunRecord:
    """The record with what the evaluation at the kept checkpoint gave. `evaluations` are all points by metric."""
    found = told_step(store, run.run_id, run.tags)
    if found is None:
        found = computed_step([point[2:] for point in evaluations.get(run.best_by, [])], run.best_by, run.restarts)
    kept = {
        key: point[4]
        for key, points in evaluations.items()
        for point in sorted(points, key=lambda point: point[3])
        if point[2] == found.step and not is_superseded(run.restarts, point[2], point[3])
    }
    return replace(run, kept=kept, kept_step=found.step, kept_is_known=found.is_known)


def _note(last: dict[str, float], best: dict[str, float], key: str, points: list[Point], *, resumed: bool) -> None:
    """Writes down a metric's last and best value as its points tell them."""
    if resumed:
        last.pop(key, None)
        if points:
            last[key] = max(points, key=lambda point: point[2:4])[4]
    numbers = [point[4] for point in points if point[4] == point[4]]
    if key.startswith("eval/") and numbers:
        best[key] = min(numbers) if is_lower_better(key) else max(numbers)


def fetch_points(client: "MlflowClient", run_ids: Sequence[str], key: str) -> list[Point]:
    """All points of the runs at the key, superseded ones too."""
    remaining, points = sorted(run_ids), []
    while remaining:
        asked, remaining = remaining[:_RUNS_A_CALL], remaining[_RUNS_A_CALL:]
        found = _fetch(client, asked, key)
        if len(found) >= _POINTS_A_CALL:  # sorted by run: the last one may be cut short, those after it are missing
            cut = found[-1][0]
            found = [point for point in found if point[0] != cut]
            history = client.get_metric_history(cut, key)
            found += [(cut, key, metric.step, metric.timestamp, stored_value(metric.value)) for metric in history]
            remaining = [run_id for run_id in asked if run_id > cut] + remaining
        points += found
    return points


def standing_points(client: "MlflowClient", run_ids: Sequence[str], key: str) -> list[Point]:
    """The points of the runs at the key that no restart superseded."""
    restarts = {run_id: read_restarts(client.get_run(run_id).data.tags.get(RESTARTS, "")) for run_id in run_ids}
    points = fetch_points(client, run_ids, key)
    return [point for point in points if not is_superseded(restarts[point[0]], point[2], point[3])]


def _fetch(client: "MlflowClient", run_ids: Sequence[str], key: str) -> list[Point]:
    from mlflow.utils.rest_utils import http_request, verify_rest_response

    asked = {"run_id": list(run_ids), "metric_key": key, "max_results": _POINTS_A_CALL}
    host: Any = client._tracking_client.store
    answer = verify_rest_response(http_request(host.get_host_creds(), _BULK, "GET", params=asked), _BULK)
    return [
        (row["run_id"], row["key"], int(row["step"]), int(row["timestamp"]), stored_value(float(row["value"])))
        for row in answer.json()["metrics"]
    ]


def _record(run: "Run", experiment: str, last: dict[str, dict[str, float]], best: dict[str, dict[str, float]]) -> RunRecord:
    return RunRecord(
        run_id=run.info.run_id,
        name=run.info.run_name or run.info.run_id[:8],
        state=STATE_OF_STATUS.get(run.info.status, "running"),
        experiment=experiment,
        created=as_time(run.info.start_time),
        ended=as_time(run.info.end_time) if run.info.status in ("FINISHED", "FAILED", "KILLED") else None,
        params=run.data.params,
        tags=run.data.tags,
        metrics=last[run.info.run_id],
        best=best[run.info.run_id],
    )


def last_points(
    client: "MlflowClient", run_ids: Sequence[str], keys: Sequence[str]
) -> tuple[dict[tuple[str, str], tuple[Any, ...]], dict[str, tuple[Restart, ...]]]:
    """The last point by run and metric, as step, time, value and whether it is NaN; and the restarts of those resumed."""
    lasts: dict[tuple[str, str], tuple[Any, ...]] = {}
    restarts: dict[str, tuple[Restart, ...]] = {}
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    for start in range(0, len(run_ids), _RUNS_A_CALL):
        ids = ", ".join(f"'{run_id}'" for run_id in run_ids[start : start + _RUNS_A_CALL])
        for run in client.search_runs(experiments, f"attributes.run_id IN ({ids})", max_results=_RUNS_A_CALL):
            if found := read_restarts(run.data.tags.get(RESTARTS, "")):
                restarts[run.info.run_id] = found
            for metric in run.data._metric_objs:
                if metric.key in keys:
                    is_nan = metric.value != metric.value
                    lasts[run.info.run_id, metric.key] = (metric.step, metric.timestamp, 0.0 if is_nan else metric.value, is_nan)
    return lasts, restarts
