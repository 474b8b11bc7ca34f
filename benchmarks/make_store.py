"""Fills a store with many runs and points, for compare_page: `python -m benchmarks.make_store FOLDER [--runs 1000]`.

Each run has 40 params, the tags that a run has, and 8 metrics of 20 points; 100 of them have 10,000 points of training loss, and
one has a million, with one spike. Written straight into MLflow's tables: logged through MLflow it would take an hour.
"""

import argparse
import itertools
import sys
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trainer_core.config import TrainConfig
from trainer_core.recipes import RECIPES
from trainer_core.settings import SETTINGS, to_params
from trainer_core.store import Store, open_store
from trainer_core.tracking import tags, write
from trainer_core.tracking.client import open_client, sql_engine

PARAMS = 40
POINTS = 20
LONG_RUNS, LONG_POINTS, LONGEST = 100, 10_000, 1_000_000
SPIKE_STEP, SPIKE = 613_027, 97.5
METRICS = (
    "train/loss",
    "train/learning_rate",
    "eval/loss",
    "eval/accuracy",
    "eval/f1_macro",
    "test/accuracy",
    "progress/epoch",
    "progress/samples",
)
RUN_COLUMNS = (
    "run_uuid",
    "name",
    "source_type",
    "source_name",
    "entry_point_name",
    "user_id",
    "status",
    "start_time",
    "end_time",
    "source_version",
    "lifecycle_stage",
    "artifact_uri",
    "experiment_id",
    "deleted_time",
)
BEGAN = 1_760_000_000_000
"""Milliseconds since 1970, when the first run was launched; each is launched a minute after the one before."""
_AT_ONCE = 200_000


def main() -> int:
    """Makes the store and says what is in it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.make_store")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=1_000)
    options = parser.parse_args()
    store = open_store(options.folder, environment={})
    run_ids = make_store(store, options.runs)
    print(f"{len(run_ids)} runs in {store.root}; the first has {LONGEST:,} points, with a spike at step {SPIKE_STEP:,}")
    return 0


def make_store(store: Store, runs: int = 1_000, long_runs: int = LONG_RUNS, longest: int = LONGEST) -> list[str]:
    """Fills the store; returns the runs' ids, the one with most points first, then the long ones."""
    first = write.create_run(store, name="longest", experiment="descent", params={}, tags={})  # makes the experiment
    engine = sql_engine(open_client(store))
    assert engine is not None
    draw = np.random.default_rng(7)
    run_ids = [first, *(uuid.UUID(bytes=draw.bytes(16), version=4).hex for _number in range(runs - 1))]
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        experiment = cursor.execute("SELECT experiment_id FROM runs WHERE run_uuid = ?", (first,)).fetchone()[0]
        cursor.execute("DELETE FROM tags WHERE run_uuid = ?", (first,))
        cursor.execute("DELETE FROM runs WHERE run_uuid = ?", (first,))
        _insert(cursor, "runs", RUN_COLUMNS, (_run(run_id, number, experiment, store) for number, run_id in enumerate(run_ids)))
        configs = [_config(number, draw) for number in range(runs)]
        _insert(cursor, "params", ("key", "value", "run_uuid"), _params(run_ids, configs))
        _insert(cursor, "tags", ("key", "value", "run_uuid"), _tags(run_ids, configs))
        latest: list[tuple[Any, ...]] = []
        columns = ("key", "value", "timestamp", "run_uuid", "step", "is_nan")
        for number, run_id in enumerate(run_ids):
            points = longest if number == 0 else LONG_POINTS if number <= long_runs else POINTS
            for rows in _points(run_id, number, configs[number], points, draw):
                _insert(cursor, "metrics", columns, rows)
                latest.append(rows[-1])
        _insert(cursor, "latest_metrics", columns, latest)
        connection.commit()
        cursor.execute("ANALYZE")
        connection.commit()
    finally:
        connection.close()
    return run_ids


def _insert(cursor: Any, table: str, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    places = ", ".join("?" * len(columns))
    command = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - names of our own
    remaining = iter(rows)
    while some := list(itertools.islice(remaining, _AT_ONCE)):
        cursor.executemany(command, some)


def _run(run_id: str, number: int, experiment: int, store: Store) -> tuple[Any, ...]:
    began = BEGAN + number * 60_000
    state = ("FINISHED", "FINISHED", "FINISHED", "FAILED", "KILLED")[number % 5]
    place = str(store.artifacts / run_id / "artifacts")
    name = f"run-{number}"
    ended = began + 50_000
    return (run_id, name, "UNKNOWN", "descent", "", "somebody", state, began, ended, "", "active", place, experiment, None)


def _config(number: int, draw: np.random.Generator) -> TrainConfig:
    base = RECIPES["sentiment" if number % 2 else "mnist"].config
    return base.model_copy(
        update={
            "learning_rate": float(10 ** draw.uniform(-5, -2)),
            "batch_size": int(2 ** draw.integers(2, 8)),
            "dropout": float(draw.choice([0.0, 0.1, 0.2, 0.5])),
            "weight_decay": float(draw.choice([0.0, 0.01, 0.1])),
            "seed": number % 3,
            "name": f"run-{number}",
        }
    )


def _params(run_ids: list[str], configs: list[TrainConfig]) -> Iterator[tuple[str, str, str]]:
    kept = (
        "learning_rate",
        "batch_size",
        "dropout",
        "weight_decay",
        "seed",
        "task",
        "dataset",
        "model",
        "optimizer",
        "schedule",
        "epochs",
    )
    names = [*kept, *(name for name in SETTINGS if name not in kept)][:PARAMS]
    for run_id, config in zip(run_ids, configs, strict=True):
        params = to_params(config)
        for name in names:
            yield name, params.get(name, ""), run_id


def _tags(run_ids: list[str], configs: list[TrainConfig]) -> Iterator[tuple[str, str, str]]:
    for number, (run_id, config) in enumerate(zip(run_ids, configs, strict=True)):
        began = BEGAN + number * 60_000
        told = {
            tags.RECIPE: "sentiment" if number % 2 else "mnist",
            tags.COMMAND: f"python -m trainer_core launch --learning-rate {config.learning_rate}",
            tags.SEGMENTS: f"[[{began}, {began + 50_000}]]",
            tags.DEVICE: "2 CPU cores",
            tags.PACKAGES: "torch 2.13.0, transformers 5.23.0, accelerate 1.15.0",
            tags.PYTHON: "3.11.7",
            tags.THREADS: "2",
            tags.PARAMETERS: "124439808",
            tags.TOTAL_STEPS: "1000",
            tags.EVALUATED_ON: config.evaluation_split,
            tags.EVALUATED_DIGEST: "e" * 16,
            tags.DATASET: config.dataset,
            tags.DATASET_DIGEST: "d" * 64,
            tags.PRECISION: "fp32",
            tags.GIT_COMMIT: "0" * 40,
            tags.USER: "somebody",
            tags.SOURCE_NAME: "descent",
            "mlflow.runName": f"run-{number}",
        }
        for key, value in told.items():
            yield key, value, run_id


def _points(
    run_id: str, number: int, config: TrainConfig, points: int, draw: np.random.Generator
) -> Iterator[list[tuple[Any, ...]]]:
    began = BEGAN + number * 60_000
    last = max(points, POINTS)
    for key in METRICS:
        count = points if key == "train/loss" else POINTS
        if key == "test/accuracy":
            count = 1
        steps = np.linspace(1, last, count).astype(np.int64) if count > 1 else np.array([last])
        share = steps / last
        values = {
            "train/loss": 0.7 * np.exp(-3 * share) + 0.02 * draw.standard_normal(count),
            "train/learning_rate": config.learning_rate * (1 - share),
            "eval/loss": 0.7 * np.exp(-2 * share) + 0.05,
            "eval/accuracy": 0.5 + 0.4 * (1 - np.exp(-3 * share)) + 0.02 * draw.standard_normal(count),
            "eval/f1_macro": 0.5 + 0.4 * (1 - np.exp(-3 * share)),
            "test/accuracy": np.array([0.85]),
            "progress/epoch": 5 * share,
            "progress/samples": 40_000 * share,
        }[key]
        if points == LONGEST and key == "train/loss":
            values[np.searchsorted(steps, SPIKE_STEP)] = SPIKE
        times = (began + 50_000 * share).astype(np.int64)
        yield [
            (key, value, at, run_id, step, 0)
            for value, at, step in zip(values.tolist(), times.tolist(), steps.tolist(), strict=True)
        ]


if __name__ == "__main__":
    sys.exit(main())
