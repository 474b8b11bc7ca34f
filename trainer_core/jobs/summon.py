"""One supervisor a store: the lock that says so, and starting one where there is none."""

import contextlib
import fcntl
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from trainer_core.store import Store

PROJECT_ROOT = Path(__file__).resolve().parents[2]
_log = logging.getLogger(__name__)
EXPECTED_SECONDS = 90.0
"""How long a supervisor stays for somebody who looks at the form; whoever does says so more often than that."""


def lock_file(store: Store) -> Path:
    """Locked by the supervisor for as long as it lives; holds its pid."""
    return store.root / "supervisor.lock"


@contextlib.contextmanager
def supervisor_lock(store: Store, patience_seconds: float = 0.0) -> Iterator[bool]:
    """Tries to become the store's supervisor. Yields whether that worked; the system frees the lock when the process dies."""
    end = time.monotonic() + patience_seconds
    with lock_file(store).open("a+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    yield False
                    return
                time.sleep(0.05)
            else:
                break
        yield True


def ensure_supervisor(store: Store) -> None:
    """Starts a supervisor in the background where none is at work. It outlives the caller and leaves when there is nothing to do.

    Call it after a change to the queue: a supervisor that is about to leave looks once more after it gave up the lock.
    """
    with supervisor_lock(store) as free:
        pass
    if not free:
        return
    command = [sys.executable, "-m", "trainer_core.jobs.supervisor", "--store", str(store.root)]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONUNBUFFERED": "1"}
    with (store.logs / "supervisor.log").open("ab") as log:
        subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def expect_launch(store: Store) -> None:
    """Says that somebody may launch a run soon: a supervisor comes, stays a while, and keeps a worker ready."""
    if wants_spare():
        expected_file(store).touch()
        ensure_supervisor(store)


def expected_file(store: Store) -> Path:
    """Its time says when a launch was expected last."""
    return store.root / ".launch-expected"


def is_launch_expected(store: Store) -> bool:
    """Whether somebody has said so lately."""
    try:
        return abs(time.time() - expected_file(store).stat().st_mtime) < EXPECTED_SECONDS
    except OSError:
        return False


def wants_spare(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether workers are kept ready at all: `DESCENT_SPARE=off` does without."""
    return environment.get("DESCENT_SPARE", "").strip().lower() not in ("off", "0", "no")
