"""One run trained here and now, in a process of its own but outside the queue: for checking what someone handed in."""

import subprocess
import sys

from trainer_core.jobs.environment import worker_environment
from trainer_core.jobs.summon import PROJECT_ROOT
from trainer_core.store import Store


def train_once(store: Store, run_id: str, threads: int) -> subprocess.Popen[bytes]:
    """Starts a worker on a run whose settings stand in the store. Its log is the run's; the caller waits for it or ends it."""
    environment = worker_environment({"PYTHONUNBUFFERED": "1"})
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)  # sums in another order differ in the last digit
    command = [sys.executable, "-m", "trainer_core.training", "--store", str(store.root), "--run", run_id]
    with store.log(run_id).open("ab") as log:
        return subprocess.Popen(
            command, cwd=PROJECT_ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
