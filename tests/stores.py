"""Stores for tests: MLflow takes over a second to create its tables, so they are created once and copied."""

import shutil
import sqlite3
import time
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import psutil

from trainer_core.store import Store, open_store
from trainer_core.tracking.client import open_client


@lru_cache(maxsize=1)
def _template() -> bytes:
    folder = Path(mkdtemp(prefix="descent-template-"))
    try:
        store = open_store(folder, environment={})
        open_client(store)
        with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else most of it lies in a file beside
        return (folder / "mlflow.db").read_bytes()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_store(folder: Path) -> Store:
    """A store without runs whose tables exist."""
    store = open_store(folder, environment={})
    (folder / "mlflow.db").write_bytes(_template())
    return store


def end_processes_of(store: Store) -> None:
    """Ends every process whose command line names the store: supervisor, shims, workers."""
    for _attempt in range(20):
        found = [process for process in psutil.process_iter(["cmdline"]) if _names(process.info["cmdline"], store)]
        if not found:
            return
        for process in found:
            process.kill()
        psutil.wait_procs(found, timeout=5)
        time.sleep(0.05)


def _names(line: list[str] | None, store: Store) -> bool:
    root = str(store.root)
    return any(word == root or word.startswith(f"{root}/") for word in line or [])
