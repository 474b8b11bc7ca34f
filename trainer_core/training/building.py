"""Everything that training stands on, built from the settings: data, model, threads, and HF Trainer around them.

The worker and the dry run build alike, so that what the one measures is what the other does.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import torch
from transformers import PrinterCallback, TrainerCallback, set_seed

from trainer_core.config import NETWORKS, PICTURES, TEXTS, TrainConfig
from trainer_core.data import Data, DataSummary, load_data
from trainer_core.free_memory import most_held_bytes
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tasks.model_download import fetch_model
from trainer_core.tasks.preparing import prepare_task
from trainer_core.tasks.task import Prepared
from trainer_core.training.kernels import ROUNDING, is_faster, multiplies_bf16, use_bf16, use_fused, use_onednn, use_rounded
from trainer_core.training.saving import CheckpointFolder
from trainer_core.training.threads import choose_threads, count_flops
from trainer_core.training.trainer import DescentTrainer, choose_precision, training_arguments
from trainer_core.training.vitals import Pulse

logger = logging.getLogger("descent.worker")
_TELL_SECONDS = 2.0


@dataclass(frozen=True)
class Built:
    """What training stands on. `details` is what a checkpoint's manifest says of it, `device` names it for people."""

    data: Data
    task: Prepared
    details: dict[str, Any]
    device: str


def build(config: TrainConfig, store: Store, pulse: Pulse, threads: int | None = None) -> Built:
    """Data, model and threads of the settings. With `threads` that many, else what the size of a step asks for.

    Raises TrainerError for what the user can mend.
    """
    pulse.enter("loading data")
    logger.info(_("Loading {dataset}.").format(dataset=config.dataset))
    data = load_data(config, store.datasets)
    _fetch_model(config, pulse)
    pulse.enter("building the model")
    set_seed(config.seed)
    task = prepare_task(config, data, store.cache)
    device = describe_device()
    if threads:
        torch.set_num_threads(threads)
    elif not torch.cuda.is_available():
        torch.set_num_threads(choose_threads(count_flops(task, config), torch.get_num_threads()))
    details = task.details | {"labels": data.label_names, "dataset_digest": data.digest, "task": config.task}
    details["threads"] = torch.get_num_threads()
    details["kernels"] = _choose_kernels(config, task)
    return Built(data, task, details, device)


def as_trained(summary: DataSummary, task: Prepared) -> DataSummary:
    """The counts of what is trained on and evaluated: a long dialogue is several examples, one that does not fit is none."""
    return replace(summary, rows={name: len(split) for name, split in task.splits.items()})  # type: ignore[arg-type]


def make_trainer(
    config: TrainConfig,
    in_force: TrainConfig,
    built: Built,
    folder: CheckpointFolder,
    steps_per_epoch: int,
    pulse: Pulse,
    stop: Event,
    callbacks: Sequence[TrainerCallback],
) -> DescentTrainer:
    """The Trainer of the settings; `in_force` are those with the batch that memory allows. Raises ConfigError for a precision that
    this machine lacks.
    """
    trainer = DescentTrainer(
        config=config,
        in_force=in_force,
        folder=folder,
        task=built.task,
        steps_per_epoch=steps_per_epoch,
        pulse=pulse,
        stop=stop,
        args=training_arguments(in_force, folder.aside, autocast=built.details["kernels"] not in ROUNDING),
        eval_dataset=built.task.splits[config.evaluation_split],
        callbacks=list(callbacks),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def peak_memory_bytes() -> int:
    """The most that this process has held: of the GPU where it used one, else of the machine's memory."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_reserved())
    return most_held_bytes()


def _choose_kernels(config: TrainConfig, task: Prepared) -> str:
    """Has a model on a CPU computed in the quickest way known, see kernels; returns that way's name."""
    if config.task not in TEXTS or torch.cuda.is_available() or torch.backends.mps.is_available():
        return "torch"
    ways: list[tuple[str, Callable[[torch.nn.Module], int]]]
    match choose_precision(config.precision):
        case "fp32":
            ways = [("onednn", use_onednn)] if is_faster() else [("fused", use_fused)]
        case _:
            ways = [("bf16", use_bf16), ("mixed", use_fused) if multiplies_bf16() else ("rounded", use_rounded)]
    way = next((name for name, use in ways if use(task.model)), "torch")
    if way == "rounded":
        logger.info(
            _("This processor has no instructions for bf16: numbers are rounded to it and multiplied in fp32, no faster than fp32.")
        )
    return way


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


def describe_device() -> str:
    """The device as people name it: `NVIDIA H200, 139 GiB` or `2 CPU cores`."""
    if torch.cuda.is_available():
        properties: Any = torch.cuda.get_device_properties(0)
        return f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        return "Apple GPU"
    return _("{count} CPU cores").format(count=torch.get_num_threads())
