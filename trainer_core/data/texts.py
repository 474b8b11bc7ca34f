"""Texts with labels, by split: a folder of CSV files, a hub dataset, or the reviews that Descent makes itself."""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer_core.config import TrainConfig
from trainer_core.data import first_labels
from trainer_core.data.alike import plain
from trainer_core.data.cells import as_text
from trainer_core.data.labels import Classes, WordsMean, find_labels, label_text, number_classes, several_in_one
from trainer_core.data.splits import SplitName
from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.language import listed
from trainer_core.measures import Kind, kind_of

_LONGEST_FIELD = 2**27


@dataclass(frozen=True)
class TextSplit:
    """One split: `texts` and `labels` row by row; `pairs` holds second texts where a row is a pair.

    `labels` has shape [rows]: int64 class numbers, float64 numbers to predict, or zeros where there is nothing to label.
    """

    texts: tuple[str, ...]
    pairs: tuple[str, ...] | None
    labels: NDArray[Any]
    rows: NDArray[np.int64]
    """The row each example had in its source, shape [rows]."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.int64]) -> "TextSplit":
        """The examples at `indices`, in that order."""
        pairs = None if self.pairs is None else tuple(self.pairs[index] for index in indices)
        return TextSplit(tuple(self.texts[index] for index in indices), pairs, self.labels[indices], self.rows[indices])

    def label_counts(self, labels: int) -> list[int]:
        """How many examples each of the `labels` classes has; [] where there are no classes."""
        return [] if not labels else [int(count) for count in np.bincount(self.labels, minlength=labels)]

    def contents(self) -> list[str]:
        """What each row says, the same for texts that differ in case and space alone, see `alike.plain`."""
        texts = [plain(text) for text in self.texts]
        pairs = self.pairs
        return texts if pairs is None else [f"{text}\0{plain(pair)}" for text, pair in zip(texts, pairs, strict=True)]

    def example_id(self, index: int) -> str:
        """blake2 of the text and its source row, 16 hexadecimal digits."""
        digest = hashlib.blake2b(self.texts[index].encode(), digest_size=8)
        if self.pairs is not None:
            digest.update(b"\0" + self.pairs[index].encode())
        digest.update(str(int(self.rows[index])).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class TextData:
    """A dataset of texts ready to train on."""

    name: str
    source: str
    revision: str
    label_names: tuple[str, ...]
    splits: Mapping[SplitName, TextSplit]
    digest: str
    synthetic: bool = False


@dataclass(frozen=True)
class TextColumns:
    """Where texts and labels stand in a table, and what the labels are called."""

    text: str
    pair: str
    label: str
    label_names: tuple[str, ...]
    kind: Kind = "classes"
    """What the label is: a class, a number, or nothing at all (`text`)."""
    words_mean: WordsMean = "auto"
    """What a label such as None stands for, see `labels`."""
    first_rules: bool = False
    """Whether labels are read as before rules had names, see `first_labels`."""
    exact: bool = False
    """Whether labels are the source's own names of its classes, letter by letter: where `labels` was asked before."""

    @classmethod
    def of(cls, config: TrainConfig) -> "TextColumns":
        """As the settings say."""
        kind = kind_of(config.task)
        names = config.label_names if kind == "classes" else ()
        pair = config.pair_column if kind != "text" else ""
        first_rules = "labels" not in config.rules
        return cls(config.text_column, pair, config.label_column, names, kind, config.missing_labels, first_rules)


def read_folder(folder: Path, columns: TextColumns) -> tuple[dict[str, TextSplit], tuple[str, ...]]:
    """The splits in the folder's CSV files, by what they are called, and the label names. Raises DataError for what is wrong."""
    from trainer_core.data.located import files_by_split

    if columns.first_rules:  # until then launch knew these three names alone
        files = {split: path for split in ("train", "validation", "test") if (path := folder / f"{split}.csv").is_file()}
    else:
        files = files_by_split(folder, (path for path in folder.iterdir() if path.is_file() and path.suffix.lower() == ".csv"))
    if "train" not in files:
        raise DataError(
            _(
                "The folder {folder} has no train.csv. A folder of texts holds train.csv and, where there are, validation.csv "
                "and test.csv, each with a column for the text and one for the label. Name the folder that holds them."
            ).format(folder=folder)
        )
    tables: dict[str, dict[str, Sequence[Any]]] = {}
    for split, path in files.items():
        try:
            tables[split] = _read_csv(path)
        except (OSError, ValueError, csv.Error) as error:
            cause = str(error).splitlines()[0]
            raise DataError(
                _("{file} can't be read as CSV in UTF-8: {cause}. Save it so.").format(file=path, cause=cause)
            ) from error
    return read_tables(str(folder), tables, columns)


def _read_csv(path: Path) -> dict[str, Sequence[Any]]:
    # pandas takes a row with one field too many for a row with an index, and a missing field for an empty one: both silently.
    csv.field_size_limit(_LONGEST_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        rows = []
        for row in reader:
            if row and len(row) != len(header):
                raise ValueError(
                    _("line {line:,} has {found} fields and the header {wanted}; put quotes around texts with commas").format(
                        line=reader.line_num, found=len(row), wanted=len(header)
                    )
                )
            if row:
                rows.append(row)
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    return dict(zip(header, columns, strict=True))


def read_tables(
    source: str, tables: Mapping[str, Mapping[str, Sequence[Any]]], columns: TextColumns, known_names: Sequence[str] = ()
) -> tuple[dict[str, TextSplit], tuple[str, ...]]:
    """Splits of {split: {column: values}}, and the names of their classes. `known_names` are the source's own, by number.

    Raises DataError for a missing column, empty texts, rows without a label, or fewer than two classes.
    """
    wanted = [columns.text, *([columns.label] if columns.kind != "text" else []), *([columns.pair] if columns.pair else [])]
    for split, table in tables.items():
        for name in wanted:
            if name not in table:
                raise DataError(
                    _(
                        "The {split} split of {source} has no column “{name}”; its columns are {columns}. Name the right one."
                    ).format(split=split, source=source, name=name, columns=", ".join(table))
                )
    classes = _classes(source, tables, columns, known_names) if columns.kind == "classes" else None
    cell = str if columns.first_rules else as_text
    splits: dict[str, TextSplit] = {}
    for split, table in tables.items():
        texts = tuple(cell(text).strip() for text in table[columns.text])
        pairs = tuple(cell(text).strip() for text in table[columns.pair]) if columns.pair else None
        empty = [row for row, text in enumerate(texts) if not text or (pairs is not None and not pairs[row])]
        if empty:
            raise DataError(
                _(
                    "{count:,} texts of the {split} split of {source} are empty, the first in row {row:,}. "
                    "Fill them or take them out."
                ).format(count=len(empty), split=split, source=source, row=empty[0] + 1)
            )
        if columns.kind == "text":
            splits[split] = split_of_texts(texts)
            continue
        labels = (
            _as_classes(source, split, table[columns.label], columns, classes)
            if classes is not None
            else _as_numbers(source, split, table[columns.label])
        )
        splits[split] = TextSplit(texts, pairs, labels, np.arange(len(texts)))
        if not len(labels):
            raise DataError(_("The {split} split of {source} has no rows. Add some.").format(split=split, source=source))
    if classes is not None and len(np.unique(splits["train"].labels)) < 2:
        raise DataError(
            _(
                "All training texts of {source} carry one label, “{label}”. There is nothing to tell apart: "
                "two labels are the least. Add texts with another label."
            ).format(source=source, label=classes.names[int(splits["train"].labels[0])])
        )
    return splits, () if classes is None else classes.names


def _classes(
    source: str, tables: Mapping[str, Mapping[str, Sequence[Any]]], columns: TextColumns, known_names: Sequence[str]
) -> Classes:
    values = [value for table in tables.values() for value in table[columns.label]]
    if columns.exact:
        return Classes(tuple(known_names), {name: index for index, name in enumerate(known_names)})
    if columns.first_rules:
        return first_labels.number_classes(source, values, columns.label_names, known_names)
    if several_in_one(values) == "[":
        example = next(text for text in map(label_text, values) if text.startswith("["))
        raise DataError(
            _(
                "The column “{column}” of {source} holds several labels in a row, such as {example}. A model here learns one label "
                "a row, and each combination would be a class of its own. Save the data on the page Data, where the choices stand, "
                "or name another label column."
            ).format(column=columns.label, source=source, example=example[:60])
        )
    return number_classes(source, find_labels(values, columns.words_mean), columns.label_names, known_names)


def _as_classes(source: str, split: str, values: Sequence[Any], columns: TextColumns, classes: Classes) -> NDArray[Any]:
    written = [first_labels.label_text(value) if columns.first_rules else label_text(value) for value in values]
    unlabelled = [row for row, text in enumerate(written) if text not in classes.number_of]
    if unlabelled:
        words = sorted({written[row] for row in unlabelled} - {""})
        hint = (
            _(" {words} counts as no label; where it is meant as a class, set missing_labels to class.").format(
                words=listed(f"“{word}”" for word in words)
            )
            if words
            else ""
        )
        raise DataError(
            _(
                "{count:,} rows of the {split} split of {source} have no label, the first in row {row:,}. "
                "Fill them or take them out."
            ).format(count=len(unlabelled), split=split, source=source, row=unlabelled[0] + 1)
            + hint
        )
    return np.array([classes.number_of[text] for text in written], dtype=np.int64)


def digest_of_texts(splits: Mapping[SplitName, TextSplit]) -> str:
    """blake2 over every split's name, texts and labels, 16 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=8)
    for name, split in sorted(splits.items()):
        digest.update(name.encode())
        for text in (*split.texts, *(split.pairs or ())):
            digest.update(text.encode() + b"\0")
        digest.update(np.ascontiguousarray(split.labels).data)
    return digest.hexdigest()


def _as_numbers(source: str, split: str, values: Sequence[Any]) -> NDArray[Any]:
    numbers = []
    for row, value in enumerate(values, start=1):
        try:
            number = float(str(value).strip())
        except ValueError:
            number = float("nan")
        if not np.isfinite(number):
            raise DataError(
                _(
                    "Row {row:,} of the {split} split of {source} has “{value}” where a number is learnt. Mend it or take it out."
                ).format(row=row, split=split, source=source, value=str(value)[:60])
            )
        numbers.append(number)
    return np.array(numbers, dtype=np.float64)


def split_of_texts(texts: Sequence[str]) -> TextSplit:
    """Texts alone, with nothing to label."""
    return TextSplit(tuple(texts), None, np.zeros(len(texts), dtype=np.int64), np.arange(len(texts)))
