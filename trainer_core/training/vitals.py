"""Signs of life and load from a worker: how far it is, once a second, and what the machine is doing, every few seconds."""

import contextlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from trainer_core.store import write_atomically

PULSE_SECONDS = 0.5
VITALS_SECONDS = 5.0
_RECKON_SECONDS = 2.0
"""How long a stretch must be before the time left is reckoned from it: a guess from the first steps is wild."""
_MOST_MARKS = 256


class Pulse:
    """Replaces the run's progress file twice a second from a thread of its own, so that a long step is no silence."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._started = clock()
        self._end, self._lock = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)
        self.phase = "starting"
        self._entered = {self.phase: self._started}
        self.step = self.total_steps = self.epochs = 0
        self.epoch = 0.0
        self.done_bytes = self.all_bytes = 0
        """Of a download, while there is one."""
        self.samples_per_second: float | None = None
        self.step_seconds = 0.0
        """The longest of the steps lately: a stop waits for one to end."""
        self.first_step = 0
        """The step that this process began at: above 0 when it resumed."""
        self._marks: list[tuple[float, int]] = []
        """When which step was done, oldest first. The first step is behind the first mark: it takes far longer than others."""

    def start(self) -> None:
        """Begins to write."""
        self._write()
        self._thread.start()

    def enter(self, phase: str) -> None:
        """Says what the worker does now; the time of each phase's first beginning is kept.

        Written at once: a worker that the system ends within its next half second was in this phase, not in the one before, and
        whether memory ran out while it trained decides what is done about it.
        """
        if phase != self.phase:
            self.phase = phase
            self._entered.setdefault(phase, self._clock())
            if self._thread.is_alive():
                self._write()

    def end(self, phase: str) -> None:
        """Writes a last time and stops."""
        self.enter(phase)
        self._end.set()
        self._thread.join()
        self._write()

    def _beat(self) -> None:
        while not self._end.wait(PULSE_SECONDS):
            self._write()

    def _mark(self, now: float) -> None:
        if self.step <= self.first_step or not self.total_steps:
            return
        self._marks.append((now, self.step))
        if len(self._marks) > _MOST_MARKS:
            self._marks = self._marks[::2]

    def _seconds_left(self, now: float) -> float | None:
        """From the later half of the training so far: a machine that slows down is noticed, one slow evaluation is not all."""
        if not self._marks or now - self._marks[0][0] < _RECKON_SECONDS:
            return None
        middle = (self._marks[0][0] + now) / 2
        since, step = next(((at, step) for at, step in reversed(self._marks) if at <= middle), self._marks[0])
        if self.step <= step:
            since, step = self._marks[0]
        if self.step <= step:
            return None
        # Evaluations and checkpoints are in the time so far, so they are in what is left too.
        return (now - since) / (self.step - step) * (self.total_steps - self.step)

    def _write(self) -> None:
        with self._lock:
            self._write_down()

    def _write_down(self) -> None:
        now = self._clock()
        self._mark(now)
        state = {
            "time": now,
            "phase": self.phase,
            "phases": dict(self._entered),
            "step": self.step,
            "done_bytes": self.done_bytes,
            "all_bytes": self.all_bytes,
            "total_steps": self.total_steps,
            "epoch": self.epoch,
            "epochs": self.epochs,
            "samples_per_second": self.samples_per_second,
            "step_seconds": self.step_seconds,
            "seconds_left": self._seconds_left(now),
            "started": self._started,
            "pid": os.getpid(),
        }
        # A full disk, or a store that is away: the next beat tries again, and a thread that ended could not.
        with contextlib.suppress(OSError):
            write_atomically(self._path, json.dumps(state))


class Vitals:
    """Samples the machine's load on a thread and hands it to `log`, as MLflow names it."""

    def __init__(self, log: Callable[[dict[str, float]], None], disk: Path, interval: float = VITALS_SECONDS) -> None:
        self._log, self._disk, self._interval = log, disk, interval
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="vitals", daemon=True)

    def start(self) -> None:
        """Begins to sample; the first sample comes after a second."""
        psutil.cpu_percent()  # the first call only sets the mark that the next one counts from
        self._thread.start()

    def end(self) -> None:
        """Samples a last time and stops."""
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        wait = 1.0
        while not self._end.wait(wait):
            self._log(measure_load(self._disk))
            wait = self._interval
        self._log(measure_load(self._disk))


def measure_load(disk: Path) -> dict[str, float]:
    """Load now: percent of all cores since the last call, megabytes (10^6) of memory, percent of the disk that holds `disk`."""
    memory, usage = psutil.virtual_memory(), shutil.disk_usage(disk)
    values = {
        "system/cpu_utilization_percentage": psutil.cpu_percent(),
        "system/system_memory_usage_megabytes": (memory.total - memory.available) / 1e6,
        "system/system_memory_usage_percentage": memory.percent,
        "system/process_memory_megabytes": psutil.Process().memory_info().rss / 1e6,
        "system/disk_usage_percentage": 100 * usage.used / usage.total,
    }
    return values | _measure_gpus()


def _measure_gpus() -> dict[str, float]:
    import torch

    values: dict[str, float] = {}
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        values[f"system/gpu_{index}_memory_usage_megabytes"] = (total - free) / 1e6
        values[f"system/gpu_{index}_memory_usage_percentage"] = 100 * (total - free) / total
        try:
            values[f"system/gpu_{index}_utilization_percentage"] = float(torch.cuda.utilization(index))
        except (ImportError, RuntimeError):
            continue  # needs NVIDIA's management library, which is not everywhere
    return values
