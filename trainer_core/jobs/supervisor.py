"""Starts queued runs, watches their workers and sees that MLflow learns of both. One a store; outlives the dashboard.

Started on demand (summon.py), or by hand: python -m trainer_core.jobs.supervisor --store mlruns
"""

import argparse
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from trainer_core.errors import StoreError, TrainerError
from trainer_core.jobs.attempts import SHIM, exit_status, lives, never_began, was_rebooted, with_processes
from trainer_core.jobs.database import Job, JobDatabase
from trainer_core.jobs.devices import Slot, make_slots
from trainer_core.jobs.environment import worker_environment
from trainer_core.jobs.processes import Identity, end_group, identify, send, this_boot, this_host
from trainer_core.jobs.reporter import RETRY_SECONDS, Reporter
from trainer_core.jobs.smaller import start_smaller
from trainer_core.jobs.spare import COMMAND, SpareKeeper
from trainer_core.jobs.stopping import StopWatch
from trainer_core.jobs.summon import PROJECT_ROOT, is_launch_expected, lock_file, supervisor_lock, wants_spare
from trainer_core.jobs.verdict import judge
from trainer_core.language import gettext as _
from trainer_core.secrets import start_logging
from trainer_core.store import Store, open_store

POLL_SECONDS = 0.2
GRACE_SECONDS = 30.0
IDLE_SECONDS = 60.0
_log = logging.getLogger(__name__)

WorkerCommand = Callable[[Store, Job], Sequence[str]]


def worker_command(store: Store, job: Job) -> list[str]:
    """The command line of a run's worker."""
    return [sys.executable, "-m", "trainer_core.training", *worker_arguments(store, job)]


def worker_arguments(store: Store, job: Job) -> list[str]:
    """What a worker is told, after the name of its program."""
    arguments = ["--store", str(store.root), "--run", job.run_id]
    if job.resume_from is not None:
        arguments += ["--resume-from", str(job.resume_from)]
    return arguments if job.epochs is None else [*arguments, "--epochs", str(job.epochs)]


class Supervisor:
    """The loop. `command` gives the worker's command line, `slots` where runs work at once, `spare` the command of a worker that
    waits for a run; without it there is none.

    A worker that was told to stop is ended after `grace_seconds` where that loses nothing, later or never where it would, see
    `stopping`; with nothing to do for `idle_seconds` the supervisor leaves.
    """

    def __init__(
        self,
        store: Store,
        *,
        command: WorkerCommand = worker_command,
        slots: Sequence[Slot] = (Slot(0, {}),),
        spare: Sequence[str] | None = None,
        grace_seconds: float = GRACE_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._store = store
        self._jobs = JobDatabase(store.jobs_database)
        self._command = command
        self._slots = slots
        self._spares = SpareKeeper(store, spare)
        self._stops = StopWatch(store, grace_seconds)
        self._idle_seconds = idle_seconds
        self._shims: list[subprocess.Popen[bytes]] = []
        self._leaving = False
        self._place: tuple[int, int] | None = None

    def serve(self) -> None:
        """Supervises until idle or told to leave. Returns at once where another supervisor is at work."""
        patience = 1.0  # someone may hold the lock for a moment, only to see whether it is free
        while not self._leaving:
            with supervisor_lock(self._store, patience) as mine:
                if not mine:
                    return
                lock_file(self._store).write_text(f"{os.getpid()}\n", encoding="ascii")
                self._place = _place_of(lock_file(self._store))
                self._work_until_idle()
            # Whoever queued a run just before the lock was given up saw it taken and started nobody: look once more.
            patience = 0.0
            if not self._is_needed():
                return

    def leave(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Ends `serve` soon. Workers go on; the next supervisor adopts them."""
        self._leaving = True

    def tick(self) -> None:
        """Looks after every live job once: those that run, then the queue."""
        self._shims = [shim for shim in self._shims if shim.poll() is None]  # a dead child stays a zombie until polled
        jobs = self._jobs.live()
        running = [job for job in jobs if job.state == "running"]
        for job in running:
            try:
                self._attend(job)
            except (StoreError, OSError):
                raise  # the store is away: nothing can be done for any run
            except Exception:  # one run's trouble must not leave the others unattended
                _log.exception("run %s could not be looked after", job.run_id)
        waiting = [job for job in jobs if job.state == "queued"]
        taken = [job.slot for job in self._jobs.live() if job.state == "running"]
        # Adopted runs may sit in slots that there are no more: they count all the same.
        free = [slot for slot in self._slots if slot.number not in taken][: max(0, len(self._slots) - len(taken))]
        for job, slot in zip(waiting, free, strict=False):
            self._start(job, slot)
        following = free[len(waiting) :] or self._slots
        is_wanted = len(waiting) > len(free) or not (taken or waiting) or is_launch_expected(self._store)
        self._spares.tend(following[0], is_wanted)

    def _work_until_idle(self) -> None:
        reporter = Reporter(self._store)
        idle_since = time.monotonic()
        try:
            while not self._leaving and time.monotonic() - idle_since < self._idle_seconds:
                if _place_of(lock_file(self._store)) != self._place:
                    _log.warning("%s is no longer there: leaving", self._store.root)
                    self._leaving = True
                elif self._look_after_all() or is_launch_expected(self._store):
                    idle_since = time.monotonic()
                    # The first run is started before this imports mlflow, which takes over a second.
                    if reporter.ident is None:
                        reporter.start()
                time.sleep(POLL_SECONDS)
        finally:
            self._spares.close()
            reporter.close()
            if reporter.ident is not None:
                reporter.join(timeout=10)

    def _look_after_all(self) -> bool:
        """Ticks; whether there is something to do. A store that can't be used just now is tried again: the runs go on."""
        try:
            self.tick()
            return self._is_needed()
        except (StoreError, OSError) as error:
            _log.warning("%s", error)
            time.sleep(RETRY_SECONDS)
            return True

    def _is_needed(self) -> bool:
        return bool(self._jobs.unreported() or self._jobs.abandoned_launches())

    def _start(self, job: Job, slot: Slot) -> None:
        journal = self._store.journal(job.run_id)
        exit_file = self._store.exit_status(job.run_id)
        for stale in (exit_file, self._store.progress(job.run_id)):
            stale.unlink(missing_ok=True)
        if not self._jobs.start(job.run_id, journal.stat().st_size if journal.exists() else 0, slot.number):
            return
        _log.info("starting run %s, attempt %d, slot %d", job.run_id, job.attempt, slot.number)
        if self._start_spare(job, slot, exit_file):
            return
        log = str(self._store.log(job.run_id))
        shim = [sys.executable, "-I", "-S", str(SHIM), "--exit-file", str(exit_file), "--log", log, "--"]
        try:
            process = subprocess.Popen(
                [*shim, *self._command(self._store, job)],
                cwd=PROJECT_ROOT,
                env=worker_environment(slot.environment),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            self._jobs.end(job.run_id, "failed", _("The worker could not be started: {cause}.").format(cause=error), time.time())
            return
        self._shims.append(process)
        # A shim that is gone already still gets an identity, or the job would look as if it had never been started.
        self._jobs.set_processes(job.run_id, identify(process.pid) or Identity(this_host(), process.pid, 0.0, this_boot()), None)

    def _start_spare(self, job: Job, slot: Slot, exit_file: Path) -> bool:
        """Gives the run to the worker that waits; whether there was one that took it."""
        spare = self._spares.take(slot)
        if spare is None:
            return False
        # Written down before it begins: a supervisor that is killed in between must not leave a worker that nobody knows.
        self._jobs.set_processes(job.run_id, spare.shim, spare.worker, spare=True)
        if spare.assign(exit_file, self._store.log(job.run_id), worker_arguments(self._store, job)):
            self._shims.append(spare.process)
            return True
        _log.warning("the spare worker did not take run %s", job.run_id)
        self._jobs.set_processes(job.run_id, None, None)
        return False

    def _attend(self, job: Job) -> None:
        if job.worker is None:
            job = with_processes(self._store, self._jobs, job)
        alive = lives(self._store, job)  # before looking for the exit status: a shim may write it in between
        status = exit_status(self._store, job)
        if status is not None or not alive:
            if status is None and never_began(self._store, job):
                if job.stop_requested is not None:
                    self._jobs.end(job.run_id, "stopped", _("Taken off the queue before it started."), time.time())
                    return
                _log.info("run %s was never started: back to the queue", job.run_id)
                self._jobs.put_back(job.run_id)
                return
            state, reason = judge(self._store, job, status, rebooted=was_rebooted(job))
            if state == "failed" and status and status.get("killed_for_memory") and start_smaller(self._store, self._jobs, job):
                _log.warning("run %s: memory ran out; it goes on with a smaller batch", job.run_id)
                return
            ended = float(status["time"]) if status else time.time()
            _log.info("run %s: %s %s", job.run_id, state, reason)
            self._jobs.end(job.run_id, state, reason, ended)
            self._stops.forget(job.run_id)
        elif job.stop_requested is not None and job.worker is not None:
            self._stop(job)

    def _stop(self, job: Job) -> None:
        assert job.worker is not None
        if job.stop_sent is None:
            _log.info("stopping run %s", job.run_id)
            send(job.worker, signal.SIGTERM)
            self._jobs.mark_stop_sent(job.run_id)
        elif why := self._stops.why_end(job):
            _log.warning("run %s: %s", job.run_id, why)
            self._jobs.note_reason(job.run_id, why)
            end_group(job.worker)


def _place_of(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to now; None where it leads nowhere."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def main(arguments: Sequence[str] | None = None, command: WorkerCommand = worker_command, spare: Sequence[str] = COMMAND) -> int:
    """The supervisor's process."""
    parser = argparse.ArgumentParser(description=_("Starts the queued runs of a store and watches over them."))
    parser.add_argument("--store", required=True, help=_("the store's folder"))
    options = parser.parse_args(arguments)
    start_logging(sys.stderr, "%(asctime)s %(levelname)s %(message)s")
    try:
        supervisor = Supervisor(
            open_store(options.store),
            command=command,
            slots=make_slots(),
            spare=spare if spare and wants_spare() else None,
            grace_seconds=float(os.environ.get("DESCENT_GRACE_SECONDS", GRACE_SECONDS)),
            idle_seconds=float(os.environ.get("DESCENT_SUPERVISOR_IDLE_SECONDS", IDLE_SECONDS)),
        )
    except (TrainerError, ValueError) as error:
        _log.error("%s", error)
        return 1
    signal.signal(signal.SIGTERM, supervisor.leave)
    signal.signal(signal.SIGINT, supervisor.leave)
    supervisor.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
