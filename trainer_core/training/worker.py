"""One run from data to finished: what the worker process does once its imports are done."""

import logging
import os
import platform
import sys
import threading
from contextlib import suppress
from functools import partial
from importlib.metadata import version

import torch

from trainer_core.batch_in_force import format_smaller, in_force, read_smaller
from trainer_core.checkpoints import Checkpoint, find_checkpoint, list_checkpoints, verify
from trainer_core.config import CLASSIFIERS, TrainConfig
from trainer_core.data import Data, Plan, plan, summarise
from trainer_core.data.evaluated_digest import evaluated_digest
from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.predictions import drop_after
from trainer_core.settings import read_config, write_config
from trainer_core.store import Store, write_atomically
from trainer_core.tasks.baselines import compute_baselines
from trainer_core.tasks.task import Prepared
from trainer_core.tracking import tags
from trainer_core.tracking.journal import Journal, read_standing
from trainer_core.training.building import Built, as_trained, build, make_trainer, peak_memory_bytes
from trainer_core.training.ending import Ending
from trainer_core.training.evaluating import EvaluationStopped
from trainer_core.training.flow import Flow, JournalWriter, has_ended_early, rename_metrics
from trainer_core.training.keeping import PredictionKeeper
from trainer_core.training.saving import CheckpointFolder
from trainer_core.training.schedule import is_tested, make_schedule
from trainer_core.training.trainer import DescentTrainer, choose_precision
from trainer_core.training.vitals import Pulse, Vitals

logger = logging.getLogger("descent.worker")
_PACKAGES = ("torch", "transformers", "accelerate", "datasets", "scikit-learn", "numpy", "mlflow")


def train(
    store: Store,
    run_id: str,
    config: TrainConfig,
    journal: Journal,
    pulse: Pulse,
    stop: threading.Event,
    resume_from: int | None = None,
) -> Ending:
    """Trains, measures and saves; how it ended: at its end, or because it was asked to stop.

    `resume_from` is the step of the checkpoint that it goes on from, 0 to start again. Raises TrainerError for what the user can
    mend.
    """
    most_threads = torch.get_num_threads()
    try:
        return _train(store, run_id, config, journal, pulse, stop, resume_from)
    finally:
        torch.set_num_threads(most_threads)


def _train(
    store: Store,
    run_id: str,
    config: TrainConfig,
    journal: Journal,
    pulse: Pulse,
    stop: threading.Event,
    resume_from: int | None,
) -> Ending:
    pulse.epochs = config.epochs
    now = in_force(store, run_id, config)
    if now != config:
        journal.tags({tags.SMALLER: format_smaller(read_smaller(store, run_id))})
    # Sums in another order differ in the last digit: a resumed run computes with as many threads as before.
    start = find_checkpoint(store, run_id, resume_from) if resume_from else None
    threads = start.details.get("threads") if start else None
    built = build(config, store, pulse, threads if isinstance(threads, int) else None)
    data = built.data
    todo = _describe(config, built, journal)
    if stop.is_set():
        return Ending.before(start)
    folder = _open_folder(store, run_id, config, built, journal)
    writer = JournalWriter(journal, pulse, as_trained(summarise(data), built.task).rows["train"])
    callbacks = [Flow(config, folder, stop), writer]
    trainer = make_trainer(config, now, built, folder, todo.steps_per_epoch, pulse, stop, callbacks)
    trainer.compute_metrics = partial(built.task.measure, split=config.evaluation_split)
    if config.task in CLASSIFIERS:
        trainer.compute_metrics = PredictionKeeper(store, run_id, data, config.evaluation_split, trainer).measure
    is_longer = config.epochs != read_config(store.config_file(run_id)).epochs
    checkpoint = _resume(store, run_id, config, folder, resume_from, data, journal)
    logged, outcome = read_standing(store.journal(run_id), checkpoint.step) if checkpoint else (frozenset[str](), "")
    pulse.plan(
        make_schedule(config, built.task, todo), resume_from or 0, is_evaluated=not (checkpoint and checkpoint.evaluation_due)
    )
    if checkpoint is not None:
        writer.resume(checkpoint.step, checkpoint.epoch, logged)
    vitals = Vitals(writer.log, store.root)
    vitals.start()
    ended = threading.Event()
    baselines = threading.Thread(target=_log_baselines, args=(store, config, data, writer, ended), name="baselines", daemon=True)
    baselines.start()
    try:
        # One that ended early, and finished, and is resumed all the same, is to be trained on.
        goes_on = is_longer or outcome == "finished"
        stopped = _train_steps(config, trainer, folder, stop, checkpoint, todo.total_steps, goes_on=goes_on)
        if stopped is not None:
            return stopped
        step = trainer.state.global_step
        is_due = is_tested(config, built.task) and not (step == writer.resumed_at and "test/loss" in logged)
        if is_due and (stop.is_set() or not _test(store, run_id, built.task, trainer, writer, pulse)):
            logger.info(_("Asked to stop: the final test is left out."))
            return Ending(False, step, left_out="test")
        pulse.enter("computing baselines")
        while baselines.is_alive() and not stop.is_set():  # whoever asks for an end now gets a finished run without them
            baselines.join(0.2)
        if baselines.is_alive():
            logger.info(_("Asked to stop: the baselines that are not computed yet are left out."))
        folder.close()
        return Ending(True, step)
    finally:
        ended.set()
        vitals.end()
        _tell_what_it_took(journal, writer, folder)


def _train_steps(
    config: TrainConfig,
    trainer: DescentTrainer,
    folder: CheckpointFolder,
    stop: threading.Event,
    checkpoint: Checkpoint | None,
    last: int,
    *,
    goes_on: bool,
) -> Ending | None:
    """Does the evaluation that is due at the checkpoint, and then the steps that are left up to the `last`; how it ended where it
    was asked to stop. With `goes_on` a run that ended early is trained on.
    """
    if checkpoint is not None:
        if checkpoint.evaluation_due:
            if not trainer.evaluations.finish(checkpoint):
                return Ending.before(checkpoint)
        else:
            trainer.restore_state(checkpoint.path)
        is_over = trainer.state.global_step >= last or (not goes_on and has_ended_early(config, trainer.state, folder))
        if is_over:
            if not checkpoint.evaluation_due:
                trainer.restore(checkpoint.path)
            return None
        if stop.is_set():
            return Ending.before(checkpoint)
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint.path))
    step = trainer.state.global_step
    if trainer.evaluations.is_left_out:
        return Ending(False, step, left_out="evaluation")
    if stop.is_set() and step < last and not has_ended_early(config, trainer.state, folder):
        return Ending(False, step)
    return None


def _open_folder(store: Store, run_id: str, config: TrainConfig, built: Built, journal: Journal) -> CheckpointFolder:
    """The run's checkpoints; MLflow is told by which metric one is kept as the best, and which one that is."""

    def tell_kept(step: int | None) -> None:
        journal.tags({tags.KEPT_STEP: tags.NONE_KEPT if step is None else str(step)})

    best_by = built.task.best_by or config.best_by
    journal.tags({tags.BEST_BY: best_by})
    # A model that writes may get no slot right for many evaluations: the first of those would be its worst.
    by_loss = built.task.measure_written is not None and "best" in config.rules
    return CheckpointFolder(store, run_id, config, built.details, best_by=best_by, loss_breaks_ties=by_loss, tell_kept=tell_kept)


def _tell_what_it_took(journal: Journal, writer: JournalWriter, folder: CheckpointFolder) -> None:
    """What a dry run foresees, as it was in the end."""
    took = {tags.PEAK_MEMORY: str(peak_memory_bytes())}
    with suppress(OSError):  # it may be the disk that ended the run
        took[tags.CHECKPOINT_BYTES] = str(sum(path.stat().st_size for path in folder.path.rglob("*") if path.is_file()))
    if writer.mean_rate is not None:
        took[tags.SAMPLES_PER_SECOND] = f"{writer.mean_rate:.6g}"
    journal.tags(took)


def _describe(config: TrainConfig, built: Built, journal: Journal) -> Plan:
    """Writes down what the run stands on; returns its steps."""
    data, task = built.data, built.task
    summary = summarise(data)
    todo = plan(config, as_trained(summary, task))
    parameters, trained = task.count_parameters()
    journal.tags(
        task.tags
        | {
            tags.DEVICE: built.device,
            tags.KERNELS: built.details["kernels"],
            tags.PRECISION: choose_precision(config.precision),
            tags.PACKAGES: ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
            tags.PYTHON: platform.python_version(),
            tags.THREADS: str(torch.get_num_threads()),
            tags.PARAMETERS: str(parameters),
            tags.TOTAL_STEPS: str(todo.total_steps),
            tags.EVALUATED_ON: config.evaluation_split,
            tags.EVALUATED_DIGEST: evaluated_digest(data.splits[config.evaluation_split], data.label_names),
            tags.DATASET: data.name,
            tags.DATASET_DIGEST: data.digest,
        }
    )
    for name, split in data.splits.items():
        context = {"train": "training", "validation": "validation", "test": "test"}[name]
        profile = {"rows": len(split), "label_counts": summary.label_counts[name], "revision": data.revision}
        journal.dataset(f"{data.name}/{name}", data.source, data.digest, context, profile)
    logger.info(
        _("{rows:,} rows, {parameters:,} parameters, {share:.1%} of them trained, {steps:,} steps.").format(
            rows=summary.rows["train"], parameters=parameters, share=trained / max(1, parameters), steps=todo.total_steps
        )
    )
    return todo


def _resume(
    store: Store, run_id: str, config: TrainConfig, folder: CheckpointFolder, step: int | None, data: Data, journal: Journal
) -> Checkpoint | None:
    """Makes what was computed after `step` superseded: checkpoints and predictions first, then the curve, so that a worker
    which is killed in between leaves nothing with a hole in it. Returns the checkpoint to go on from, None for a start from the
    first step.
    """
    if step is None:
        return None
    checkpoint = None
    if step:
        checkpoint = find_checkpoint(store, run_id, step)
        verify(checkpoint)
        if checkpoint.details.get("dataset_digest", data.digest) != data.digest:
            raise DataError(
                _(
                    "The rows of {dataset} are no longer those that the run was trained on until now. Put them back, or clone the "
                    "run and train anew."
                ).format(dataset=config.dataset)
            )
    folder.supersede_after(step)
    drop_after(store, run_id, step)
    if config.epochs != read_config(store.config_file(run_id)).epochs:
        write_config(config, store.config_file(run_id), write_atomically)
        journal.tags({tags.EPOCHS: str(config.epochs)})
    journal.restart(step)
    kept = [other for other in list_checkpoints(store, run_id) if other.metrics]
    logger.info(_("Resuming from step {step}; {count} evaluated checkpoints stand.").format(step=step, count=len(kept)))
    return checkpoint


def _test(store: Store, run_id: str, task: Prepared, trainer: DescentTrainer, writer: JournalWriter, pulse: Pulse) -> bool:
    """Measures the best checkpoint once on the test split; False where the run was asked to stop meanwhile."""
    pulse.enter("testing")
    trainer.forget_optimizer()
    best = find_checkpoint(store, run_id, "best")
    if best.step != trainer.state.global_step:
        trainer._load_from_checkpoint(str(best.path))  # HF's own loader: it knows adapters from whole models
    # While it trains a sample of the turns is written; here all of them.
    trainer.compute_metrics = partial(task.measure, split="test", whole=True)
    try:
        figures = trainer.predict(task.splits["test"], metric_key_prefix="test").metrics
    except EvaluationStopped:
        return False
    writer.log(rename_metrics(figures))
    return True


def _log_baselines(store: Store, config: TrainConfig, data: Data, writer: JournalWriter, ended: threading.Event) -> None:
    if sys.platform == "linux":
        # Linux gives each thread a priority of its own: the baseline takes what training leaves.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
    for found in compute_baselines(data, config, store.cache, write_atomically):
        if ended.is_set():  # nothing may be logged after the run's last word
            return
        writer.log({f"baseline/{name}": value for name, value in found.items()})
