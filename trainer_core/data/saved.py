"""A saved dataset as what a run trains on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from trainer_core.config import PICTURES, TrainConfig
from trainer_core.data.images import ImageSplit
from trainer_core.data.labels import find_labels, label_text, number_classes
from trainer_core.data.library import find, read_examples
from trainer_core.data.record import Record
from trainer_core.data.squares import picture_of
from trainer_core.data.texts import TextColumns, TextSplit, read_tables
from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.measures import kind_of


def check_fit(record: Record, config: TrainConfig) -> None:
    """Raises DataError where the task reads pictures and the dataset has texts, or the other way round."""
    if record.pictures != (config.task in PICTURES):
        raise DataError(
            _("“{dataset}” holds {kind}, and the task {task} does not read them. Choose another dataset or task.").format(
                dataset=record.reference, kind=_("pictures") if record.pictures else _("texts"), task=config.task
            )
        )
    if config.pair_column and not record.reading.pair_column:
        raise DataError(
            _("“{dataset}” holds one text a row, and a second text column is set ({column}). Empty that setting.").format(
                dataset=record.reference, column=config.pair_column
            )
        )


def read_texts(folder: Path, config: TrainConfig) -> tuple[Record, dict[str, TextSplit], tuple[str, ...]]:
    """The record, the splits and the label names. Columns were chosen when it was saved, so those of the settings don't matter."""
    record = find(folder, config.dataset)
    check_fit(record, config)
    kind = kind_of(config.task)
    pair = bool(record.reading.pair_column)
    pair = pair and kind != "text"
    columns = ["split", "row", "text", "label", *(["pair"] if pair else [])]
    examples = read_examples(folder, record, columns)
    tables = {str(split): part for split, part in examples.groupby("split", sort=False)}
    classes = kind == "classes"
    exact = classes and record.labels_decided and config.label_names in ((), record.label_names)
    asked = TextColumns.of(config)
    wanted = TextColumns(
        "text",
        "pair" if pair else "",
        "label",
        asked.label_names,
        kind,
        words_mean="class" if record.labels_decided else asked.words_mean,
        first_rules=asked.first_rules and not exact,
        exact=exact,
    )
    # Older versions keep their classes in an order that was wrong now and then; it is found anew unless the run is as old.
    known = record.label_names if classes and (record.labels_decided or wanted.first_rules) else ()
    splits, names = read_tables(
        record.reference, {split: {str(c): list(part[c]) for c in part} for split, part in tables.items()}, wanted, known
    )
    return record, {name: _numbered(split, tables[name]) for name, split in splits.items()}, names


def read_columns(folder: Path, config: TrainConfig) -> tuple[Record, dict[str, dict[str, list[str]]]]:
    """The record and {split: {column: values}}, under the names that the columns had in their source."""
    record = find(folder, config.dataset)
    check_fit(record, config)
    named = {"text": record.reading.text_column, "pair": record.reading.pair_column, "label": record.reading.label_column}
    examples = read_examples(folder, record).rename(columns={ours: theirs for ours, theirs in named.items() if theirs})
    tables = {
        str(split): {str(column): list(part[column]) for column in part if column not in ("split", "row")}
        for split, part in examples.groupby("split", sort=False)
    }
    return record, tables


def read_images(folder: Path, config: TrainConfig) -> tuple[Record, dict[str, ImageSplit], tuple[str, ...]]:
    """The record, the splits and the label names of pictures."""
    record = find(folder, config.dataset)
    check_fit(record, config)
    examples = read_examples(folder, record, ["split", "row", "image", "label"])
    number, names = _classes_of(record, examples["label"].tolist(), config)
    if len(names) < 2:
        raise DataError(
            _("All pictures of {name} carry one label. There is nothing to tell apart: two labels are the least.").format(
                name=record.reference
            )
        )
    unlabelled = [row for row, label in zip(examples["row"], examples["label"], strict=True) if label_text(label) not in number]
    if unlabelled:
        raise DataError(
            _("{count:,} pictures of {name} have no label. Take them out on the page Data.").format(
                count=len(unlabelled), name=record.reference
            )
        )
    splits = {}
    for split, part in examples.groupby("split", sort=False):
        pictures = np.stack([picture_of(png) for png in part["image"]])
        labels = np.array([number[label_text(label)] for label in part["label"]], dtype=np.int64)
        splits[str(split)] = ImageSplit(pictures, labels, part["row"].to_numpy(dtype=np.int64))
    return record, splits, names


def _classes_of(record: Record, values: list[Any], config: TrainConfig) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """The number of each label of pictures, and the names by number."""
    if record.labels_decided or "labels" not in config.rules:
        return {name: index for index, name in enumerate(record.label_names)}, record.label_names
    classes = number_classes(record.reference, find_labels(values, "class"))
    return classes.number_of, classes.names


def _numbered(split: TextSplit, table: pd.DataFrame) -> TextSplit:
    return TextSplit(split.texts, split.pairs, split.labels, table["row"].to_numpy(dtype=np.int64))
