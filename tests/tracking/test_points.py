"""Points that are put into MLflow's tables directly are what MLflow itself would have stored."""

import math
import random
import sqlite3
from contextlib import closing

from mlflow.entities import Metric
from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlLatestMetric, SqlMetric, SqlParam, SqlRun, SqlTag
from sqlalchemy import inspect

from tests.tracking.conftest import MakeRun
from trainer_core.store import Store
from trainer_core.tracking.client import open_client, sql_engine
from trainer_core.tracking.points import Point, insert_points


def stored(store: Store, run_id: str, table: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(store.root / "mlflow.db")) as database:
        columns = "key, step, timestamp, value, is_nan"
        return database.execute(
            f"SELECT {columns} FROM {table} WHERE run_uuid = ? ORDER BY {columns}",  # noqa: S608
            (run_id,),
        ).fetchall()


def insert(store: Store, run_id: str, points: list[Point]) -> None:
    engine = sql_engine(open_client(store))
    assert engine is not None
    insert_points(engine, run_id, points)


def test_mlflow_and_we_store_the_same(store: Store, make_run: MakeRun) -> None:
    draw = random.Random(7)
    values = [0.0, -1.5, math.nan, math.inf, -math.inf, 3e-300, 1.0]
    points = [
        Point(draw.choice(["train/loss", "eval/loss", "a b.c-d_e"]), draw.choice(values), draw.randrange(5), draw.randrange(-2, 4))
        for _number in range(400)
    ]
    ours, theirs = make_run(), make_run()
    for start in range(0, len(points), 90):
        some = points[start : start + 90]
        insert(store, ours, some)
        insert(store, ours, some[:40])  # a replay
        metrics = [Metric(point.key, point.value, point.time, point.step) for point in some]
        open_client(store).log_batch(theirs, metrics=metrics)
    assert stored(store, ours, "metrics") == stored(store, theirs, "metrics")
    assert stored(store, ours, "latest_metrics") == stored(store, theirs, "latest_metrics")


def test_a_name_that_mlflow_refuses_is_passed_over(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    insert(store, run_id, [Point("no such: key!", 1.0, 1, 1), Point("x" * 251, 1.0, 1, 1), Point("train/loss", 1.0, 1, 1)])
    assert [row[0] for row in stored(store, run_id, "metrics")] == ["train/loss"]


def test_mlflows_tables_are_the_ones_that_points_are_written_for() -> None:
    columns = {"key", "value", "timestamp", "step", "is_nan", "run_uuid"}
    assert {column.name for column in SqlMetric.__table__.columns} == columns
    assert {column.name for column in SqlLatestMetric.__table__.columns} == columns
    assert {column.name for column in SqlMetric.__table__.primary_key} == columns
    assert {column.name for column in SqlLatestMetric.__table__.primary_key} == {"key", "run_uuid"}


def test_mlflows_tables_are_the_ones_that_runs_and_curves_are_read_from(store: Store) -> None:
    expected = {
        SqlRun: {"run_uuid", "name", "status", "start_time", "end_time", "experiment_id", "lifecycle_stage"},
        SqlExperiment: {"experiment_id", "name", "lifecycle_stage"},
        SqlParam: {"run_uuid", "key", "value"},
        SqlTag: {"run_uuid", "key", "value"},
    }
    for table, names in expected.items():
        assert names <= {column.name for column in table.__table__.columns}, table.__tablename__
    engine = sql_engine(open_client(store))
    assert engine is not None
    indexes = {index["name"]: index["column_names"] for index in inspect(engine).get_indexes("metrics")}
    assert ["run_uuid", "key", "step"] in indexes.values(), (
        "curves are cut into buckets by this index: without it they take minutes"
    )
