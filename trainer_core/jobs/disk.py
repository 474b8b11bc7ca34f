"""Room on the disk: what each run takes, deleting runs with a way back, and freeing what they took for good."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer_core.checkpoints import list_checkpoints
from trainer_core.errors import RunError
from trainer_core.jobs.control import own_run
from trainer_core.jobs.database import JobDatabase
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tracking import read, write
from trainer_core.tracking.records import RunRecord

LITTLE_ROOM = 500_000_000
"""Bytes free below which a warning is due: a small language model's checkpoint takes more."""


@dataclass(frozen=True)
class Space:
    """What one run's files take, in bytes; of it, what goes when only the best checkpoint stays."""

    run: RunRecord
    bytes: int
    beside_best: int


def measure_space(store: Store, runs: Sequence[RunRecord]) -> list[Space]:
    """What the runs take, the largest first."""
    found = [Space(run, _size_of(_files(store, run.run_id)), _size_of(_beside_best(store, run.run_id))) for run in runs]
    return sorted(found, key=lambda space: -space.bytes)


def free_bytes(store: Store) -> int:
    """What the store's disk still takes."""
    return shutil.disk_usage(store.root).free


def delete(store: Store, run_id: str) -> None:
    """Takes a run that is over out of all lists. `undelete` brings it back until `purge` frees what it takes.

    Raises RunError for a live or foreign run.
    """
    record = own_run(store, run_id)
    if not record.is_over:
        raise RunError(_("{name} is {state}: stop it before deleting it.").format(name=record.name, state=_(record.state)))
    write.delete_run(store, run_id)


def undelete(store: Store, run_id: str) -> None:
    """Brings a deleted run back with all it had. Raises RunError where it was never deleted, or is gone for good."""
    if run_id not in {run.run_id for run in read.list_deleted(store)}:
        raise RunError(_("There is no deleted run {run_id}.").format(run_id=run_id))
    write.undelete_run(store, run_id)


def purge(store: Store, run_ids: Sequence[str]) -> int:
    """Removes deleted runs for good: checkpoints, journals, logs and all that MLflow knows of them. Returns the bytes freed.

    A tracking server keeps what it knows; only its `mlflow gc` removes that. Raises RunError for a run that is not deleted.
    """
    known = {run.run_id for run in read.list_deleted(store)}
    jobs = JobDatabase(store.jobs_database)
    freed = 0
    for run_id in run_ids:
        if run_id not in known:
            raise RunError(_("The run {run_id} is not deleted: delete it first.").format(run_id=run_id))
        paths = _files(store, run_id)
        freed += _size_of(paths)
        write.forget_run(store, run_id)
        jobs.forget(run_id)
        _remove(paths)
    return freed


def keep_best_only(store: Store, run_id: str) -> int:
    """Removes all checkpoints of an archived run but the best, for good. Figures and curves stay. Returns the bytes freed.

    Raises RunError where the run is not archived.
    """
    record = own_run(store, run_id)
    if not record.archived:
        raise RunError(_("{name} is not archived: archive it before its checkpoints are removed.").format(name=record.name))
    paths = _beside_best(store, run_id)
    freed = _size_of(paths)
    _remove(paths)
    return freed


def _files(store: Store, run_id: str) -> list[Path]:
    return [
        store.artifacts / store.run_folder(run_id).parent.name,
        store.journal(run_id),
        store.progress(run_id),
        store.exit_status(run_id),
        store.log(run_id),
    ]


def _beside_best(store: Store, run_id: str) -> list[Path]:
    found = list_checkpoints(store, run_id)
    best = next((checkpoint for checkpoint in found if checkpoint.is_best), found[-1] if found else None)
    return [
        *(checkpoint.path for checkpoint in found if checkpoint is not best),
        *(store.checkpoints(run_id) / name for name in ("superseded", ".writing")),
    ]


def _size_of(paths: Sequence[Path]) -> int:
    total = 0
    for path in paths:
        try:
            files = [path] if path.is_file() else [entry for entry in path.rglob("*") if entry.is_file()]
            total += sum(entry.stat().st_size for entry in files)
        except FileNotFoundError:
            continue  # removed while it was looked at
    return total


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
