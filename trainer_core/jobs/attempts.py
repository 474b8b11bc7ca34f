"""The processes of one attempt at a run: who they are, whether they live, and how they ended."""

import json
import time
from typing import Any

import psutil

from trainer_core.jobs.database import Job, JobDatabase
from trainer_core.jobs.processes import Identity, find_by_arguments, first_child, is_alive, this_boot, this_host
from trainer_core.jobs.summon import PROJECT_ROOT
from trainer_core.store import Store

SHIM = PROJECT_ROOT / "trainer_core" / "jobs" / "shim.py"
# A run on another machine that shares the store can't be seen; it shows that it lives by its progress file.
_ELSEWHERE_SECONDS = 60.0


def with_processes(store: Store, jobs: JobDatabase, job: Job) -> Job:
    """The job with what can be found of its shim and worker, written down too.

    A supervisor that was killed between starting a shim and writing down who it is leaves a job without processes; a shim that
    was killed at once leaves a worker that nobody knows.
    """
    shim, worker = job.shim, job.worker
    if shim is None and worker is None:
        shim = find_by_arguments("--exit-file", str(store.exit_status(job.run_id)))
    if worker is None:
        worker = first_child(shim) if shim is not None and is_alive(shim) else None
        if worker is None and (shim is None or not is_alive(shim)):
            worker = find_by_arguments("--store", str(store.root), "--run", job.run_id, but=str(SHIM))
    if (shim, worker) == (job.shim, job.worker):
        return job
    jobs.set_processes(job.run_id, shim, worker)
    return jobs.get(job.run_id) or job


def lives(store: Store, job: Job) -> bool:
    """Whether the worker is at work, or its shim still has to say how it ended."""
    known = [identity for identity in (job.shim, job.worker) if identity is not None]
    if any(identity.host != this_host() for identity in known):
        progress = store.progress(job.run_id)
        return progress.exists() and time.time() - progress.stat().st_mtime < _ELSEWHERE_SECONDS
    return any(is_alive(identity) for identity in known)


def exit_status(store: Store, job: Job) -> dict[str, Any] | None:
    """What the shim wrote when the worker ended; None where it did not."""
    try:
        found = json.loads(store.exit_status(job.run_id).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # not there, or emptied by a machine that lost its power
        return None
    return found if isinstance(found, dict) and "time" in found else None


def never_began(store: Store, job: Job) -> bool:
    """Whether an attempt that has no processes and no exit status was never made.

    That is so where the supervisor was killed before it started a shim, or before a spare worker was told what to do: the first
    thing that any worker does is to show its progress.
    """
    if job.shim is None and job.worker is None:
        return True
    journal = store.journal(job.run_id)
    logged = journal.exists() and journal.stat().st_size > job.journal_start
    return job.spare and not logged and not store.progress(job.run_id).exists()


def was_rebooted(job: Job) -> bool:
    """Whether the machine was started anew since the run's processes were."""
    known: Identity | None = job.worker or job.shim
    if known is not None and known.boot:
        return known.host == this_host() and known.boot != this_boot()
    return job.started is not None and psutil.boot_time() > job.started
