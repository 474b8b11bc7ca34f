"""A store of an older MLflow opens with all it holds, after a backup; one of a newer MLflow is refused and left alone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.stores import new_store
from trainer_core.errors import StoreError
from trainer_core.store import Store, open_store
from trainer_core.tracking import migration, read
from trainer_core.tracking.client import open_client

OLD = "0584bdc529eb"
"""The schema of MLflow 2.15, of July 2024."""
RUN = "e" * 32


def make_old_store(folder: Path) -> Store:
    """A store whose database MLflow's own migrations brought up to `OLD` and no further, with one run of 50 points."""
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config, create_sqlalchemy_engine
    from mlflow.store.tracking.dbmodels.initial_models import Base

    store = open_store(folder, environment={})
    file = folder / "mlflow.db"
    engine = create_sqlalchemy_engine(f"sqlite:///{file}")
    Base.metadata.create_all(engine)
    config = _get_alembic_config(f"sqlite:///{file}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, OLD)
    engine.dispose()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("INSERT INTO experiments (experiment_id, name, lifecycle_stage) VALUES (7, 'descent', 'active')")
        connection.execute(
            "INSERT INTO runs (run_uuid, name, source_type, status, start_time, end_time, lifecycle_stage, experiment_id)"
            " VALUES (?, 'old-oak-1', 'LOCAL', 'FINISHED', 1720000000000, 1720000060000, 'active', 7)",
            (RUN,),
        )
        connection.execute("INSERT INTO tags (key, value, run_uuid) VALUES ('descent.recipe', 'digits', ?)", (RUN,))
        for step in range(1, 51):
            row = ("train/loss", 1 / step, 1720000000000 + step, RUN, step)
            connection.execute("INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)", row)
        connection.execute(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
            " VALUES ('train/loss', 0.02, 1720000000050, 50, 0, ?)",
            (RUN,),
        )
    return store


def version_of(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_an_older_store_opens_with_all_it_held_and_keeps_a_backup(tmp_path: Path) -> None:
    store = make_old_store(tmp_path / "store")
    (run,) = read.list_runs(store)
    assert (run.name, run.state, run.recipe) == ("old-oak-1", "finished", "digits")
    history = read.metric_history(store, [RUN], ["train/loss"])
    assert list(history["step"]) == list(range(1, 51))
    assert list(history["value"]) == [1 / step for step in range(1, 51)]
    (backup,) = store.root.glob("mlflow.db.before-*")
    assert version_of(backup) == OLD
    assert version_of(store.root / "mlflow.db") == migration._newest_version()
    assert backup.stat().st_mode & 0o077 == 0
    assert migration.bring_up_to_date(store.root / "mlflow.db") is None  # once is enough
    open_client(store).log_metric(RUN, "eval/loss", 0.5, step=50)  # and it can be written to
    assert read.get_run(store, RUN).metrics["eval/loss"] == 0.5


def test_a_store_of_a_newer_mlflow_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    store = new_store(tmp_path / "store")
    file = store.root / "mlflow.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffff00001111'")
    before = file.read_bytes()
    with pytest.raises(StoreError, match=r"written by a newer MLflow.*Update Descent, or open another store"):
        read.list_runs(store)
    assert file.read_bytes() == before


def test_a_migration_that_fails_leaves_the_old_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_old_store(tmp_path / "store")
    file = store.root / "mlflow.db"

    def fail(_path: Path) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(migration, "_migrate", fail)
    with pytest.raises(StoreError, match=r"bringing it up to date failed: database or disk is full. It is as it was"):
        read.list_runs(store)
    assert version_of(file) == OLD
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM metrics").fetchone() == (50,)
    assert list(store.root.glob(".mlflow.db.migrating*")) == []


def test_a_store_that_an_older_descent_has_open_is_not_touched(tmp_path: Path) -> None:
    store = make_old_store(tmp_path / "store")
    file = store.root / "mlflow.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN")
        other.execute("SELECT COUNT(*) FROM runs").fetchone()
        with pytest.raises(StoreError, match="Close what else uses the store"):
            read.list_runs(store)
    assert version_of(file) == OLD
    assert len(read.list_runs(store)) == 1


def test_a_moved_store_still_opens(tmp_path: Path) -> None:
    make_old_store(tmp_path / "here")
    assert len(read.list_runs(open_store(tmp_path / "here", environment={}))) == 1
    (tmp_path / "here").rename(tmp_path / "there")
    (run,) = read.list_runs(open_store(tmp_path / "there", environment={}))
    assert run.name == "old-oak-1"
