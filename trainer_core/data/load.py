"""From the field `dataset` to splits: finds the source, draws the splits it lacks, and says early what does not fit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from trainer_core.config import CLASSIFIERS, PICTURES, TrainConfig
from trainer_core.data import dialogue_files, hub_datasets, idx, library, saved, texts
from trainer_core.data.bookings import make_bookings
from trainer_core.data.digits import read_digits
from trainer_core.data.images import ImageData, ImageSplit, digest_of
from trainer_core.data.labels import is_missing_word, several_in_one
from trainer_core.data.located import BUILT_IN, HUB_ID, what_is_in
from trainer_core.data.reviews import LABELS, make_reviews
from trainer_core.data.splits import SplitName, draw_stratified, number_contents
from trainer_core.data.texts import TextColumns, TextData, TextSplit, digest_of_texts
from trainer_core.errors import ConfigError, DataError
from trainer_core.language import gettext as _

Data = ImageData | TextData
Split = TypeVar("Split", ImageSplit, TextSplit)
_DIGIT_NAMES = tuple(str(digit) for digit in range(10))


@dataclass(frozen=True)
class DataSummary:
    """What a dataset holds, without its examples. `label_counts` has one list a split, in the order of `label_names`."""

    name: str
    source: str
    digest: str
    rows: Mapping[SplitName, int]
    label_names: tuple[str, ...]
    label_counts: Mapping[SplitName, list[int]]
    image_shape: tuple[int, int] | None
    """Height and width in pixels; None for texts."""
    synthetic: bool = False
    copied_rows: Mapping[SplitName, int] = field(default_factory=dict)
    """Of the splits that are held out the rows whose content stands in training too, where there are some."""

    @property
    def notes(self) -> list[str]:
        """What is odd about classes and splits and should be said before they are learned from; [] for most data."""
        notes = [
            _(
                "{count:,} of the {rows:,} {split} rows stand in training too (leak): figures come out better than they are. Take "
                "them out on the page Data."
            ).format(count=count, rows=self.rows[split], split=_(split))
            for split, count in self.copied_rows.items()
        ]
        for name in filter(is_missing_word, self.label_names):
            rows = sum(counts[self.label_names.index(name)] for counts in self.label_counts.values())
            notes.append(
                _(
                    "“{name}” counts as a class here, in {rows:,} rows. Where it means that a label is missing, take them out."
                ).format(name=name, rows=rows)
            )
        if several_in_one(self.label_names):
            notes.append(
                _(
                    "Labels such as “{name}” seem to be several in one cell. Each combination is learned as a class of its own; "
                    "the page Data has the other choices."
                ).format(name=max(self.label_names, key=len)[:60])
            )
        return notes


@dataclass(frozen=True)
class Plan:
    """What a run will do: steps of the optimiser, and rows in one of them."""

    steps_per_epoch: int
    total_steps: int
    effective_batch_size: int
    evaluated_rows: int


def load_data(config: TrainConfig, folder: Path | None = None) -> Data:
    """The dataset that `config` names, with the splits it asks for: ImageData for pictures, TextData for texts.

    `folder` is where saved datasets lie (`Store.datasets`); without it none is known.
    With `evaluation_split="test"` no validation rows are drawn: all training rows train. Raises DataError where the source
    is missing or damaged, and ConfigError where the batch is larger than the training rows.
    """
    data = load_images(config, folder) if config.task in PICTURES else load_texts(config, folder)
    rows = len(data.splits["train"])
    if config.batch_size > rows:
        raise ConfigError(
            {
                "batch_size": _(
                    "Batch size (batch_size) is {batch:,}, more than the {rows:,} training rows of {name}. Give at most {rows:,}."
                ).format(batch=config.batch_size, rows=rows, name=data.name)
            }
        )
    return data


def load_images(config: TrainConfig, folder: Path | None = None) -> ImageData:
    """The pictures that `config` names, see `load_data`."""
    kind = source_kind(config, folder)
    names: tuple[str, ...] = _DIGIT_NAMES
    revision = ""
    if kind == "built-in":
        import sklearn

        name, source, revision, found = config.dataset, "scikit-learn", sklearn.__version__, read_digits()
    elif kind == "saved":
        assert folder is not None
        record, found, names = saved.read_images(folder, config)
        name, source, revision = record.reference, record.source, record.source_digest
    elif kind == "folder":
        place = Path(config.dataset).expanduser().resolve()
        name, source, found = place.name, str(place), idx.read_folder(place)
    else:
        name, source = config.dataset.split("/")[-1], f"hf://datasets/{config.dataset}"
        found, names, revision = hub_datasets.read_hub(config.dataset, config.dataset_configuration, config.dataset_revision)
    splits = _draw_missing(found, config, names)
    largest = max(int(split.labels.max()) for split in splits.values())
    if largest >= len(names):
        names = tuple(str(label) for label in range(largest + 1))
    return ImageData(name, source, revision, names, splits, digest_of(splits))


def load_texts(config: TrainConfig, folder: Path | None = None) -> TextData:
    """The texts that `config` names, see `load_data`."""
    if config.task == "chat":
        return load_dialogues(config, folder)
    kind, columns = source_kind(config, folder), TextColumns.of(config)
    revision = ""
    if kind == "built-in":
        written, numbers = make_reviews()
        named = [LABELS[number] for number in numbers]
        tables: dict[str, dict[str, list[Any]]] = {"train": {config.text_column: written, config.label_column: named}}
        name, source = config.dataset, "descent:reviews"
        found, names = texts.read_tables(source, tables, columns, LABELS)
    elif kind == "saved":
        assert folder is not None
        record, found, names = saved.read_texts(folder, config)
        name, source, revision = record.reference, record.source, record.source_digest
    elif kind == "folder":
        place = Path(config.dataset).expanduser().resolve()
        name, source = place.name, str(place)
        found, names = texts.read_folder(place, columns)
    else:
        name, source = config.dataset.split("/")[-1], f"hf://datasets/{config.dataset}"
        found, names, revision = hub_datasets.read_hub_texts(
            config.dataset, columns, config.dataset_configuration, config.dataset_revision
        )
    splits = _draw_missing(found, config, names)
    return TextData(name, source, revision, names, splits, digest_of_texts(splits), synthetic=kind == "built-in")


def load_dialogues(config: TrainConfig, folder: Path | None = None) -> TextData:
    """The dialogues that `config` names, each as one text, see `dialogues.as_text`."""
    kind, flags = source_kind(config, folder), "turn_flags" in config.rules
    revision = ""
    if kind == "built-in":
        name, source, found = config.dataset, "descent:bookings", {"train": make_bookings()}
    elif kind == "saved":
        assert folder is not None
        record, tables = saved.read_columns(folder, config)
        name, source, revision = record.reference, record.source, record.source_digest
        found = dialogue_files.read_tables(record.reference, tables, config.data_format, flags)
    elif kind == "folder":
        place = Path(config.dataset).expanduser().resolve()
        name, source, found = place.name, str(place), dialogue_files.read_folder(place, config.data_format, flags)
    else:
        name, source = config.dataset.split("/")[-1], f"hf://datasets/{config.dataset}"
        tables, revision = hub_datasets.read_hub_columns(config.dataset, config.dataset_configuration, config.dataset_revision)
        found = dialogue_files.read_tables(config.dataset, tables, config.data_format, flags)
    splits = _draw_missing(found, config)
    return TextData(name, source, revision, (), splits, digest_of_texts(splits), synthetic=kind == "built-in")


def summarise(data: Data) -> DataSummary:
    """The counts of a loaded dataset."""
    classes = len(data.label_names)
    return DataSummary(
        name=data.name,
        source=data.source,
        digest=data.digest,
        rows={name: len(split) for name, split in data.splits.items()},
        label_names=data.label_names,
        label_counts={name: split.label_counts(classes) for name, split in data.splits.items()},
        image_shape=data.image_shape if isinstance(data, ImageData) else None,
        synthetic=isinstance(data, TextData) and data.synthetic,
        copied_rows=_copied_rows(data),
    )


def _copied_rows(data: Data) -> dict[SplitName, int]:
    trained = set(data.splits["train"].contents())
    counts = {name: sum(map(trained.__contains__, split.contents())) for name, split in data.splits.items() if name != "train"}
    return {name: count for name, count in counts.items() if count}


def check(config: TrainConfig, folder: Path | None = None) -> DataSummary | None:
    """Says before a launch what would fail in the worker, within seconds.

    Local data are read whole and summarised. A hub dataset that is not on this machine yet is only checked for a network
    and gives None: its download belongs to the worker. Raises DataError or ConfigError.
    """
    if source_kind(config, folder) == "hub":
        hub_datasets.check_reachable(config.dataset, config.dataset_revision)
        if not hub_datasets.is_cached(config.dataset):
            return None
    return summarise(load_data(config, folder))


def plan(config: TrainConfig, summary: DataSummary) -> Plan:
    """Steps and rows of a run, as the Trainer counts them: the last, smaller batch of an epoch is a step too."""
    batches = math.ceil(summary.rows["train"] / config.batch_size)
    steps_per_epoch = max(1, math.ceil(batches / config.accumulation_steps))
    total = config.max_steps or steps_per_epoch * config.epochs
    return Plan(steps_per_epoch, total, config.effective_batch_size, summary.rows[config.evaluation_split])


def source_kind(config: TrainConfig, folder: Path | None = None) -> str:
    """`built-in`, `saved`, `folder` or `hub`. Raises DataError for what is none of them or holds what the task can't read."""
    dataset, pictures = config.dataset, config.task in PICTURES
    if dataset in BUILT_IN:
        if config.task not in BUILT_IN[dataset]:
            raise DataError(
                _("“{dataset}” holds {kind}, and the task {task} does not read them. Choose another dataset or task.").format(
                    dataset=dataset, kind=what_is_in(dataset), task=config.task
                )
            )
        return "built-in"
    if folder is not None and library.is_saved(folder, dataset):
        saved.check_fit(library.find(folder, dataset), config)
        return "saved"
    path = Path(dataset).expanduser()
    if path.is_dir():
        return "folder"
    if folder is not None and library.looks_versioned(dataset):
        library.find(folder, dataset)  # says what is saved
    holds = _("the four IDX files of MNIST") if pictures else "train.jsonl" if config.task == "chat" else "train.csv"
    if path.exists():
        raise DataError(
            _("{dataset} is a file. A dataset is the folder that holds {holds}; name that folder.").format(
                dataset=dataset, holds=holds
            )
        )
    if dataset.startswith(("/", ".", "~")) or not HUB_ID.fullmatch(dataset):
        raise DataError(
            _(
                "There is no folder {dataset}. Give “{built_in}”, an existing folder with {holds}, or a hub id such as {hub}."
            ).format(
                dataset=dataset,
                built_in=next(name for name, tasks in BUILT_IN.items() if config.task in tasks),
                holds=holds,
                hub="ylecun/mnist" if pictures else "cornell-movie-review-data/rotten_tomatoes",
            )
        )
    return "hub"


def _draw_missing(found: Mapping[str, Split], config: TrainConfig, names: Sequence[str] = ()) -> dict[SplitName, Split]:
    train = found["train"]
    if "copies_together" in config.rules and ("test" not in found or "validation" not in found):
        contents = number_contents(train.contents())
        try:
            return _draw(found, config, names, contents)
        except DataError:
            pass  # a class says too few different things to be on both sides: copies must part, and `copied_rows` tells it
    return _draw(found, config, names, None)


def _draw(
    found: Mapping[str, Split], config: TrainConfig, names: Sequence[str], contents: NDArray[np.int64] | None
) -> dict[SplitName, Split]:
    train = found["train"]
    rows = np.arange(len(train))
    strata = train.labels if config.task in CLASSIFIERS else np.zeros(len(train), dtype=np.int64)
    splits: dict[SplitName, Split] = {}
    if "test" in found:
        splits["test"] = found["test"]
    else:
        rows, drawn = draw_stratified(strata, config.test_share, contents=contents, names=names)
        splits["test"] = train.take(drawn)
    if config.evaluation_split == "validation":
        if "validation" in found:
            splits["validation"] = found["validation"]
        else:
            # The share is of all the rows that were there, so that 0.15 and 0.15 leave 0.70.
            share = config.validation_share * len(train) / len(rows)
            left = None if contents is None else contents[rows]
            kept, drawn = draw_stratified(strata[rows], share, contents=left, names=names)
            splits["validation"] = train.take(rows[drawn])
            rows = rows[kept]
    splits["train"] = train.take(rows)
    order: tuple[SplitName, ...] = ("train", "validation", "test")
    return {name: splits[name] for name in order if name in splits}
