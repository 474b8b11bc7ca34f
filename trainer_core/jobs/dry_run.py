"""Dry runs: a few real steps in a process of their own, before a launch."""

from pathlib import Path

from trainer_core.config import TrainConfig
from trainer_core.foreseen import Foreseen, foreseen_of
from trainer_core.free_memory import available_bytes
from trainer_core.jobs.data_work import Work, start_work
from trainer_core.jobs.database import JobDatabase
from trainer_core.jobs.devices import make_slots
from trainer_core.jobs.environment import worker_environment
from trainer_core.jobs.launching import settle
from trainer_core.jobs.summon import wants_spare
from trainer_core.store import Store

PACKAGE = "training.dry_run"


def start_dry_run(store: Store, config: TrainConfig) -> Path:
    """Starts one and returns the folder by which `data_work` knows it.

    Raises DataError, ModelError or ConfigError as a launch does.
    """
    from trainer_core.data import check  # pandas comes with it, which the command line's help does not wait for
    from trainer_core.tasks.model_source import check_model

    check(config, store.datasets)
    check_model(config)
    slots = make_slots()
    taken = {job.slot for job in JobDatabase(store.jobs_database).live() if job.state == "running"}
    slot = next((slot for slot in slots if slot.number not in taken), slots[0])  # where the run itself would go
    request = {
        "config": settle(store, config).model_dump(mode="json"),
        "available": available_bytes(),
        "beside": bool(taken),
        "spare": wants_spare() and not taken,
    }
    return start_work(store, request, PACKAGE, worker_environment(slot.environment))


def result_of(work: Work) -> Foreseen | None:
    """What the dry run found, once it is over and found something."""
    return None if work.answer is None else foreseen_of(work.answer.get("foreseen"))
