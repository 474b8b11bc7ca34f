"""How a run ended, from its worker's last word and its exit status."""

import os
import signal
from collections.abc import Mapping
from typing import Any

from trainer_core.batch_in_force import in_force, why_no_smaller
from trainer_core.checkpoints import evaluation_left_out, list_checkpoints
from trainer_core.errors import TrainerError
from trainer_core.jobs.database import Job
from trainer_core.jobs.watching import log_tail, progress
from trainer_core.language import gettext as _
from trainer_core.settings import read_config
from trainer_core.store import Store
from trainer_core.tracking.journal import read_records
from trainer_core.tracking.records import RunState

# An outcome is among the last records; a journal may hold millions.
_TAIL_BYTES = 65_536


def judge(store: Store, job: Job, status: Mapping[str, Any] | None, *, rebooted: bool) -> tuple[RunState, str]:
    """The state that a run ended in, with a sentence on why where it did not finish.

    Args:
        status: What the shim wrote; None where it could not.
        rebooted: Whether the machine was started anew since the worker was.
    """
    outcome = _outcome(store, job)
    if outcome is not None:
        state: RunState = outcome["state"]
        return state, str(outcome["reason"])
    if job.stop_requested is not None:
        return "stopped", _what_a_stop_left(store, job)
    if status is not None and status.get("killed_for_memory"):
        return "failed", f"{_why_memory_ended_it(store, job.run_id)} {_what_the_log_says(store, job.run_id)}"
    return "failed", f"{_how_it_ended(status, rebooted)} {_what_the_log_says(store, job.run_id)}"


def _what_a_stop_left(store: Store, job: Job) -> str:
    """Of a worker that was asked to stop and ended without a word: why, where the supervisor ended it, and what is lost."""
    shown, saved = progress(store, job.run_id), list_checkpoints(store, job.run_id)
    last = saved[-1] if saved else None
    if shown is None or (shown.is_saved and shown.step == 0):
        left = _("Stopped before the first step.") if last is None else _("Stopped before it went on: nothing is lost.")
    elif shown.is_saved and last is not None and shown.step <= last.step:
        left = _("Stopped at step {step:,}, which is in a checkpoint: nothing is lost.").format(step=last.step)
        left += f" {evaluation_left_out()}" if last.evaluation_due else ""
    else:
        left = _("Stopped before it could save its state: the work since the last checkpoint is lost.")
    return f"{job.reason} {left}".strip()


def _why_memory_ended_it(store: Store, run_id: str) -> str:
    said = _("The system ended the worker: the machine's memory ran out.")
    try:
        config = in_force(store, run_id, read_config(store.config_file(run_id)))
    except (OSError, ValueError, TrainerError):
        return said
    now = progress(store, run_id)
    return f"{said} {why_no_smaller('machine', now.phase if now else '', config)}"


def _how_it_ended(status: Mapping[str, Any] | None, rebooted: bool) -> str:
    if status is None:
        if rebooted:
            return _("The machine was restarted while the run was at work. Resume it: it goes on from its last checkpoint.")
        return _("The worker and its watcher were killed from outside. Resume the run: it goes on from its last checkpoint.")
    code = status["code"]
    if code is None:
        return _("The worker could not be started: {cause}.").format(cause=status.get("error", ""))
    if code == os.EX_IOERR:
        return _("The disk was full or away to the end: the run's last points are lost. Mend that, then resume the run.")
    if code == os.EX_TEMPFAIL:
        return _("Another worker of this run is still at work on this machine. End it, or wait for it; then resume the run.")
    if code >= 0:
        return _("The worker ended with exit code {code} and did not say how the run went.").format(code=code)
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = _("unknown")
    return _(
        "The worker was killed from outside by signal {number} ({name}). Resume the run: it goes on from its last checkpoint."
    ).format(number=-code, name=name)


def _what_the_log_says(store: Store, run_id: str) -> str:
    lines = [line for line in log_tail(store, run_id) if line.strip()]
    place = _("The log is {path}.").format(path=store.log(run_id).relative_to(store.root))
    return _("Its log ends with “{line}”.").format(line=lines[-1].strip()[:300]) + " " + place if lines else place


def _outcome(store: Store, job: Job) -> dict[str, Any] | None:
    """The last outcome that this attempt's worker wrote."""
    path = store.journal(job.run_id)
    if not path.exists():
        return None
    start = max(job.journal_start, path.stat().st_size - _TAIL_BYTES)
    found = None
    for record, _end in read_records(path, start):
        if record["kind"] == "outcome":
            found = record
    return found
