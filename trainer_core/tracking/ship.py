"""Ships a run's journal to MLflow, in order and in batches.

Exactly once: each point carries its time from the journal, and MLflow's primary key drops a point it already has, so that
shipping the same stretch again, after a crash for example, changes nothing. A tracking server may keep points where there is no
such key: the reporter sees that little is shipped twice there.
"""

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trainer_core.store import Store
from trainer_core.tracking.client import open_client, sql_engine
from trainer_core.tracking.journal import decode, read_records
from trainer_core.tracking.points import Point, can_insert, insert_points
from trainer_core.tracking.records import Restart, add_restart
from trainer_core.tracking.tags import RESTARTS

if TYPE_CHECKING:
    from mlflow import MlflowClient

METRICS_PER_CALL = 1_000
ENTRIES_PER_CALL = 100
_TRAINING = ("train/", "eval/")
_log = logging.getLogger(__name__)


class _Batch:
    """What goes to MLflow in the next call."""

    def __init__(self) -> None:
        self.metrics: list[Point] = []
        self.params: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.datasets: list[Mapping[str, Any]] = []
        self.restarts: list[Restart] = []

    def __len__(self) -> int:
        return len(self.metrics) + len(self.params) + len(self.tags) + len(self.datasets) + len(self.restarts)

    def fits(self, metrics: int, entries: int) -> bool:
        return len(self.metrics) + metrics <= METRICS_PER_CALL and len(self.params) + len(self.tags) + entries <= ENTRIES_PER_CALL


def ship(store: Store, run_id: str, offset: int, *, most: int | None = None) -> int:
    """Ships what the journal holds from a byte offset on and returns the offset after it.

    `most` ends the call after about so many metric values, so that one long journal does not hold up the others.
    """
    client = open_client(store)
    batch = _Batch()
    shipped = 0
    end = offset
    for record, next_offset in read_records(store.journal(run_id), offset):
        metrics = _metrics(record)
        entries = len(record["values"]) if record["kind"] in ("params", "tags") else 0
        if len(batch) and not batch.fits(len(metrics), entries):
            _send(client, run_id, batch)
            shipped += len(batch)
            batch = _Batch()
            if most is not None and shipped >= most:
                return end
        batch.metrics += metrics
        if record["kind"] == "params":
            batch.params |= record["values"]
        elif record["kind"] == "tags":
            batch.tags |= record["values"]
        elif record["kind"] == "dataset":
            batch.datasets.append(record)
        elif record["kind"] == "restart":
            batch.restarts.append(Restart(int(record["time"]), int(record["from_step"])))
        end = next_offset
    if len(batch):
        _send(client, run_id, batch)
    return end


def _metrics(record: Mapping[str, Any]) -> list[Point]:
    if record["kind"] != "metrics":
        return []
    values = {key: decode(value) for key, value in record["values"].items()}
    if record.get("tells_progress", True) and any(key.startswith(_TRAINING) for key in values):
        # MLflow knows steps only: these two let a chart count epochs or samples instead.
        values |= {"progress/epoch": float(record["epoch"]), "progress/samples": float(record["samples"])}
    at, step = int(record["time"]), int(record["step"])
    return [Point(key, value, at, step) for key, value in values.items()]


def _send(client: "MlflowClient", run_id: str, batch: _Batch) -> None:
    from mlflow.entities import Metric, Param, RunTag

    params = [Param(key, value) for key, value in batch.params.items()]
    if batch.restarts:
        batch.tags[RESTARTS] = _with_restarts(client, run_id, batch.restarts)
    tags = [RunTag(key, value) for key, value in batch.tags.items()]
    engine = sql_engine(client)
    metrics: list[Metric] = []
    if engine is not None and can_insert(engine):
        insert_points(engine, run_id, batch.metrics)
    else:
        metrics = [Metric(point.key, point.value, point.time, point.step) for point in batch.metrics]
    if metrics or params or tags:
        _log_batch(client, run_id, metrics, params, tags)
    _send_datasets(client, run_id, batch.datasets)


def _log_batch(client: "MlflowClient", run_id: str, metrics: list[Any], params: list[Any], tags: list[Any]) -> None:
    from mlflow.exceptions import MlflowException

    for start in range(0, max(1, len(metrics)), METRICS_PER_CALL):
        some = metrics[start : start + METRICS_PER_CALL]
        first = start == 0
        try:
            client.log_batch(run_id, metrics=some, params=params if first else [], tags=tags if first else [])
        except MlflowException as error:
            if error.error_code not in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
                raise
            # One entry that MLflow will never take, such as a changed param, must not hold up the rest for ever.
            _send_one_by_one(client, run_id, some, params if first else [], tags if first else [])


def _with_restarts(client: "MlflowClient", run_id: str, restarts: list[Restart]) -> str:
    text = str(client.get_run(run_id).data.tags.get(RESTARTS, ""))
    for restart in restarts:
        text = add_restart(text, restart)
    return text


def _send_one_by_one(client: "MlflowClient", run_id: str, metrics: list[Any], params: list[Any], tags: list[Any]) -> None:
    from mlflow.exceptions import MlflowException

    calls = (
        [{"metrics": [entry]} for entry in metrics]
        + [{"params": [entry]} for entry in params]
        + [{"tags": [entry]} for entry in tags]
    )
    for call in calls:
        try:
            client.log_batch(run_id, **call)
        except MlflowException as error:
            if error.error_code not in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
                raise
            _log.warning("run %s: MLflow refused %s: %s", run_id, call, error.message)


def _send_datasets(client: "MlflowClient", run_id: str, records: list[Mapping[str, Any]]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    for record in records:
        profile = {**record["profile"], "digest": record["digest"]}  # MLflow cuts a digest at 36 characters; this one is whole
        dataset = Dataset(
            name=record["name"][:500],
            digest=record["digest"][:36],
            source_type="local" if record["source"].startswith("/") else "descent",
            source=json.dumps({"uri": record["source"]}),
            profile=json.dumps(profile),
        )
        client.log_inputs(run_id, datasets=[DatasetInput(dataset, [InputTag("mlflow.data.context", record["context"])])])
