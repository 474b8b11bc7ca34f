"""Launches real runs in a store of their own, through the same door as the pages, and waits for them."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.jobs.summon import lock_file
from trainer_core.store import Store, open_store
from trainer_core.tracking import read
from trainer_core.tracking.read import RunRecord

_ENDED = ("finished", "failed", "stopped")
_STOP_SECONDS = 60.0


@contextmanager
def temporary_store() -> Iterator[Store]:
    """A store that is gone afterwards, with its runs and its supervisor ended."""
    folder = Path(tempfile.mkdtemp(prefix="descent-benchmark-"))
    store = open_store(folder, environment={})
    try:
        yield store
    finally:
        try:
            _end_runs(store)
        finally:
            _end_supervisor(store)
            shutil.rmtree(folder, ignore_errors=True)


def run_to_end(store: Store, config: TrainConfig, recipe: str, timeout_seconds: float = 600) -> tuple[RunRecord, float]:
    """Launches a run and waits until its state in MLflow says that it ended; gives it with the seconds since the launch."""
    began = time.time()
    run_id = jobs.launch(store, config, recipe=recipe)
    while time.time() - began < timeout_seconds:
        run = read.get_run(store, run_id)
        if run.state in _ENDED:
            if run.state != "finished":
                raise SystemExit(f"{recipe} {run.state}: {run.reason}")
            return run, time.time() - began
        time.sleep(0.05)
    jobs.stop(store, run_id)
    raise SystemExit(f"{recipe} took longer than {timeout_seconds:g} s")


def hide_gpus() -> None:
    """Has this process, and what it starts, compute on the processor: what it is compared with does."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def _end_runs(store: Store) -> None:
    """Workers outlive their supervisor, and would go on without a store."""
    for job in jobs.queue(store):
        jobs.stop(store, job.run_id)
    end = time.monotonic() + _STOP_SECONDS
    while jobs.queue(store) and time.monotonic() < end:
        time.sleep(0.1)


def _end_supervisor(store: Store) -> None:
    import psutil

    try:
        process = psutil.Process(int(lock_file(store).read_text(encoding="ascii")))
        process.terminate()
        process.wait(10)
    except (OSError, ValueError, psutil.Error):
        return
