"""Reads a source as a reading says, and guesses that reading first.

Tables in text are read here, strictly. JSON, Parquet and hub datasets go through `datasets.load_dataset`; folders and IDX files are
read file by file, so that a damaged one is named.
"""

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from trainer_core.data import hub_datasets
from trainer_core.data.archives import unpack
from trainer_core.data.cells import as_text
from trainer_core.data.columns import KNOWN, Columns, guess_columns, guess_task, label_candidates
from trainer_core.data.delimited import first_rows, guess_delimiter, has_header, read_delimited
from trainer_core.data.dialogue_forms import dialogue_column
from trainer_core.data.encodings import decode, guess_encoding, read_bytes
from trainer_core.data.folders import read_picture_folders, read_text_folders
from trainer_core.data.json_files import as_json_lines
from trainer_core.data.located import Located, locate
from trainer_core.data.record import Reading
from trainer_core.data.squares import png_of
from trainer_core.errors import DataError
from trainer_core.language import gettext as _

Tables = dict[str, pd.DataFrame]
"""By split, every cell as text; pictures are PNG bytes in the column `image`."""


@dataclass(frozen=True)
class Guess:
    """What was found in a source: how it is read, the name it may be saved under, and what was read of it."""

    reading: Reading
    name: str
    tables: Tables
    label_candidates: tuple[str, ...] = ()
    """Other columns that could be the label, where it was guessed among several; () where it was told or is the only one."""

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [str(name) for name in self.tables["train"].columns]


@contextmanager
def at_hand(source: str) -> Iterator[Located]:
    """The source, an archive unpacked for as long as the context lasts."""
    path = Path(source).expanduser()
    if path.suffix.lower() != ".zip" or not path.is_file():
        yield locate(source)
        return
    folder = Path(tempfile.mkdtemp(prefix="descent-zip-"))
    try:
        found = locate(str(_only_file(unpack(path, folder))))
        yield replace(found, name=path.stem)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _only_file(folder: Path) -> Path:
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 else folder


def guess(source: str, given: Mapping[str, Any] | None = None) -> Guess:
    """Reads a source by what it seems to be; fields of Reading in `given` are taken as they are. Raises DataError."""
    told = {name: value for name, value in (given or {}).items() if value is not None}
    with at_hand(source) as located:
        reading = replace(Reading(located.format, ""), **{**told, "format": located.format})
        if located.format == "csv":
            reading = _guess_table(located, reading, told)
        tables = _read(source, located, reading)
        if tables["train"].empty:
            raise DataError(_("{name} has no rows. Choose data with a row for each example.").format(name=located.name))
        if "image" in tables["train"]:
            return Guess(_guess_pictures(tables, reading, told), located.name, tables)
        dialogues = dialogue_column(list(map(str, tables["train"].columns)))
        if dialogues and told.get("task", "chat") == "chat":
            return Guess(replace(reading, task="chat", text_column=reading.text_column or dialogues), located.name, tables)
        found = guess_columns(tables["train"])
        reading = _with_columns(reading, found, told)
        if not reading.task:
            reading = replace(reading, task=guess_task(tables["train"], Columns(found.text, found.pair, reading.label_column)))
        chosen = Columns(reading.text_column, reading.pair_column, reading.label_column, reading.split_column)
        others = label_candidates(tables["train"], chosen) if chosen.label and "label_column" not in told else []
        return Guess(reading, located.name, tables, tuple(others))


def read_source(source: str, reading: Reading) -> Tables:
    """Reads a source as `reading` says. Raises DataError."""
    with at_hand(source) as located:
        return _read(source, located, replace(reading, format=located.format))


def source_digest(source: str) -> str:
    """blake2 of the bytes of all files of a source, 16 hexadecimal digits; empty for what is no file of ours."""
    path = Path(source).expanduser()
    digest = hashlib.blake2b(digest_size=8)
    if path.is_file():
        files = [path]
    elif path.is_dir():
        files = sorted(inner for inner in path.rglob("*") if inner.is_file())
    else:
        return ""
    for file in files:
        digest.update(str(file.relative_to(path) if file != path else "").encode())
        with file.open("rb") as opened:
            while chunk := opened.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def _with_columns(reading: Reading, found: Columns, told: Mapping[str, Any]) -> Reading:
    values: dict[str, Any] = {
        "text_column": found.text,
        "pair_column": found.pair,
        "label_column": found.label,
        "split_column": found.split,
    }
    for name, value in values.items():
        # What was told wins, and a column that was told to be one thing is not guessed to be another.
        taken = {column for field, column in told.items() if field in values and column}
        if name not in told and value not in taken:
            reading = replace(reading, **{name: value})
    return reading


def _guess_table(located: Located, reading: Reading, told: Mapping[str, Any]) -> Reading:
    assert located.files is not None
    path = located.files["train"]
    content = read_bytes(path)
    encoding = told.get("encoding") or guess_encoding(content, path.name)
    text = decode(content, encoding, path.name)
    delimiter = told.get("delimiter") or guess_delimiter(text)
    header = told["header"] if "header" in told else has_header(first_rows(text, delimiter), KNOWN)
    return replace(reading, encoding=encoding, delimiter=delimiter, header=bool(header))


def _guess_pictures(tables: Tables, reading: Reading, told: Mapping[str, Any]) -> Reading:
    reading = replace(reading, task="image_classification", label_column="label", text_column="", pair_column="")
    if "picture_size" in told:
        return reading
    shapes = {shape for table in tables.values() for shape in table["size"]} if "size" in tables["train"] else set()
    if len(shapes) <= 1 and all(max(map(int, shape.split("×"))) <= 64 for shape in shapes):
        return reading
    return replace(reading, picture_size=32)


def _read(source: str, located: Located, reading: Reading) -> Tables:
    match located.format:
        case "csv":
            assert located.files is not None
            return {split: _read_csv(path, reading) for split, path in located.files.items()}
        case "json" | "parquet":
            assert located.files is not None
            return _through_datasets(located.format, located.files)
        case "text_folders":
            assert located.folders is not None
            return read_text_folders(located.folders)
        case "picture_folders":
            assert located.folders is not None
            return read_picture_folders(located.folders)
        case "idx":
            return _read_idx(located)
        case "built_in":
            return _read_built_in(located.name)
        case "hub":
            loaded = hub_datasets.load(source, reading.configuration, reading.revision, reading.split)
            return {split: as_table(rows) for split, rows in hub_datasets.by_split(source, loaded).items()}


def _read_csv(path: Path, reading: Reading) -> pd.DataFrame:
    return read_delimited(decode(read_bytes(path), reading.encoding, path.name), path.name, reading.delimiter, reading.header)


def _through_datasets(format_: str, files: Mapping[str, Path]) -> Tables:
    import datasets

    datasets.disable_progress_bars()
    cache = Path(tempfile.mkdtemp(prefix="descent-read-"))
    # A damaged file is told of below, in a sentence; the library would log it as well.
    logging.getLogger("datasets").setLevel(logging.CRITICAL)
    try:
        found = as_json_lines(files, cache) if format_ == "json" else dict(files)
        loaded = datasets.load_dataset(
            format_, data_files={split: str(path) for split, path in found.items()}, cache_dir=str(cache / "datasets")
        )
        return {split: as_table(rows) for split, rows in loaded.items()}
    except (OSError, ValueError, TypeError, KeyError, datasets.exceptions.DatasetsError) as error:
        deepest: BaseException = error
        while deepest.__cause__ is not None:
            deepest = deepest.__cause__
        cause = (str(deepest).strip().splitlines() or [type(deepest).__name__])[0][:200].rstrip(".")
        form = _("a list of objects, or one object a line") if format_ == "json" else _("a table written by pandas or datasets")
        raise DataError(
            _("{files} can't be read as {format}: {cause}. It takes {form}.").format(
                files=", ".join(path.name for path in files.values()), format=format_.upper(), cause=cause, form=form
            )
        ) from error
    finally:
        shutil.rmtree(cache, ignore_errors=True)


def as_table(rows: Any) -> pd.DataFrame:
    """A `datasets.Dataset` with every cell as text, classes by their names, and pictures as grey PNG bytes."""
    import datasets

    columns: dict[str, Any] = {}
    for name, kind in rows.features.items():
        if isinstance(kind, datasets.Image):
            pictures = [np.asarray(picture.convert("L"), dtype=np.uint8) for picture in rows[name]]
            columns["image"] = [png_of(picture) for picture in pictures]
            columns["size"] = ["×".join(map(str, picture.shape)) for picture in pictures]
        elif isinstance(kind, datasets.ClassLabel):
            columns[name] = ["" if value is None or value < 0 else kind.int2str(int(value)) for value in rows[name]]
        else:
            columns[name] = [as_text(value) for value in rows[name]]
    if "image" in columns and "label" not in columns:
        label = next((name for name, kind in rows.features.items() if isinstance(kind, datasets.ClassLabel)), None)
        if label is not None:
            columns["label"] = columns.pop(label)
    return pd.DataFrame(columns, dtype=object)


def _read_idx(located: Located) -> Tables:
    from trainer_core.data.idx import read_folder

    assert located.path is not None
    return {
        split: pd.DataFrame(
            {
                "image": [png_of(picture) for picture in found.images],
                "label": [str(label) for label in found.labels],
                "size": "×".join(map(str, found.images.shape[1:])),
            },
            dtype=object,
        )
        for split, found in read_folder(located.path).items()
    }


def _read_built_in(name: str) -> Tables:
    if name == "digits":
        from trainer_core.data.digits import read_digits

        split = read_digits()["train"]
        pictures, labels = [png_of(picture) for picture in split.images], [str(label) for label in split.labels]
        return {"train": pd.DataFrame({"image": pictures, "label": labels, "size": "8×8"}, dtype=object)}
    from trainer_core.data.reviews import LABELS, make_reviews

    texts, numbers = make_reviews()
    return {"train": pd.DataFrame({"text": texts, "label": [LABELS[number] for number in numbers]}, dtype=object)}
