"""Many runs log at once while pages read and others launch: every point must arrive, and nobody may meet a locked database."""

import subprocess
import sys
import threading
import time
from typing import Any

from tests.chaos.kills import points_lost
from trainer_core.jobs.database import JobDatabase
from trainer_core.jobs.summon import PROJECT_ROOT, supervisor_lock
from trainer_core.store import Store
from trainer_core.tracking import read, ship, write

WRITERS, POINTS, READERS, LAUNCHERS, LAUNCHES = 8, 12_500, 4, 4, 5
RATE = 5_000
"""Points a second, by all writers together."""
_WRITE = """
import sys, time
from pathlib import Path
from trainer_core.tracking.journal import Journal
journal, rate = Journal(Path(sys.argv[1])), float(sys.argv[3])
began = time.monotonic()
for step in range(int(sys.argv[2])):
    journal.metrics({"train/loss": 1 / (step + 1)}, step=step, epoch=step / 100, samples=step)
    time.sleep(max(0.0, began + step / rate - time.monotonic()))
print(time.monotonic() - began)
journal.outcome("finished")
"""
_LAUNCH = """
import sys
from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.store import open_store
store = open_store(sys.argv[1], environment={})
for _number in range(int(sys.argv[2])):
    print(jobs.launch(store, TrainConfig()))
"""


def storm(store: Store, writers: int = WRITERS, points: int = POINTS) -> dict[str, Any]:
    """Runs the storm; how many points were written and lost, how many lock errors met, and how often pages read meanwhile.

    The launched runs only wait: the test holds the supervisor's lock, and ships what the writers log as a supervisor would.
    """
    with supervisor_lock(store) as mine:
        assert mine
        return _storm(store, writers, points)


def _storm(store: Store, writers: int, points: int) -> dict[str, Any]:
    runs = [write.create_run(store, name=f"storm-{number}", experiment="descent", params={}, tags={}) for number in range(writers)]
    errors: list[str] = []
    reads = 0
    ended = threading.Event()

    def look() -> None:
        nonlocal reads
        while not ended.is_set():
            try:
                read.list_runs(store)
                read.metric_history(store, runs, ["train/loss"])
                reads += 1
            except Exception as error:  # whatever a page would meet
                errors.append(str(error))
            time.sleep(0.05)

    def send(run_id: str) -> None:
        offset, quiet = 0, 0
        while quiet < 3:
            try:
                shipped = ship.ship(store, run_id, offset, most=5_000)
            except Exception as error:  # a locked database
                errors.append(str(error))
                continue
            quiet = quiet + 1 if shipped == offset and ended.is_set() else 0
            offset = shipped
            time.sleep(0.02)

    began = time.monotonic()
    rate = RATE / writers
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITE, str(store.journal(run_id)), str(points), str(rate)],
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for run_id in runs
    ]
    launchers = [
        subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, str(store.root), str(LAUNCHES)],
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _number in range(LAUNCHERS)
    ]
    readers = [threading.Thread(target=look, daemon=True) for _number in range(READERS)]
    senders = [threading.Thread(target=send, args=(run_id,), daemon=True) for run_id in runs]
    for thread in (*readers, *senders):
        thread.start()
    launched: set[str] = set()
    for launcher in launchers:
        told, wrong = launcher.communicate(timeout=300)
        launched |= set(told.split())
        errors += [line for line in wrong.splitlines() if "Error" in line]
    took = [float(process.communicate(timeout=300)[0]) for process in processes]
    written = time.monotonic() - began
    ended.set()
    for thread in senders:
        thread.join(300)
    seconds = time.monotonic() - began
    queued = {job.run_id for job in JobDatabase(store.jobs_database).live()} & {run.run_id for run in read.list_runs(store)}
    lost = sum(points_lost(store, run_id) for run_id in runs)
    return {
        "points": writers * points,
        "points_lost": lost,
        "launches": len(launched),
        "launches_lost": LAUNCHERS * LAUNCHES - len(launched & queued),
        "lock_errors": len(errors),
        "first_error": errors[0] if errors else "",
        "reads": reads,
        "points_a_second": round(sum(points / own for own in took)),
        "seconds_until_all_arrived": round(seconds - written, 1),
        "seconds": round(seconds, 1),
    }
