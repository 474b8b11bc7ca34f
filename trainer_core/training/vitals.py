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
from trainer_core.training.time_left import Schedule, TimeLeft

PULSE_SECONDS = 0.5
VITALS_SECONDS = 5.0


class Pulse:
    """Replaces the run's progress file twice a second from a thread of its own, so that a long step is no silence.

    That thread lives while the main one is inside a long call of a library, as most give up Python's lock meanwhile. So a worker
    that is heard of lives, but whether it works shows in what it counts: `units`, see `jobs.stopping`.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._started = clock()
        self._end, self._lock = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)
        self._time_left = TimeLeft()
        self.phase = "starting"
        self._entered = {self.phase: self._started}
        self.step = self.total_steps = self.epochs = 0
        self.epoch = 0.0
        self.done_bytes = self.all_bytes = 0
        """Of a download, while there is one."""
        self.samples_per_second: float | None = None
        self.step_seconds = 0.0
        """The longest of the steps lately: a stop waits for one to end."""
        self.units = 0
        """Batches and written tokens so far: grows while the worker gets on."""
        self._part, self._part_done, self._part_all = "", 0, 0

    def start(self) -> None:
        """Begins to write."""
        self._write()
        self._thread.start()

    @property
    def saved_step(self) -> int:
        """The step that is in a checkpoint: what was trained since would be lost."""
        return self._time_left.saved_step

    def plan(self, schedule: Schedule, first_step: int, *, is_evaluated: bool = True) -> None:
        """Says what the run has before it: from `first_step`, above 0 where it resumed, whose evaluation may be still to come."""
        with self._lock:
            self.step, self.total_steps = first_step, schedule.total_steps
            self._time_left.schedule = schedule
            self._time_left.resume_from(first_step, is_evaluated)

    def saved(self, step: int) -> None:
        """A checkpoint of the step stands."""
        with self._lock:
            self._time_left.saved_step = max(step, self._time_left.saved_step)

    def enter(self, phase: str) -> None:
        """Says what the worker does now; the time of each phase's first beginning is kept.

        Written at once: a worker that the system ends within its next half second was in this phase, not in the one before, and
        whether memory ran out while it trained decides what is done about it.
        """
        if phase != self.phase:
            with self._lock:
                now = self._clock()
                self.phase, self._part = phase, ""
                self._entered.setdefault(phase, now)
                self._time_left.enter(phase, self.step, now)
            if self._thread.is_alive():
                self._write()

    def begin(self, kind: str, count: int) -> None:
        """So many `rows` of the phase, or `turns` that are written, follow."""
        with self._lock:
            self._part, self._part_done, self._part_all = kind, 0, count
            self._time_left.begin(kind, count, self._clock())

    def advance(self, done: int) -> None:
        """So many of them are done."""
        self.units += 1
        if done != self._part_done:
            with self._lock:
                self._part_done = min(done, self._part_all)
                self._time_left.advance(self._part_done)

    def end(self, phase: str) -> None:
        """Writes a last time and stops."""
        self.enter(phase)
        self._end.set()
        self._thread.join()
        self._write()

    def _beat(self) -> None:
        while not self._end.wait(PULSE_SECONDS):
            self._write()

    def _write(self) -> None:
        with self._lock:
            self._write_down()

    def _write_down(self) -> None:
        now = self._clock()
        self._time_left.mark(self.step, now)
        seconds_left, is_least = self._time_left.reckon(self.step, now)
        state = {
            "time": now,
            "phase": self.phase,
            "phases": dict(self._entered),
            "step": self.step,
            "saved_step": self.saved_step,
            "units": self.units,
            "part": self._part,
            "part_done": self._part_done,
            "part_all": self._part_all,
            "done_bytes": self.done_bytes,
            "all_bytes": self.all_bytes,
            "total_steps": self.total_steps,
            "epoch": self.epoch,
            "epochs": self.epochs,
            "samples_per_second": self.samples_per_second,
            "step_seconds": self.step_seconds,
            "seconds_left": seconds_left,
            "is_least": is_least,
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
