"""From what a source holds to examples: one table with the columns that the rest of Descent knows.

Columns: `split`, `row` (its number in the source, from 0, train first), `text` or `image`, `pair` where a row is two texts,
`label`, and the source's other columns under their own names. Nothing is dropped here: empty texts and labels stay, for the
inspection to find.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from trainer_core.data.columns import SPLITS
from trainer_core.data.labels import WordsMean, find_labels, label_text
from trainer_core.data.record import Reading
from trainer_core.data.squares import picture_of, png_of, to_square
from trainer_core.errors import DataError
from trainer_core.language import gettext as _

OWN = ("split", "row", "text", "pair", "image", "label")
"""The columns that mean something to Descent."""
AS_WRITTEN = "label_as_written"
SPLIT_ORDER = ("train", "validation", "test")
UNLABELLED_TASKS = ("language_modelling", "chat")


def make_examples(tables: Mapping[str, pd.DataFrame], reading: Reading) -> pd.DataFrame:
    """The examples of all splits, train first. Raises DataError for a column that is not there or a split without a place."""
    parts = [_part(split, table, reading) for split, table in sorted(tables.items(), key=lambda item: SPLIT_ORDER.index(item[0]))]
    examples = pd.concat(parts, ignore_index=True)
    examples["row"] = np.arange(len(examples), dtype=np.int64)
    if "train" not in set(examples["split"]):
        raise DataError(_("There is no split called train. The column “{column}” has to say train somewhere.").format(
            column=reading.split_column
        ))  # fmt: skip
    if _has_classes(reading.task):
        # A folder of a class is named on purpose, whatever it is called.
        by_folder = reading.format in ("picture_folders", "text_folders") and reading.missing_labels == "auto"
        examples = with_named_labels(examples, "class" if by_folder else reading.missing_labels)
    if "image" in examples and reading.picture_size:
        side = reading.picture_size
        examples["image"] = [png_of(to_square(picture_of(png), side)) for png in examples["image"]]
    if "image" in examples:
        sizes = {picture_of(png).shape for png in examples["image"]}
        if len(sizes) > 1:
            raise DataError(
                _("The pictures have {count} different sizes. Give the side in pixels to scale them to, such as 32.").format(
                    count=len(sizes)
                )
            )
    return examples


def check_reading(columns: Sequence[str], reading: Reading) -> dict[str, str]:
    """What is wrong with a reading beside the columns there are: a sentence by the field's name."""
    problems: dict[str, str] = {}
    pictures = reading.task == "image_classification"
    wanted = {
        "text_column": not pictures,
        "label_column": reading.task not in UNLABELLED_TASKS,
        "pair_column": False,
        "split_column": False,
    }
    for field, needed in wanted.items():
        column = getattr(reading, field)
        if needed and not column:
            problems[field] = _("Choose the column that holds the {what}.").format(
                what=_("text") if field == "text_column" else _("label")
            )
        elif column and column not in columns and not (pictures and field != "label_column"):
            problems[field] = _("There is no column “{column}”; there are {columns}.").format(
                column=column, columns=", ".join(columns)
            )
    chosen = [getattr(reading, field) for field in wanted if getattr(reading, field)]
    for field in ("pair_column", "label_column", "split_column"):
        column = getattr(reading, field)
        if column and chosen.count(column) > 1 and field not in problems:
            problems[field] = _("The column “{column}” is chosen twice.").format(column=column)
    return problems


def _part(split: str, table: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    problems = check_reading([str(name) for name in table.columns], reading)
    if problems:
        raise DataError(" ".join(problems.values()))
    made: dict[str, object] = {"split": [split] * len(table), "row": 0}
    used = {reading.split_column}
    if "image" in table:
        made["image"] = list(table["image"])
        used |= {"image", "size"}
    else:
        made["text"] = [str(value).strip() for value in table[reading.text_column]]
        used.add(reading.text_column)
        if reading.pair_column:
            made["pair"] = [str(value).strip() for value in table[reading.pair_column]]
            used.add(reading.pair_column)
    if reading.task in UNLABELLED_TASKS:
        made["label"] = None
    else:
        made["label"] = [str(value) for value in table[reading.label_column]]
        used.add(reading.label_column)
    if reading.split_column:
        made["split"] = [_split_named(str(value), reading.split_column) for value in table[reading.split_column]]
    for name in table.columns:
        if name not in used:
            made[_own_name(str(name))] = [None if value == "" else str(value) for value in table[name]]
    return pd.DataFrame(made)


def _split_named(value: str, column: str) -> str:
    found = SPLITS.get(value.strip().lower())
    if found is None:
        raise DataError(
            _(
                "The column “{column}” says “{value}”, which is no split. It takes train, validation and test; or choose no column."
            ).format(column=column, value=value[:60])
        )
    return found


def _own_name(name: str) -> str:
    """A source's column that is called like one of ours, but is not it."""
    return f"{name}_column" if name in (*OWN, AS_WRITTEN) else name


def digest_of_examples(examples: pd.DataFrame) -> str:
    """blake2 over split, content and label of every row in order, 16 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=8)
    columns = [name for name in ("split", "text", "pair", "image", "label") if name in examples]
    for values in zip(*(examples[name] for name in columns), strict=True):
        for value in values:
            digest.update(value if isinstance(value, bytes) else ("" if value is None else str(value)).encode())
            digest.update(b"\0")
    return digest.hexdigest()


def with_named_labels(examples: pd.DataFrame, words_mean: WordsMean) -> pd.DataFrame:
    """The examples with each label called by its class's name, None where it is missing, see `labels`.

    A word such as None that was read as missing stays in the column `label_as_written`, so that it can be made a class later.
    """
    found = find_labels(examples["label"].tolist(), words_mean)
    names = [found.name(label) or None for label in examples["label"].tolist()]
    if found.words_missing:
        written = [label_text(label) for label in examples["label"].tolist()]
        examples = examples.copy(deep=False)
        examples[AS_WRITTEN] = [(text or None) if name is None else None for text, name in zip(written, names, strict=True)]
    return examples.assign(label=pd.Series(names, index=examples.index, dtype=object))


def with_decided_labels(examples: pd.DataFrame, task: str) -> pd.DataFrame:
    """The examples as a version keeps them: each label is its class's name. Those of regression stay as they were written."""
    return with_named_labels(examples, "class") if _has_classes(task) else examples


def label_names_of(examples: pd.DataFrame, task: str) -> tuple[str, ...]:
    """The classes of examples whose labels are named, in their order; () where the task has none to name."""
    return find_labels(examples["label"].tolist(), "class").names if _has_classes(task) else ()


def _has_classes(task: str) -> bool:
    return task != "regression" and task not in UNLABELLED_TASKS


def rows_by_split(examples: pd.DataFrame) -> dict[str, int]:
    """How many rows each split has, train first."""
    counts = examples["split"].value_counts()
    return {split: int(counts[split]) for split in SPLIT_ORDER if split in counts}
