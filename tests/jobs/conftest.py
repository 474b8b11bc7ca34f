"""A store with a supervisor of its own whose workers only pretend."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stores import end_processes_of, new_store
from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.jobs.database import Job, JobDatabase
from trainer_core.jobs.processes import Identity, identify
from trainer_core.jobs.summon import PROJECT_ROOT, supervisor_lock
from trainer_core.store import Store
from trainer_core.tracking import read

PATIENCE_SECONDS = 60.0


class Station:
    """A store and the supervisor that works for it."""

    def __init__(self, folder: Path) -> None:
        self.store: Store = new_store(folder)
        self.jobs = JobDatabase(self.store.jobs_database)
        self._supervisor: subprocess.Popen[bytes] | None = None

    def start_supervisor(self, **environment: str) -> Identity:
        """Starts the supervisor and waits until it holds the lock."""
        own = {
            "PYTHONPATH": str(PROJECT_ROOT),
            "DESCENT_GRACE_SECONDS": "1",
            "DESCENT_SUPERVISOR_IDLE_SECONDS": "600",
        }
        script = Path(__file__).with_name("pretend_supervisor.py")
        self._supervisor = subprocess.Popen(
            [sys.executable, str(script), "--store", str(self.store.root)],
            env={**os.environ, **own, **environment},
            stderr=subprocess.DEVNULL,
        )
        pid = self._supervisor.pid
        lock = self.store.root / "supervisor.lock"
        self.until(lambda: lock.exists() and lock.read_text().strip() == str(pid))
        found = identify(pid)
        assert found is not None
        return found

    def kill_supervisor(self) -> None:
        """SIGKILL: what a supervisor fears most."""
        assert self._supervisor is not None
        self._supervisor.send_signal(signal.SIGKILL)
        self._supervisor.wait()
        self._supervisor = None

    def launch(self, name: str) -> str:
        """Queues a run that does what its name says."""
        return jobs.launch(self.store, TrainConfig(name=name))

    def launch_without_supervisor(self, name: str) -> str:
        """Queues a run where no supervisor is at work, and starts none."""
        with supervisor_lock(self.store):
            return self.launch(name)

    def job(self, run_id: str) -> Job:
        """The run's job."""
        found = self.jobs.get(run_id)
        assert found is not None
        return found

    def until(self, holds: Callable[[], bool]) -> None:
        """Waits for a condition."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)

    def until_over(self, run_id: str) -> read.RunRecord:
        """Waits until the run has ended and MLflow knows all of it."""
        self.until(lambda: jobs.state_of(self.store, run_id)[1])
        return read.get_run(self.store, run_id)

    def until_at_step(self, run_id: str, step: int) -> None:
        """Waits until the worker is that far."""

        def there() -> bool:
            now = jobs.progress(self.store, run_id)
            return now is not None and now.step >= step

        self.until(there)

    def close(self) -> None:
        """Ends every process that works for the store."""
        if self._supervisor is not None:
            self.kill_supervisor()
        end_processes_of(self.store)


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A store with a supervisor at work, shared by a module's tests."""
    made = Station(tmp_path_factory.mktemp("station") / "store")
    try:
        made.start_supervisor()
        yield made
    finally:
        made.close()


@pytest.fixture
def quiet_station(tmp_path: Path) -> Iterator[Station]:
    """A store without a supervisor; the test starts and kills its own."""
    made = Station(tmp_path / "store")
    try:
        yield made
    finally:
        made.close()
