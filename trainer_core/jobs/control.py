"""What a user does to a run that exists: stop, resume, reorder, rename, put away."""

import time

from trainer_core.checkpoints import Checkpoint, find_checkpoint, last_whole, verify
from trainer_core.config import TrainConfig
from trainer_core.errors import ConfigError, RunError
from trainer_core.jobs.database import Job, JobDatabase
from trainer_core.jobs.reporter import report
from trainer_core.jobs.summon import ensure_supervisor
from trainer_core.language import gettext as _
from trainer_core.language import mark
from trainer_core.settings import SETTINGS, build_config, read_config
from trainer_core.store import Store
from trainer_core.tracking import read, tags, write
from trainer_core.tracking.records import RunRecord

_REPORT_SECONDS = 20.0


def queue(store: Store) -> list[Job]:
    """Running and waiting jobs, in the order in which they run."""
    return JobDatabase(store.jobs_database).live()


def state_of(store: Store, run_id: str) -> tuple[str, bool]:
    """A run's state as the queue knows it, and whether it has ended and all of it is in MLflow. Quicker than asking MLflow."""
    job = JobDatabase(store.jobs_database).get(run_id)
    if job is None:
        return read.get_run(store, run_id).state, True
    return job.state, job.is_reported and not job.is_live


def stop(store: Store, run_id: str) -> None:
    """Stops a run: one that waits leaves the queue, one that works saves a checkpoint and exits. Harmless when it has ended.

    Raises RunError for a run that this store's queue does not know.
    """
    jobs = JobDatabase(store.jobs_database)
    job = jobs.get(run_id)
    if job is None:
        record = own_run(store, run_id)
        if record.is_over:
            return
        raise RunError(
            _("{name} is not in this store's queue: it can only be stopped where it was launched.").format(name=record.name)
        )
    if jobs.cancel(run_id, mark("Taken off the queue before it started.")):
        job = jobs.get(run_id)
        assert job is not None
        while report(store, jobs, job):  # of a run that had begun, what it logged comes first
            pass
        return
    jobs.request_stop(run_id)
    ensure_supervisor(store)


def resume(store: Store, run_id: str, checkpoint_step: int | None = None, epochs: int | None = None) -> int:
    """Queues a run that is over once more, to go on from a checkpoint, by default the last that is whole; from the first step
    where there is none. Returns the step that it goes on from.

    With `epochs` it goes on to that many in total; its schedule is stretched over them. Raises RunError for a run that is
    live or has done all its steps, CheckpointError where the checkpoint asked for is missing or damaged, ConfigError for epochs
    that are done already.
    """
    record = own_run(store, run_id)
    jobs = JobDatabase(store.jobs_database)
    job = jobs.get(run_id)
    if job.is_live if job is not None else not record.is_over:
        state = job.state if job is not None else record.state
        raise RunError(
            _("{name} is {state}: only a run that has ended can be resumed. Stop it first.").format(
                name=record.name, state=_(state)
            )
        )
    if not store.config_file(run_id).is_file():
        raise RunError(_("{name} has no config.json beside its checkpoints: clone it instead.").format(name=record.name))
    if checkpoint_step is not None:
        checkpoint: Checkpoint | None = find_checkpoint(store, run_id, checkpoint_step)
        assert checkpoint is not None
        verify(checkpoint)
    else:
        checkpoint = last_whole(store, run_id)
        if checkpoint is None and epochs is not None:
            verify(find_checkpoint(store, run_id, "last"))  # says what is wrong with it
    step = 0 if checkpoint is None else checkpoint.step
    before = read_config(store.config_file(run_id))
    config = before if epochs is None or checkpoint is None else _lengthened(before, checkpoint, epochs)
    done = record.state == "finished" and step >= int(record.tags.get(tags.TOTAL_STEPS) or step + 1)
    if done and config == before:
        raise RunError(
            _(
                "{name} has finished all its {steps:,} steps: nothing is left to train. Resume it with more epochs, "
                "or from an earlier checkpoint."
            ).format(name=record.name, steps=step)
        )
    if job is None:
        jobs.add_over(run_id, record.state)
    else:
        _wait_until_reported(store, jobs, record)
    # Its worker writes down the epochs once it has begun: until then the run is what it was, and can be taken off the queue.
    if not jobs.requeue(run_id, step, config.epochs if config != before else None):
        raise RunError(_("{name} has just been resumed by someone else.").format(name=record.name))
    ensure_supervisor(store)
    queued = jobs.get(run_id)
    assert queued is not None
    report(store, jobs, queued)
    return step


def _lengthened(config: TrainConfig, checkpoint: Checkpoint, epochs: int) -> TrainConfig:
    if config.max_steps is not None:
        raise RunError(
            _(
                "The run ends after {steps:,} steps (max_steps), whatever its epochs. Clone it into the form to train longer."
            ).format(steps=config.max_steps)
        )
    if epochs <= checkpoint.epoch:
        raise ConfigError(
            {
                "epochs": _(
                    "Epochs (epochs) is {epochs:,}, and the checkpoint at step {step:,} has {done:.4g} behind it. "
                    "Give the epochs in total: more than that."
                ).format(epochs=epochs, step=checkpoint.step, done=checkpoint.epoch)
            }
        )
    return build_config({name: getattr(config, name) for name in SETTINGS} | {"epochs": epochs, "rules": config.rules})


def move_first(store: Store, run_id: str) -> None:
    """Puts a waiting run before all others. Raises RunError where it does not wait."""
    if not JobDatabase(store.jobs_database).move_first(run_id):
        raise RunError(_("{name} does not wait in the queue.").format(name=read.get_run(store, run_id).name))


def archive(store: Store, run_id: str) -> None:
    """Puts a run away: lists leave it out, nothing is deleted. Raises RunError for a live run."""
    record = own_run(store, run_id)
    if not record.is_over:
        raise RunError(_("{name} is {state}: stop it before archiving it.").format(name=record.name, state=_(record.state)))
    write.set_tags(store, run_id, {tags.ARCHIVED: "true"})


def restore(store: Store, run_id: str) -> None:
    """Brings an archived run back into the lists."""
    own_run(store, run_id)
    write.set_tags(store, run_id, {tags.ARCHIVED: ""})


def rename(store: Store, run_id: str, name: str) -> None:
    """Gives a run another name. Raises RunError for an empty or overlong one."""
    own_run(store, run_id)
    name = name.strip()
    if not 1 <= len(name) <= 200:
        raise RunError(_("A run's name has 1 to 200 characters; this one has {count}.").format(count=len(name)))
    write.rename_run(store, run_id, name)


def own_run(store: Store, run_id: str) -> RunRecord:
    """The run. Raises RunError where there is none, or where another program launched it."""
    record = read.get_run(store, run_id)
    if not record.is_ours:
        raise RunError(_("{name} was not launched by Descent: it can be read, not changed.").format(name=record.name))
    return record


def _wait_until_reported(store: Store, jobs: JobDatabase, record: RunRecord) -> None:
    """What the last attempt logged must be in MLflow before the next one begins."""
    ensure_supervisor(store)
    end = time.monotonic() + _REPORT_SECONDS
    while True:
        job = jobs.get(record.run_id)
        if job is None or job.is_live or job.is_reported:
            return
        if time.monotonic() > end:
            raise RunError(_("The last points of {name} are still being stored. Try again in a minute.").format(name=record.name))
        time.sleep(0.1)
