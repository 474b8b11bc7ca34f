"""One run from data to finished: what the worker process does once its imports are done."""

import logging
import os
import platform
import sys
import threading
from gettext import gettext as _
from importlib.metadata import version
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import PrinterCallback, set_seed

from trainer_core.checkpoints import find_checkpoint, list_checkpoints, verify
from trainer_core.config import TrainConfig
from trainer_core.data import ImageData, content_share_of, load_data, plan, summarise
from trainer_core.store import Store, write_atomically
from trainer_core.tasks.baselines import compute_baselines
from trainer_core.tasks.image_classification import PictureDataset, as_batch, measure_logits
from trainer_core.tasks.networks import ImageClassifier, build_network
from trainer_core.tracking import tags
from trainer_core.tracking.journal import Journal
from trainer_core.training.flow import Flow, JournalWriter, rename_metrics
from trainer_core.training.saving import CheckpointFolder
from trainer_core.training.trainer import DescentTrainer, choose_precision, training_arguments
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
) -> bool:
    """Trains, measures and saves. True when it came to its end, False when it was asked to stop.

    Raises TrainerError for what the user can mend.
    """
    pulse.epochs = config.epochs
    pulse.enter("loading data")
    logger.info(_("Loading {dataset}.").format(dataset=config.dataset))
    data = load_data(config)
    pulse.enter("building the model")
    network, steps = _prepare(config, data, journal)
    if stop.is_set():
        return False
    details = {
        "labels": data.label_names,
        "image_shape": data.image_shape,
        "content_share": content_share_of(data.splits["train"].images),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "dataset_digest": data.digest,
        "task": config.task,
    }
    folder = CheckpointFolder(store, run_id, config, details)
    writer = JournalWriter(journal, pulse, len(data.splits["train"]))
    trainer = DescentTrainer(
        config=config,
        folder=folder,
        steps_per_epoch=steps,
        model=network,
        args=training_arguments(config, folder.aside),
        train_dataset=PictureDataset(data.splits["train"], config),
        eval_dataset=PictureDataset(data.splits[config.evaluation_split], config),
        data_collator=as_batch,
        compute_metrics=measure_logits,
        callbacks=[Flow(config, folder, stop), writer],
    )
    trainer.remove_callback(PrinterCallback)
    vitals = Vitals(writer.log, store.root)
    vitals.start()
    ended = threading.Event()
    baselines = threading.Thread(target=_log_baselines, args=(store, config, data, writer, ended), name="baselines", daemon=True)
    baselines.start()
    try:
        trainer.train(resume_from_checkpoint=_resume(store, run_id, folder, resume_from))
        if stop.is_set() and trainer.state.global_step < trainer.state.max_steps:
            return False
        _test(store, run_id, config, data, trainer, writer, pulse)
        pulse.enter("computing baselines")
        while baselines.is_alive() and not stop.is_set():  # whoever asks for an end now gets a finished run without them
            baselines.join(0.2)
        folder.close()
        return True
    finally:
        ended.set()
        vitals.end()


def _prepare(config: TrainConfig, data: ImageData, journal: Journal) -> tuple[ImageClassifier, int]:
    """Seeds, builds the network and writes down what the run stands on; returns it with the steps in an epoch."""
    summary = summarise(data)
    todo = plan(config, summary)
    set_seed(config.seed)
    network = build_network(config, data.image_shape, len(data.label_names))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    journal.tags(
        {
            tags.DEVICE: describe_device(),
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
        _("{rows:,} rows, {parameters:,} parameters, {steps:,} steps.").format(
            rows=summary.rows["train"], parameters=parameters, steps=todo.total_steps
        )
    )
    return network, todo.steps_per_epoch


def _resume(store: Store, run_id: str, folder: CheckpointFolder, step: int | None) -> str | None:
    if step is None:
        return None
    checkpoint = find_checkpoint(store, run_id, step)
    verify(checkpoint)
    folder.supersede_after(step)
    kept = [other for other in list_checkpoints(store, run_id) if other.metrics]
    logger.info(_("Resuming from step {step}; {count} evaluated checkpoints stand.").format(step=step, count=len(kept)))
    return str(checkpoint.path)


def _test(
    store: Store, run_id: str, config: TrainConfig, data: ImageData, trainer: DescentTrainer, writer: JournalWriter, pulse: Pulse
) -> None:
    """Measures the best checkpoint once on the test split, where that split had no part in choosing it."""
    if config.evaluation_split == "test":
        return
    pulse.enter("testing")
    best = find_checkpoint(store, run_id, "best")
    trainer.model.load_state_dict(load_file(best.path / "model.safetensors"))
    figures = trainer.predict(PictureDataset(data.splits["test"], config), metric_key_prefix="test").metrics
    writer.log(rename_metrics(figures))


def _log_baselines(store: Store, config: TrainConfig, data: ImageData, writer: JournalWriter, ended: threading.Event) -> None:
    if sys.platform == "linux":
        # Linux gives each thread a priority of its own: the baseline takes what training leaves.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
    mean, std = config.input_mean, config.input_std
    for found in compute_baselines(data, config.evaluation_split, mean, std, store.cache, write_atomically):
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
