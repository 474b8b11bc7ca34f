"""One run from data to finished: what the worker process does once its imports are done."""

import logging
import os
import platform
import sys
import threading
import time
from gettext import gettext as _
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, set_seed

from trainer_core.batch_in_force import format_smaller, in_force, read_smaller
from trainer_core.checkpoints import find_checkpoint, list_checkpoints, verify
from trainer_core.config import CLASSIFIERS, NETWORKS, PICTURES, TEXTS, TrainConfig
from trainer_core.data import Data, load_data, plan, summarise
from trainer_core.errors import DataError
from trainer_core.predictions import drop_after
from trainer_core.settings import read_config, write_config
from trainer_core.store import Store, write_atomically
from trainer_core.tasks.baselines import compute_baselines
from trainer_core.tasks.model_download import fetch_model
from trainer_core.tasks.preparing import prepare_task
from trainer_core.tasks.task import Prepared
from trainer_core.tracking import tags
from trainer_core.tracking.journal import Journal
from trainer_core.training.flow import Flow, JournalWriter, rename_metrics
from trainer_core.training.keeping import PredictionKeeper
from trainer_core.training.products import is_faster, use_onednn
from trainer_core.training.saving import CheckpointFolder
from trainer_core.training.threads import choose_threads, count_flops
from trainer_core.training.trainer import DescentTrainer, choose_precision, training_arguments
from trainer_core.training.vitals import Pulse, Vitals

logger = logging.getLogger("descent.worker")
_TELL_SECONDS = 2.0
_PACKAGES = ("torch", "transformers", "accelerate", "datasets", "scikit-learn", "numpy", "mlflow")


def train(
    store: Store,
    run_id: str,
    config: TrainConfig,
    journal: Journal,
    pulse: Pulse,
    stop: threading.Event,
    resume_from: int | None = None,
) -> bool:
    """Trains, measures and saves. True when it came to its end, False when it was asked to stop.

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
) -> bool:
    pulse.epochs = config.epochs
    now = in_force(store, run_id, config)
    if now != config:
        journal.tags({tags.SMALLER: format_smaller(read_smaller(store, run_id))})
    pulse.enter("loading data")
    logger.info(_("Loading {dataset}.").format(dataset=config.dataset))
    data = load_data(config, store.datasets)
    _fetch_model(config, pulse)
    pulse.enter("building the model")
    set_seed(config.seed)
    task = prepare_task(config, data, store.cache)
    device = describe_device()
    _set_threads(store, run_id, config, task, resume_from)
    products = "onednn" if _wants_onednn(config) and use_onednn(task.model) else "torch"
    steps_per_epoch = _describe(config, data, task, journal, {tags.DEVICE: device, tags.PRODUCTS: products})
    if stop.is_set():
        return False
    details = task.details | {"labels": data.label_names, "dataset_digest": data.digest, "task": config.task}
    details |= {"threads": torch.get_num_threads(), "products": products}
    folder = CheckpointFolder(store, run_id, config, details)
    writer = JournalWriter(journal, pulse, len(data.splits["train"]))
    trainer = DescentTrainer(
        config=config,
        in_force=now,
        folder=folder,
        task=task,
        steps_per_epoch=steps_per_epoch,
        enter=pulse.enter,
        args=training_arguments(now, folder.aside),
        eval_dataset=task.splits[config.evaluation_split],
        callbacks=[Flow(config, folder, stop), writer],
    )
    trainer.remove_callback(PrinterCallback)
    if config.task in CLASSIFIERS:
        trainer.compute_metrics = PredictionKeeper(store, run_id, data, config.evaluation_split, trainer).measure
    checkpoint = _resume(store, run_id, config, folder, resume_from, data, journal)
    vitals = Vitals(writer.log, store.root)
    vitals.start()
    ended = threading.Event()
    baselines = threading.Thread(target=_log_baselines, args=(store, config, data, writer, ended), name="baselines", daemon=True)
    baselines.start()
    try:
        trainer.train(resume_from_checkpoint=checkpoint)
        if stop.is_set() and trainer.state.global_step < trainer.state.max_steps:
            return False
        _test(store, run_id, config, task, trainer, writer, pulse)
        pulse.enter("computing baselines")
        while baselines.is_alive() and not stop.is_set():  # whoever asks for an end now gets a finished run without them
            baselines.join(0.2)
        folder.close()
        return True
    finally:
        ended.set()
        vitals.end()


def _wants_onednn(config: TrainConfig) -> bool:
    return config.task in TEXTS and choose_precision(config.precision) == "fp32" and not torch.cuda.is_available() and is_faster()


def _set_threads(store: Store, run_id: str, config: TrainConfig, task: Prepared, resume_from: int | None) -> None:
    """One thread for a small step. A resumed run computes with as many as before: sums in another order differ in the last
    digit.
    """
    threads = find_checkpoint(store, run_id, resume_from).details.get("threads") if resume_from else None
    if isinstance(threads, int) and threads > 0:
        torch.set_num_threads(threads)
    elif not torch.cuda.is_available():
        torch.set_num_threads(choose_threads(count_flops(task, config), torch.get_num_threads()))


def _fetch_model(config: TrainConfig, pulse: Pulse) -> None:
    """Has a hub model here before anything is built, telling the bytes."""
    if config.task in PICTURES or config.model in NETWORKS[config.task] or Path(config.model).expanduser().is_dir():
        return
    pulse.enter("downloading the model")
    told = 0.0

    def tell(done: int, everything: int) -> None:
        nonlocal told
        pulse.done_bytes, pulse.all_bytes = done, everything
        if time.monotonic() - told > _TELL_SECONDS or done >= everything > 0:
            told = time.monotonic()
            logger.info(
                _("{done:,.1f} of {all:,.1f} MB of {model}.").format(done=done / 1e6, all=everything / 1e6, model=config.model)
            )

    try:
        fetch_model(config.model, config.model_revision, tell)
    finally:
        pulse.done_bytes = pulse.all_bytes = 0


def _describe(config: TrainConfig, data: Data, task: Prepared, journal: Journal, found: dict[str, str]) -> int:
    """Writes down what the run stands on, `found` among it; returns the steps in an epoch."""
    summary = summarise(data)
    todo = plan(config, summary)
    parameters, trained = task.count_parameters()
    journal.tags(
        task.tags
        | found
        | {
            tags.PRECISION: choose_precision(config.precision),
            tags.PACKAGES: ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
            tags.PYTHON: platform.python_version(),
            tags.THREADS: str(torch.get_num_threads()),
            tags.PARAMETERS: str(parameters),
            tags.TOTAL_STEPS: str(todo.total_steps),
            tags.EVALUATED_ON: config.evaluation_split,
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
    return todo.steps_per_epoch


def _resume(
    store: Store, run_id: str, config: TrainConfig, folder: CheckpointFolder, step: int | None, data: Data, journal: Journal
) -> str | None:
    """Makes what was computed after `step` superseded: checkpoints and predictions first, then the curve, so that a worker
    which is killed in between leaves nothing with a hole in it. Returns the folder to go on from, None for a start from the
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
    return None if checkpoint is None else str(checkpoint.path)


def _test(
    store: Store,
    run_id: str,
    config: TrainConfig,
    task: Prepared,
    trainer: DescentTrainer,
    writer: JournalWriter,
    pulse: Pulse,
) -> None:
    """Measures the best checkpoint once on the test split, where that split had no part in choosing it."""
    if config.evaluation_split == "test":
        return
    pulse.enter("testing")
    trainer.forget_optimizer()
    best = find_checkpoint(store, run_id, "best")
    if best.step != trainer.state.global_step:
        trainer._load_from_checkpoint(str(best.path))  # HF's own loader: it knows adapters from whole models
    trainer.compute_metrics = task.measure
    figures = trainer.predict(task.splits["test"], metric_key_prefix="test").metrics
    writer.log(rename_metrics(figures))


def _log_baselines(store: Store, config: TrainConfig, data: Data, writer: JournalWriter, ended: threading.Event) -> None:
    if sys.platform == "linux":
        # Linux gives each thread a priority of its own: the baseline takes what training leaves.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
    for found in compute_baselines(data, config, store.cache, write_atomically):
        if ended.is_set():  # nothing may be logged after the run's last word
            return
        writer.log({f"baseline/{name}": value for name, value in found.items()})


def describe_device() -> str:
    """The device as people name it: `NVIDIA H200, 139 GiB` or `2 CPU cores`."""
    if torch.cuda.is_available():
        properties: Any = torch.cuda.get_device_properties(0)
        return f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        return "Apple GPU"
    return _("{count} CPU cores").format(count=torch.get_num_threads())
