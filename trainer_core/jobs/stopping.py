"""When a worker that was asked to stop has had its chance, and is ended.

A stop takes as long as what the worker is at: a step, a batch of an evaluation, a checkpoint on a slow disk. No number of seconds
is right for all of them, so a worker is not ended by the clock while work would be lost and it shows that it works. Signs of work
are

- what it counts: steps, batches, written tokens, and rows of an evaluation (its progress file);
- the processor time of its process and what it writes, as the system counts them. They grow also while its main thread is inside
  one long call of a library, a baseline's fit or a very large batch, where nothing is counted, and where Python's lock may be held,
  so that no sign of life comes either.

That its progress file is renewed is no sign: a thread of its own does that, whatever the main one waits for.
"""

import time
from dataclasses import dataclass

import psutil

from trainer_core.jobs.database import Job
from trainer_core.jobs.processes import Identity, is_alive
from trainer_core.jobs.watching import Progress, progress
from trainer_core.language import gettext as _
from trainer_core.store import Store, is_full

_STALLED = 10
"""A worker without any sign of work for so many times the grace hangs: five minutes."""
_SPINNING = 120
"""One that only takes processor time, and finishes nothing it counts, for so many times the grace hangs too: an hour."""
_LONGEST_STEPS = 3
_SAMPLE_SECONDS = 1.0
_HEARD_SECONDS = 1.0
"""When a signal has arrived, and what the worker shows is later than that."""
_LEAST_LOAD = 0.05
"""Of one core. Renewing the progress file and sampling the machine's load take a hundredth of that."""
_LEAST_WRITTEN = 256 * 1024
"""Bytes a second; the progress file is a few thousand."""


@dataclass
class _Watched:
    """What was seen of a worker that is to stop; times are of the monotonic clock."""

    worker: Identity
    step: int | None
    """Where it was when it must have heard."""
    counted: tuple[object, ...]
    counted_at: float
    worked_at: float
    sampled_at: float
    cpu_seconds: float
    written_bytes: int


class StopWatch:
    """Watches the workers that were told to stop."""

    def __init__(self, store: Store, grace_seconds: float) -> None:
        self._store, self._grace = store, grace_seconds
        self._watched: dict[str, _Watched] = {}

    def why_end(self, job: Job) -> str:
        """Why the worker is to be ended now, as a sentence; empty while it may go on."""
        assert job.worker is not None
        assert job.stop_sent is not None
        now, shown = time.monotonic(), progress(self._store, job.run_id)
        seen = self._watched.get(job.run_id)
        if seen is None or seen.worker != job.worker:
            seen = self._watched[job.run_id] = _begin(job.worker, shown, now)
        self._look(seen, shown, now)
        is_late = time.time() - job.stop_sent > self._grace
        if shown is not None and seen.step is None and shown.time > job.stop_sent + _HEARD_SECONDS:
            seen.step = shown.step
        # A step that is begun is ended, and then it saves: one that does more has not heard.
        if is_late and shown is not None and shown.phase == "training" and seen.step is not None and shown.step > seen.step + 1:
            return _("It was asked to stop and trained on all the same, so it was ended.")
        if not would_lose(shown):
            busy = _("It was still busy {seconds:g} s after it was asked to stop, and was ended.")
            return busy.format(seconds=self._grace) if is_late else ""
        if now - seen.worked_at > _STALLED * self._grace:
            return _("It was asked to stop and showed no sign of work for {seconds:g} s, so it was ended.").format(
                seconds=_STALLED * self._grace
            )
        longest = max(_SPINNING * self._grace, _LONGEST_STEPS * (shown.step_seconds if shown else 0.0))
        if now - seen.counted_at > longest:
            return _("It was asked to stop and got nothing done in {seconds:g} s, so it was ended.").format(seconds=longest)
        return ""

    def forget(self, run_id: str) -> None:
        """The run is over."""
        self._watched.pop(run_id, None)

    def _look(self, seen: _Watched, shown: Progress | None, now: float) -> None:
        counted = _counted(shown)
        if counted != seen.counted:
            seen.counted, seen.counted_at, seen.worked_at = counted, now, now
        passed = now - seen.sampled_at
        if passed < _SAMPLE_SECONDS:
            return
        cpu_seconds, written_bytes = _used(seen.worker)
        is_at_work = cpu_seconds - seen.cpu_seconds > _LEAST_LOAD * passed
        is_writing = written_bytes - seen.written_bytes > _LEAST_WRITTEN * passed
        # A worker waits for room on a full disk, see `CheckpointWriter`, and gives up by itself.
        if is_at_work or is_writing or is_full(self._store.root):
            seen.worked_at = now
        seen.sampled_at, seen.cpu_seconds, seen.written_bytes = now, cpu_seconds, written_bytes


def would_lose(shown: Progress | None) -> bool:
    """Whether ending a worker that showed this last would lose steps. None is one that has not begun."""
    return shown is not None and (shown.silent or not shown.is_saved)


def _begin(worker: Identity, shown: Progress | None, now: float) -> _Watched:
    return _Watched(worker, None, _counted(shown), now, now, now, *_used(worker))


def _counted(shown: Progress | None) -> tuple[object, ...]:
    return () if shown is None else (shown.phase, shown.step, shown.saved_step, shown.units, shown.part, shown.part_done)


def _used(worker: Identity) -> tuple[float, int]:
    """Seconds of processor time and bytes written by the worker so far; nothing where the system does not tell."""
    try:
        if not is_alive(worker):
            return 0.0, 0
        process = psutil.Process(worker.pid)
        times = process.cpu_times()
        written = process.io_counters().write_bytes if hasattr(process, "io_counters") else 0
    except (psutil.Error, OSError):
        return 0.0, 0
    return times.user + times.system, written
