"""Many runs log at once while pages read: every point must arrive, and nobody may meet a locked database."""

import subprocess
import sys
import threading
import time
from typing import Any

from tests.chaos.kills import points_lost
from trainer_core.store import Store
from trainer_core.tracking import read, ship, write

WRITERS, POINTS = 4, 25_000
_WRITE = """
import sys
from pathlib import Path
from trainer_core.tracking.journal import Journal
journal = Journal(Path(sys.argv[1]))
for step in range(int(sys.argv[2])):
    journal.metrics({"train/loss": 1 / (step + 1)}, step=step, epoch=step / 100, samples=step)
journal.outcome("finished")
"""


def storm(store: Store, writers: int = WRITERS, points: int = POINTS) -> dict[str, Any]:
    """Runs the storm; how many points were written and lost, how many lock errors met, and how often pages read meanwhile."""
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
    processes = [subprocess.Popen([sys.executable, "-c", _WRITE, str(store.journal(run_id)), str(points)]) for run_id in runs]
    reader = threading.Thread(target=look, daemon=True)
    senders = [threading.Thread(target=send, args=(run_id,), daemon=True) for run_id in runs]
    for thread in (reader, *senders):
        thread.start()
    for process in processes:
        process.wait(300)
    ended.set()
    for thread in senders:
        thread.join(300)
    seconds = time.monotonic() - began
    lost = sum(points_lost(store, run_id) for run_id in runs)
    return {
        "points": writers * points,
        "points_lost": lost,
        "lock_errors": len(errors),
        "first_error": errors[0] if errors else "",
        "reads": reads,
        "seconds": round(seconds, 1),
    }
