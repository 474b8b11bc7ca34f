"""New runs and their states; several processes may come first at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tracking.conftest import MakeRun
from trainer_core.errors import RunError, StoreError
from trainer_core.store import Store, open_store
from trainer_core.tracking import read, write
from trainer_core.tracking.client import open_client


def test_the_experiment_keeps_artifacts_inside_the_store(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    assert open_client(store).get_run(run_id).info.artifact_uri == str(store.run_folder(run_id))


def test_processes_that_create_a_store_at_once_all_get_their_run(tmp_path: Path) -> None:
    code = (
        "import sys; from trainer_core.store import open_store; from trainer_core.tracking import write\n"
        "store = open_store(sys.argv[1], {})\n"
        "print(write.create_run(store, name='n', experiment='descent', params={}, tags={'descent.recipe': 'digits'}))"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "fresh")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _index in range(2)
    ]
    answers = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert [error for _answer, error in answers] == ["", ""]
    store = open_store(tmp_path / "fresh", {})
    assert {run.run_id for run in read.list_runs(store)} == {answer.strip() for answer, _error in answers}


def test_the_local_database_is_in_wal_mode(store: Store) -> None:
    import sqlite3
    from contextlib import closing

    open_client(store)
    with closing(sqlite3.connect(store.root / "mlflow.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_renamed_run_is_found_by_its_new_name(store: Store, make_run: MakeRun) -> None:
    run_id = make_run("old")
    write.rename_run(store, run_id, "new")
    assert read.find_run(store, "new").run_id == run_id


def test_a_run_of_a_deleted_experiment_brings_the_experiment_back(store: Store, make_run: MakeRun) -> None:
    make_run()
    client = open_client(store)
    client.delete_experiment(client.get_experiment_by_name("descent").experiment_id)
    run_id = make_run()
    assert run_id in {run.run_id for run in read.list_runs(store)}


def test_tags_of_an_unknown_run_are_refused_with_a_sentence(store: Store) -> None:
    with pytest.raises(RunError, match="not found"):
        write.set_tags(store, "0" * 32, {"a": "b"})


def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store", {})
    (store.root / "mlflow.db").write_text("no database at all, " * 100)
    with pytest.raises(StoreError, match="can't be opened"):
        read.list_runs(store)
