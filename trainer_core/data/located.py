"""What kind of source a name means: a file, an archive, a folder, a dataset that ships with Descent, or one on the hub."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer_core.config import COLUMNS, PICTURES
from trainer_core.data import idx
from trainer_core.data.columns import SPLITS
from trainer_core.data.record import Format
from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.language import mark
from trainer_core.secrets import holds_secret

HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
BUILT_IN: Mapping[str, tuple[str, ...]] = {"digits": PICTURES, "reviews": COLUMNS, "bookings": ("chat",)}
"""Datasets that need no download, and the tasks that they are for."""
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
TEXT_ENDINGS = (".txt", ".md")
_TABLES: Mapping[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".txt": "csv",
    ".json": "json", ".jsonl": "json", ".ndjson": "json",
    ".parquet": "parquet",
}  # fmt: skip
ACCEPTED = mark(
    "CSV, TSV, JSON, JSON lines and Parquet files are read, zip archives, folders of texts or pictures by class, "
    "and MNIST's IDX files"
)


@dataclass(frozen=True)
class Located:
    """Where the data lie. `files` are tables by split; `folders` are folders of classes by split."""

    format: Format
    name: str
    path: Path | None = None
    files: Mapping[str, Path] | None = None
    folders: Mapping[str, Path] | None = None


def what_is_in(built_in: str) -> str:
    """What a built-in dataset's examples are, in the plural."""
    tasks = BUILT_IN[built_in]
    return _("dialogues") if "chat" in tasks else _("pictures") if tasks == PICTURES else _("texts")


def check_named(source: str) -> None:
    """Raises DataError for a name with a password or token in it: names are kept with what is read from them."""
    if holds_secret(source):
        raise DataError(
            _(
                "{source} holds a password or token, and what a dataset is read from is kept with it. Download the file and give "
                "its path; the hub's token goes into HF_TOKEN."
            ).format(source=source)
        )


def locate(source: str) -> Located:
    """Finds what a source is, by its name and by what lies there. Archives must be unpacked before. Raises DataError."""
    check_named(source)
    if source in BUILT_IN:
        return Located("built_in", source)
    path = Path(source).expanduser()
    if path.is_file():
        return _file(path)
    if path.is_dir():
        return _folder(path)
    if source.startswith(("/", ".", "~")) or not HUB_ID.fullmatch(source) or ending(path) in _TABLES or path.suffix == ".zip":
        raise DataError(
            _("There is no file or folder {source}. {accepted}; or give a hub id such as {hub}.").format(
                source=source, accepted=_(ACCEPTED), hub="cornell-movie-review-data/rotten_tomatoes"
            )
        )
    return Located("hub", source.split("/")[-1])


def ending(path: Path) -> str:
    """The file's ending in small letters, without .gz."""
    plain = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return plain.suffix.lower()


def _file(path: Path) -> Located:
    found = _TABLES.get(ending(path))
    if found is None:
        what = path.suffix or _("without an ending")
        raise DataError(
            _("{file} is of a kind that is not read ({what}). {accepted}. Save it as one of them.").format(
                file=path.name, what=what, accepted=_(ACCEPTED)
            )
        )
    return Located(found, path.name.removesuffix(".gz").rsplit(".", 1)[0], path, {"train": path})


def _folder(folder: Path) -> Located:
    if len(idx.missing_files(folder)) < 4:
        missing = idx.missing_files(folder)
        if missing:
            raise DataError(
                _("The folder {folder} lacks {missing}. MNIST is four files; fetch the rest.").format(
                    folder=folder.name, missing=", ".join(missing)
                )
            )
        return Located("idx", folder.name, folder)
    tables = sorted(path for path in folder.iterdir() if path.is_file() and ending(path) in _TABLES and _holds_rows(path))
    if tables:
        return _tables(folder, tables)
    for format_, endings in (("picture_folders", PICTURE_ENDINGS), ("text_folders", TEXT_ENDINGS)):
        splits = _class_folders(folder, endings)
        if splits:
            return Located(format_, folder.name, folder, folders=splits)  # type: ignore[arg-type]
    raise DataError(
        _(
            "The folder {folder} holds nothing that is read. {accepted}. Folders by class look like positive/1.txt or cat/1.png."
        ).format(folder=folder.name, accepted=_(ACCEPTED))
    )


def _holds_rows(path: Path) -> bool:
    """Not the notes that lie beside data."""
    return path.stem.lower().split(".")[0] not in (
        "readme",
        "license",
        "licence",
        "requirements",
        "dataset_infos",
        "state",
        "changelog",
    )


def _tables(folder: Path, tables: list[Path]) -> Located:
    by_split = files_by_split(folder, tables)
    if not by_split:
        if len(tables) > 1:
            raise DataError(
                _(
                    "The folder {folder} holds several tables, and none is called train: {files}. Name one of them, or call them "
                    "train, validation and test."
                ).format(folder=folder.name, files=", ".join(path.name for path in tables[:6]))
            )
        by_split = {"train": tables[0]}
    if "train" not in by_split:
        raise DataError(
            _("The folder {folder} has {found} but no file for the split train. Add train.csv, or name one file alone.").format(
                folder=folder.name, found=", ".join(path.name for path in by_split.values())
            )
        )
    kinds = {_TABLES[ending(path)] for path in by_split.values()}
    if len(kinds) > 1:
        raise DataError(
            _("The splits of {folder} are files of different kinds: {files}. Save them alike.").format(
                folder=folder.name, files=", ".join(path.name for path in by_split.values())
            )
        )
    return Located(kinds.pop(), folder.name, folder, by_split)


def files_by_split(folder: Path, files: Iterable[Path]) -> dict[str, Path]:
    """The file of each split, by what the files are called; others are left out.

    A file that is called like its split goes before one whose name only begins so. Raises DataError where two are left for one.
    """
    by_split: dict[str, Path] = {}
    for path in sorted(files):
        stem = path.name.split(".")[0]
        split = split_of(stem)
        if split is None:
            continue
        before = by_split.get(split)
        exact = stem.strip().lower() in SPLITS
        if before is None or (exact and before.name.split(".")[0].strip().lower() not in SPLITS):
            by_split[split] = path
        elif exact or before.name.split(".")[0].strip().lower() not in SPLITS:
            raise DataError(
                _("The folder {folder} has two files for the split {split}: {first} and {second}. Keep one.").format(
                    folder=folder.name, split=split, first=before.name, second=path.name
                )
            )
    return by_split


def split_of(name: str) -> str | None:
    """`train`, `validation` or `test` for what a file or folder of that split is called; None for other names."""
    plain = name.strip().lower()
    if plain in SPLITS:
        return SPLITS[plain]
    first = re.split(r"[-_ .]", plain)[0]
    return SPLITS.get(first)


def _class_folders(folder: Path, endings: tuple[str, ...]) -> dict[str, Path]:
    """The folder of classes of each split; {"train": folder} where the classes lie in the folder itself; {} where none do."""
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    splits = {SPLITS.get(path.name.strip().lower()): path for path in inner}
    if None not in splits and "train" in splits and any(_holds(path, endings, 2) for path in inner):
        return {str(split): path for split, path in splits.items()}
    return {"train": folder} if _holds(folder, endings, 2) else {}


def _holds(folder: Path, endings: tuple[str, ...], depth: int) -> bool:
    """Whether a class folder in it has files of these kinds."""
    pattern = "/".join(["*"] * depth)
    return any(path.suffix.lower() in endings for path in folder.glob(pattern) if path.is_file())
