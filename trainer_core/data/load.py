"""From the field `dataset` to splits: finds the source, draws the splits it lacks, and says early what does not fit."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from gettext import gettext as _
from pathlib import Path

import numpy as np

from trainer_core.config import TrainConfig
from trainer_core.data import hub
from trainer_core.data.digits import read_digits
from trainer_core.data.idx import read_folder
from trainer_core.data.images import ImageData, ImageSplit, SplitName, digest_of
from trainer_core.data.splits import draw_stratified
from trainer_core.errors import ConfigError, DataError

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_DIGIT_NAMES = tuple(str(digit) for digit in range(10))


@dataclass(frozen=True)
class DataSummary:
    """What a dataset holds, without its pictures. `label_counts` has one list a split, in the order of `label_names`."""

    name: str
    source: str
    digest: str
    rows: Mapping[SplitName, int]
    label_names: tuple[str, ...]
    label_counts: Mapping[SplitName, list[int]]
    image_shape: tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """What a run will do: steps of the optimiser, and rows in one of them."""

    steps_per_epoch: int
    total_steps: int
    effective_batch_size: int
    evaluated_rows: int


def load_data(config: TrainConfig) -> ImageData:
    """The dataset that `config` names, with the splits it asks for.

    With `evaluation_split="test"` no validation rows are drawn: all training rows train. Raises DataError where the source
    is missing or damaged, and ConfigError where the batch is larger than the training rows.
    """
    name, source, revision, found, label_names = _read_source(config.dataset)
    splits = _draw_missing(found, config)
    largest = max(int(split.labels.max()) for split in splits.values())
    if largest >= len(label_names):
        label_names = tuple(str(label) for label in range(largest + 1))
    rows = len(splits["train"])
    if config.batch_size > rows:
        raise ConfigError(
            {
                "batch_size": _(
                    "Batch size (batch_size) is {batch:,}, more than the {rows:,} training rows of {name}. Give at most {rows:,}."
                ).format(batch=config.batch_size, rows=rows, name=name)
            }
        )
    return ImageData(name, source, revision, label_names, splits, digest_of(splits))


def summarise(data: ImageData) -> DataSummary:
    """The counts of a loaded dataset."""
    classes = len(data.label_names)
    return DataSummary(
        data.name,
        data.source,
        data.digest,
        {name: len(split) for name, split in data.splits.items()},
        data.label_names,
        {name: split.label_counts(classes) for name, split in data.splits.items()},
        data.image_shape,
    )


def check(config: TrainConfig) -> DataSummary | None:
    """Says before a launch what would fail in the worker, within seconds.

    Local data are read whole and summarised. A hub dataset that is not on this machine yet is only checked for a network
    and gives None: its download belongs to the worker. Raises DataError or ConfigError.
    """
    kind = source_kind(config.dataset)
    if kind == "hub":
        hub.check_reachable(config.dataset)
        if not hub.is_cached(config.dataset):
            return None
    return summarise(load_data(config))


def plan(config: TrainConfig, summary: DataSummary) -> Plan:
    """Steps and rows of a run, as the Trainer counts them: the last, smaller batch of an epoch is a step too."""
    batches = math.ceil(summary.rows["train"] / config.batch_size)
    steps_per_epoch = max(1, math.ceil(batches / config.accumulation_steps))
    total = config.max_steps or steps_per_epoch * config.epochs
    return Plan(steps_per_epoch, total, config.effective_batch_size, summary.rows[config.evaluation_split])


def source_kind(dataset: str) -> str:
    """`built-in`, `folder` or `hub`. Raises DataError for what is none of them."""
    if dataset == "digits":
        return "built-in"
    path = Path(dataset).expanduser()
    if path.is_dir():
        return "folder"
    if path.exists():
        raise DataError(
            _("{dataset} is a file. A dataset is the folder that holds the four IDX files of MNIST; name that folder.").format(
                dataset=dataset
            )
        )
    if dataset.startswith(("/", ".", "~")) or not _HUB_ID.fullmatch(dataset):
        raise DataError(
            _(
                "There is no folder {dataset}. Give “digits”, an existing folder with the IDX files, "
                "or a hub id such as ylecun/mnist."
            ).format(dataset=dataset)
        )
    return "hub"


def _read_source(dataset: str) -> tuple[str, str, str, dict[str, ImageSplit], tuple[str, ...]]:
    kind = source_kind(dataset)
    if kind == "built-in":
        import sklearn

        return "digits", "scikit-learn", sklearn.__version__, read_digits(), _DIGIT_NAMES
    if kind == "folder":
        folder = Path(dataset).expanduser().resolve()
        return folder.name, str(folder), "", read_folder(folder), _DIGIT_NAMES
    splits, names, revision = hub.read_hub(dataset)
    return dataset.split("/")[-1], f"hf://datasets/{dataset}", revision, splits, names


def _draw_missing(found: Mapping[str, ImageSplit], config: TrainConfig) -> dict[SplitName, ImageSplit]:
    train = found["train"]
    rows = np.arange(len(train))
    splits: dict[SplitName, ImageSplit] = {}
    if "test" in found:
        splits["test"] = found["test"]
    else:
        rows, drawn = draw_stratified(train.labels, config.test_share)
        splits["test"] = train.take(drawn)
    if config.evaluation_split == "validation":
        if "validation" in found:
            splits["validation"] = found["validation"]
        else:
            # The share is of all the rows that were there, so that 0.15 and 0.15 leave 0.70.
            share = config.validation_share * len(train) / len(rows)
            kept, drawn = draw_stratified(train.labels[rows], share)
            splits["validation"] = train.take(rows[drawn])
            rows = rows[kept]
    splits["train"] = train.take(rows)
    return {name: splits[name] for name in ("train", "validation", "test") if name in splits}
