"""The store's saved datasets: a folder each, a folder a version, none of which is ever changed once it is written.

    datasets/my-reviews/v0001/{record.json, examples.parquet}

A fix makes a new version from the newest; undoing makes one that is like the version before. So whatever a run refers to stays.
"""

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from trainer_core.data.examples import digest_of_examples, label_names_of, rows_by_split, with_decided_labels
from trainer_core.data.record import Reading, Record, Step
from trainer_core.errors import DataError
from trainer_core.language import gettext as _

RECORD, EXAMPLES = "record.json", "examples.parquet"
REMOVED = ".removed"
_REFERENCE = re.compile(r"(?P<name>[\w][\w.-]{0,63})(@(?P<version>\d{1,6}))?")
_VERSION = re.compile(r"v(\d{4,})")


def safe_name(wish: str) -> str:
    """A name that a folder may have: letters of any script, digits, dashes."""
    plain = re.sub(r"[^\w.-]+", "-", wish.strip(), flags=re.UNICODE).strip("-._")[:60]
    return plain or "dataset"


def check_name(name: str) -> None:
    """Raises DataError for a name that can't be a dataset's."""
    found = _REFERENCE.fullmatch(name)
    if found is None or found["version"] is not None:
        raise DataError(
            _(
                "“{name}” can't be a dataset's name. It takes up to 64 letters, digits, dashes and points, a letter or digit first."
            ).format(name=name[:80])
        )


def is_saved(folder: Path, reference: str) -> bool:
    """Whether `NAME` or `NAME@VERSION` names a saved dataset."""
    found = _REFERENCE.fullmatch(reference)
    return found is not None and bool(_versions(folder, found["name"]))


def looks_versioned(reference: str) -> bool:
    """Whether it reads as NAME@VERSION, which nothing but a saved dataset is called."""
    found = _REFERENCE.fullmatch(reference)
    return found is not None and found["version"] is not None


def list_saved(folder: Path) -> list[Record]:
    """The newest version of each dataset, the one saved last first."""
    names = [path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")] if folder.is_dir() else []
    newest = (_newest(folder, name) for name in names)
    return sorted((record for record in newest if record is not None), key=lambda record: -record.created)


def versions(folder: Path, name: str) -> list[Record]:
    """All versions of a dataset, oldest first; a damaged one is left out."""
    found = (_read(folder, name, number) for number in _versions(folder, name))
    return [record for record in found if record is not None]


def find(folder: Path, reference: str) -> Record:
    """The record of `NAME@VERSION`, or of the newest version of `NAME`. Raises DataError naming what there is."""
    found = _REFERENCE.fullmatch(reference)
    if found is not None and found["version"] is None and (newest := _newest(folder, found["name"])) is not None:
        return newest
    known = versions(folder, found["name"]) if found is not None else []
    if found is None or not known:
        saved = ", ".join(record.name for record in list_saved(folder)[:12])
        raise DataError(
            _("There is no saved dataset “{name}”. {saved}").format(
                name=reference, saved=_("Saved are {names}.").format(names=saved) if saved else _("None is saved yet.")
            )
        )
    for record in known:
        if record.version == int(found["version"]):
            return record
    raise DataError(
        _("The dataset {name} has no version {version}; it has {versions}.").format(
            name=found["name"], version=found["version"], versions=", ".join(str(record.version) for record in known)
        )
    )


def read_examples(folder: Path, record: Record, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The examples of a version. Raises DataError where its file is gone or damaged."""
    path = examples_file(folder, record)
    try:
        return pd.read_parquet(path, columns=list(columns) if columns is not None else None)
    except (OSError, ValueError) as error:
        raise DataError(
            _("The examples of {name} can't be read: {cause}. Undo its last step, or save it anew from its source.").format(
                name=record.reference, cause=str(error).splitlines()[0]
            )
        ) from error


def examples_file(folder: Path, record: Record) -> Path:
    """The Parquet file of a version."""
    return _place(folder, record.name, record.version) / EXAMPLES


def save(
    folder: Path,
    name: str,
    source: str,
    source_digest: str,
    reading: Reading,
    examples: pd.DataFrame,
    clock: Callable[[], float] = time.time,
    label_names: tuple[str, ...] | None = None,
) -> Record:
    """Saves a new dataset, or a new first state of one that has the name already (its versions stay). Returns its record.

    `label_names` are the labels in an order of their own; without them `labels` says what they are and how they stand.
    """
    check_name(name)
    if label_names is None:
        examples = with_decided_labels(examples, reading.task)
    record = Record(
        name=name,
        version=0,
        parent=None,
        created=clock(),
        source=source,
        source_digest=source_digest,
        reading=reading,
        steps=(),
        digest=digest_of_examples(examples),
        rows=rows_by_split(examples),
        label_names=label_names_of(examples, reading.task) if label_names is None else label_names,
        labels_decided=True,
    )
    return _write(folder, record, examples)


def add_version(folder: Path, parent: Record, examples: pd.DataFrame, step: Step, clock: Callable[[], float] = time.time) -> Record:
    """Saves what a step made of a version. Returns the new record."""
    examples = with_decided_labels(examples, parent.reading.task)
    told = replace(step, rows_before=sum(parent.rows.values()), rows_after=len(examples))
    record = replace(
        parent,
        parent=parent.version,
        created=clock(),
        steps=(*parent.steps, told),
        digest=digest_of_examples(examples),
        rows=rows_by_split(examples),
        label_names=label_names_of(examples, parent.reading.task),
        labels_decided=True,
    )
    return _write(folder, record, examples)


def undo(folder: Path, name: str, clock: Callable[[], float] = time.time) -> Record:
    """Takes back the newest step: a new version like the one before it. Raises DataError where nothing was done yet."""
    newest = find(folder, name)
    if newest.parent is None:
        raise DataError(_("Nothing has been done to {name} that could be undone.").format(name=newest.name))
    before = find(folder, f"{newest.name}@{newest.parent}")
    return _write(folder, replace(before, created=clock()), None, like=before)


def remove(folder: Path, name: str) -> None:
    """Puts a dataset away; `restore` brings it back. Runs that refer to it keep what they logged, but can't be repeated."""
    record = find(folder, name)
    target = folder / REMOVED / record.name
    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(exist_ok=True)
    (folder / record.name).rename(target)


def restore(folder: Path, name: str) -> None:
    """Brings back what `remove` put away. Raises DataError where it is gone or its name is taken."""
    check_name(name)
    away = folder / REMOVED / name
    if not away.is_dir() or (folder / name).exists():
        raise DataError(_("{name} can't be brought back: it is gone, or its name is taken.").format(name=name))
    away.rename(folder / name)


def _write(folder: Path, record: Record, examples: pd.DataFrame | None, like: Record | None = None) -> Record:
    home = folder / record.name
    home.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".writing-", dir=home))
    try:
        if examples is not None:
            examples.to_parquet(aside / EXAMPLES, index=False)
        else:
            assert like is not None
            try:
                os.link(examples_file(folder, like), aside / EXAMPLES)  # the same bytes need no second place on the disk
            except OSError:
                shutil.copyfile(examples_file(folder, like), aside / EXAMPLES)
        number = max(_versions(folder, record.name), default=0) + 1
        while True:
            record = replace(record, version=number)
            (aside / RECORD).write_text(json.dumps(record.to_json(), ensure_ascii=False, indent=2), encoding="utf-8")
            try:
                aside.rename(_place(folder, record.name, number))
            except OSError:
                if not _place(folder, record.name, number).exists():
                    raise
                number += 1  # someone else saved at the same moment
            else:
                return record
    except OSError as error:
        raise DataError(
            _("{name} could not be saved: {cause}. Free some space, or mend the folder's permissions.").format(
                name=record.name, cause=error.strerror or error
            )
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _newest(folder: Path, name: str) -> Record | None:
    """The newest version that can be read: pages ask for it at each rerun, so the older ones are left unread."""
    return next((record for number in reversed(_versions(folder, name)) if (record := _read(folder, name, number))), None)


def _read(folder: Path, name: str, number: int) -> Record | None:
    try:
        return Record.from_json(json.loads((_place(folder, name, number) / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _versions(folder: Path, name: str) -> list[int]:
    found = (_VERSION.fullmatch(path.name) for path in (folder / name).glob("v*"))
    return sorted(int(version[1]) for version in found if version)


def _place(folder: Path, name: str, version: int) -> Path:
    return folder / name / f"v{version:04d}"
