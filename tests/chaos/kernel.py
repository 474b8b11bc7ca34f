"""A run under a real limit of memory, ended by the kernel: it has to go on with a smaller batch.

Needs the right to make a cgroup.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.jobs.summon import PROJECT_ROOT, lock_file
from trainer_core.store import Store
from trainer_core.tracking import read

LIMIT = 1_400 * 2**20
CONFIG = TrainConfig(hidden_sizes=(65_536,), batch_size=1024, max_steps=6, save_steps=2, logging_steps=1, precision="fp32")
"""Its 1,024 rows take 256 MiB for each value that the layer keeps; PyTorch alone takes half a gigabyte."""
_SECONDS = 300.0


@contextlib.contextmanager
def limited(megabytes: int) -> Iterator[Path]:
    """A cgroup with a limit of memory and no swap, of version 2 or 1. Raises OSError where that is not allowed."""
    version_2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    folder = Path("/sys/fs/cgroup" if version_2 else "/sys/fs/cgroup/memory") / f"descent-chaos-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / ("memory.max" if version_2 else "memory.limit_in_bytes")).write_text(str(megabytes))
        with contextlib.suppress(OSError):  # a kernel without swap has no such file
            (folder / ("memory.swap.max" if version_2 else "memory.swappiness")).write_text("0")
        yield folder
    finally:
        end = time.monotonic() + 10
        while True:
            try:
                folder.rmdir()
                break
            except OSError:  # its processes are still ending
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)


def killed_by_the_kernel(store: Store) -> dict[str, Any]:
    """Launches a run that is too large for the limit; how it ended and what its batch became."""
    with limited(LIMIT) as group:

        def join() -> None:
            (group / "cgroup.procs").write_text(str(os.getpid()))

        supervisor = subprocess.Popen(
            [sys.executable, "-m", "trainer_core.jobs.supervisor", "--store", str(store.root)],
            cwd=PROJECT_ROOT,
            preexec_fn=join,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not (lock_file(store).exists() and lock_file(store).read_text().strip() == str(supervisor.pid)):
                time.sleep(0.1)
            run_id = jobs.launch(store, CONFIG)
            end = time.monotonic() + _SECONDS
            while not jobs.state_of(store, run_id)[1] and time.monotonic() < end:
                time.sleep(0.2)
        finally:
            supervisor.kill()
            supervisor.wait()
    run = read.get_run(store, run_id)
    batches = [f"{entry.batch_size} x {entry.accumulation_steps}" for entry in run.smaller]
    steps = len(read.metric_history(store, [run_id], ["train/loss"]))
    return {"state": run.state, "reason": run.reason, "batches": batches, "steps": steps}
