"""What a dry run foresaw of a run: each figure a range, from least to most, with what is likely between."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from trainer_core.config import TrainConfig
from trainer_core.language import gettext as _
from trainer_core.store import Store, write_atomically

Range = tuple[float, float, float]
"""Least, likely and most."""
_NOT_MEASURED = ("name", "experiment")
_ROOM = 0.9
"""The part of the memory left that a run may take: the machine has other things to do too."""


@dataclass(frozen=True)
class Foreseen:
    """A dry run's answer. Bytes and seconds; `steps` is how many were measured, `total_steps` how many the run will do.

    `available` is the memory that was left when it began, of the GPU where there is one. Where memory ran out `fits` is False, the
    ranges are None, and `peak_bytes` is where it got to.
    """

    fits: bool
    steps: int
    total_steps: int
    evaluations: int
    checkpoints: tuple[int, int]
    samples_per_second: Range | None
    seconds: Range | None
    peak_bytes: Range
    disk_bytes: Range | None
    available: float
    beside: bool = False
    """Whether another run was at work, which makes all of it slower."""

    @property
    def is_tight(self) -> bool:
        """Whether it may not fit into memory."""
        return not self.fits or self.peak_bytes[2] > _ROOM * self.available


@dataclass(frozen=True)
class Remedy:
    """A change of settings that takes less memory, with a sentence on what it costs."""

    changes: Mapping[str, Any]
    sentence: str


def remedies(config: TrainConfig, on_gpu: bool) -> list[Remedy]:
    """What can be done where memory does not suffice, the gentlest first. bf16 is one on a GPU alone."""
    from trainer_core.batch_in_force import halve
    from trainer_core.config import TEXTS

    found = []
    if config.batch_size > 1:
        batch, accumulation = halve(config.batch_size, config.accumulation_steps)
        found.append(
            Remedy(
                {"batch_size": batch, "accumulation_steps": accumulation},
                _("Batches of {batch}, {accumulation} to a step: the same result, a little slower.").format(
                    batch=batch, accumulation=accumulation
                ),
            )
        )
    if config.eval_batch_size > config.batch_size:
        found.append(
            Remedy({"eval_batch_size": config.batch_size}, _("Smaller batches in evaluation: the same result, a little slower."))
        )
    if config.task in TEXTS and config.activation_checkpointing == "off":
        found.append(
            Remedy({"activation_checkpointing": "on"}, _("Activation checkpointing: the same result, about a third slower."))
        )
    if on_gpu and config.precision == "fp32":  # auto takes bf16 where a GPU has it
        found.append(Remedy({"precision": "bf16"}, _("bf16: less memory for what layers keep, and results a little different.")))
    if config.task in TEXTS and config.adapter == "none" and config.model != "small_gpt":
        found.append(Remedy({"adapter": "lora"}, _("LoRA: only small matrices are trained; raise the learning rate tenfold.")))
    return found


def write_foreseen(store: Store, config: TrainConfig, foreseen: Foreseen) -> None:
    """Keeps the answer for the launch of these settings."""
    write_atomically(_place(store, config), format_foreseen(foreseen))


def read_foreseen(store: Store, config: TrainConfig) -> Foreseen | None:
    """What was foreseen for these settings last; None where nothing was."""
    try:
        return parse_foreseen(_place(store, config).read_text(encoding="utf-8"))
    except OSError:
        return None


def format_foreseen(foreseen: Foreseen) -> str:
    """As JSON, for a file, an answer and a run's tag."""
    return json.dumps(asdict(foreseen))


def parse_foreseen(text: str) -> Foreseen | None:
    """Reads what `format_foreseen` wrote; None for anything else."""
    try:
        return foreseen_of(json.loads(text))
    except ValueError:
        return None


def foreseen_of(told: Any) -> Foreseen | None:
    """The same from what JSON made of it."""
    try:
        values = {field.name: told[field.name] for field in fields(Foreseen)}
        ranges = ("samples_per_second", "seconds", "peak_bytes", "disk_bytes")
        values |= {name: None if values[name] is None else _range(values[name]) for name in ranges}
        least, most = values["checkpoints"]
        return Foreseen(**values | {"checkpoints": (int(least), int(most))})
    except (ValueError, TypeError, KeyError):
        return None


def _range(values: Sequence[float]) -> Range:
    least, likely, most = (float(value) for value in values)
    return least, likely, most


def _place(store: Store, config: TrainConfig) -> Path:
    told = config.model_dump(mode="json", exclude=set(_NOT_MEASURED))
    digest = hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=12).hexdigest()
    return store.cache / f"foreseen-{digest}.json"
