"""Tells MLflow what became of the jobs: ships their journals and sets their states. Runs in a thread of the supervisor.

Everything told is derived from jobs.db and the journals and may be told twice, so that a supervisor which is killed at any
point leaves nothing that the next one can't finish.
"""

import fcntl
import json
import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from trainer_core.errors import RunError
from trainer_core.jobs.abandoned import end_abandoned
from trainer_core.jobs.database import Job, JobDatabase
from trainer_core.store import Store
from trainer_core.tracking import read, ship, tags, write
from trainer_core.tracking.client import open_client, sql_engine
from trainer_core.tracking.records import RunRecord, RunState

# A journal is shipped in portions, so that a long one does not hold up another run's points.
METRICS_A_TURN = 5_000
PASS_SECONDS = 0.4
SHIP_SECONDS = 1.0
"""At least, from one portion of a run's points to the next: a transaction takes as long as a hundred points in it."""
LONGER_EACH_TIME = 0.2
"""By how many seconds the first portions are apart, more each time, for whoever waits for a run's first points."""
NOTE_SECONDS = 10.0
"""At least, from one note in the queue of how far a run at work is shipped to the next: a note takes as long as a portion, and all
that watch the queue read it anew. Whoever comes after a supervisor that was killed ships the rest again, which adds nothing to a
database; what a tracking server keeps its points in is not known, so that each portion is noted there."""
RETRY_SECONDS = 3.0
_log = logging.getLogger(__name__)


@dataclass
class _Shipped:
    """How far a run's journal is in MLflow, in bytes, and when that was noted; in how many portions, and when the next may go."""

    offset: int
    noted: float = -NOTE_SECONDS
    portions: int = 0
    following: float = 0.0


class Reporter(threading.Thread):
    """Reports all jobs again and again until `close`."""

    def __init__(self, store: Store) -> None:
        super().__init__(name="reporter", daemon=True)
        self._store = store
        self._jobs = JobDatabase(store.jobs_database)
        self._closed = threading.Event()
        self._shipped: dict[str, _Shipped] = {}

    def run(self) -> None:
        """The thread's loop. What goes wrong is logged and tried again: the journals hold everything meanwhile."""
        pause = 0.0
        with suppress(Exception):  # it is told, and tried again, with the first job
            # Where a launch is only expected as yet, its points are not to wait for these imports: over a second.
            open_client(self._store)
            report_again(self._store, self._jobs)
        while not self._closed.wait(pause):
            try:
                end_abandoned(self._store, self._jobs)
                pause = self._report_all()
            except Exception:  # a full disk or a locked database may be better in a while; a thread that ended would not
                _log.exception("the queue could not be reported")
                pause = RETRY_SECONDS

    def _report_all(self) -> float:
        """Reports every job once; the seconds to wait until the next time."""
        pause = PASS_SECONDS
        jobs = self._jobs.unreported()
        self._shipped = {job.run_id: self._shipped.get(job.run_id) or _Shipped(job.shipped) for job in jobs}
        for job in jobs:
            began, shipped = time.monotonic(), self._shipped[job.run_id]
            if job.is_live and job.is_reported and began < shipped.following:
                continue
            before = shipped.offset
            try:
                if report(self._store, self._jobs, job, shipped):
                    pause = 0.0
                elif job.state == "running" and shipped.offset > before:
                    shipped.portions += 1
                    shipped.following = began + min(SHIP_SECONDS, shipped.portions * LONGER_EACH_TIME)
            except Exception:  # one run's trouble must end neither the thread nor the others' reports
                _log.exception("run %s could not be reported", job.run_id)
                pause = RETRY_SECONDS
        return pause

    def close(self) -> None:
        """Ends the thread after what it does now."""
        self._closed.set()


def report_again(store: Store, jobs: JobDatabase) -> None:
    """Has the end of runs reported that MLflow takes for live and the queue knows to be over: deleted while they trained, and
    restored, they were passed over by earlier versions.
    """
    for run in read.list_runs(store, archived=True):
        if not run.is_over and (job := jobs.get(run.run_id)) is not None and not job.is_live:
            jobs.set_unreported(job)


def report(store: Store, jobs: JobDatabase, job: Job, shipped: _Shipped | None = None) -> bool:
    """Brings MLflow up to a job's present state; whether there is more to ship at once. `shipped` is what its caller remembers."""
    shipped = shipped or _Shipped(job.shipped)
    shipped.offset = max(shipped.offset, job.shipped)
    if job.is_live and job.is_reported and _size(store.journal(job.run_id)) <= shipped.offset:
        return False
    # Pages report what their user did at once, beside the supervisor: one at a time, each from the newest state.
    with (store.root / ".report.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _report(store, jobs, jobs.get(job.run_id) or job, shipped)


def _report(store: Store, jobs: JobDatabase, job: Job, shipped: _Shipped) -> bool:
    if job.is_live and job.is_reported:
        # Without reading its params and values, which takes as long as shipping its points.
        return read.is_there(store, job.run_id) and _ship(store, jobs, job, shipped)
    if not job.is_live and read.is_deleted(store, job.run_id):
        _report_deleted(store, jobs, job, shipped)
        return False
    try:
        record = read.get_run(store, job.run_id)
    except RunError:
        if not job.is_live:
            _log.warning("run %s is no longer in MLflow: nothing to report", job.run_id)
            jobs.set_reported(job)
        return False
    if job.is_live:
        write.set_state(store, job.run_id, cast(RunState, job.state), tags=_tags(job, record))
        jobs.set_reported(job)
    if _ship(store, jobs, job, shipped):
        return True
    if not job.is_live:
        # The worker had ended before this job was read, and nothing is left to ship: these are its last words.
        write.set_state(store, job.run_id, cast(RunState, job.state), tags=_tags(job, record), ended=job.ended)
        jobs.set_reported(job)
    return False


def _report_deleted(store: Store, jobs: JobDatabase, job: Job, shipped: _Shipped) -> None:
    """Writes the end of a run that was deleted while it trained: restored later, it must not stand as running for ever.

    MLflow takes nothing for a deleted run, so it is restored for as long as this takes. Whoever is killed in between leaves it
    restored, and its end is still written by the next.
    """
    write.undelete_run(store, job.run_id)
    try:
        while _ship(store, jobs, job, shipped):
            pass
        record = read.get_run(store, job.run_id)
        write.set_state(store, job.run_id, cast(RunState, job.state), tags=_tags(job, record), ended=job.ended)
    finally:
        write.delete_run(store, job.run_id)
    jobs.set_reported(job)


def _ship(store: Store, jobs: JobDatabase, job: Job, shipped: _Shipped) -> bool:
    """Ships what the journal holds now; whether a part of it is left, or a run that is over may have had more to say."""
    there, before = _size(store.journal(job.run_id)), max(shipped.offset, job.shipped)
    shipped.offset = ship.ship(store, job.run_id, before, most=METRICS_A_TURN)
    is_due = time.monotonic() - shipped.noted >= NOTE_SECONDS or sql_engine(open_client(store)) is None
    if shipped.offset > job.shipped and (is_due or not job.is_live):
        jobs.set_shipped(job.run_id, shipped.offset)
        shipped.noted = time.monotonic()
    # What a worker logs meanwhile waits for the next pass: one a point would take as long as the point's step.
    return shipped.offset > before and (shipped.offset < there or not job.is_live)


def _size(journal: Path) -> int:
    return journal.stat().st_size if journal.exists() else 0


def _tags(job: Job, record: RunRecord) -> dict[str, str]:
    found = {tags.REASON: job.reason}
    if job.started is not None:
        start = int(job.started * 1000)
        end = None if job.ended is None else int(job.ended * 1000)
        # A worker that memory ended is followed by the next at once: nobody wrote down when it ended.
        queued = int(job.added * 1000)
        segments = [[entry.started, entry.ended or queued] for entry in record.segments if entry.started != start]
        found[tags.SEGMENTS] = json.dumps([*segments, [start, end]])
    return found
