"""Dialogues by split: from a folder of JSON files, a hub dataset, a saved one, or made up here."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer_core.data.dialogue_forms import ACCEPTED, FORMS, form_of, read_row
from trainer_core.data.dialogues import Dialogue, as_text
from trainer_core.data.texts import TextSplit, split_of_texts
from trainer_core.errors import DataError
from trainer_core.language import gettext as _

_SPLITS = ("train", "validation", "test")
_ENDINGS = (".jsonl", ".json", ".ndjson")
Rows = Sequence[Mapping[str, Any]]


def read_folder(folder: Path, form: str = "auto", flags: bool = True) -> dict[str, TextSplit]:
    """The splits of the files train, validation and test. Of several forms the one that is asked for, or the first of FORMS."""
    from trainer_core.data.located import ending, split_of

    found: dict[str, dict[str, Rows]] = {}
    for path in sorted(folder.iterdir()):
        split = split_of(path.name.split(".")[0]) if path.is_file() and ending(path) in _ENDINGS else None
        if split is None:
            continue
        rows = read_rows(path)
        told = form_of(list(rows[0])) if rows else None
        if told is not None:
            found.setdefault(told, {}).setdefault(split, rows)
    chosen = _choose(str(folder), found, form)
    return read_splits(str(folder), found[chosen], chosen, flags)


def read_rows(path: Path) -> Rows:
    """The objects in a file of JSON, a line each or in one list. Raises DataError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(_("{file} can't be read: {cause}. Save it as JSON in UTF-8.").format(file=path, cause=error)) from error
    if text.lstrip()[:1] == "[":
        try:
            rows = json.loads(text)
        except ValueError as error:
            raise DataError(_("{file} is no JSON: {cause}. Mend it there.").format(file=path, cause=error)) from error
        return [row for row in rows if isinstance(row, dict)]
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(_("it is no object"))
        except ValueError as error:
            raise DataError(
                _("Line {number:,} of {file} is no JSON object: {cause}. Each line is one.").format(
                    number=number, file=path, cause=error
                )
            ) from error
        rows.append(row)
    return rows


def read_tables(
    source: str, tables: Mapping[str, Mapping[str, Sequence[Any]]], form: str = "auto", flags: bool = True
) -> dict[str, TextSplit]:
    """The splits of {split: {column: values}}, as datasets give them."""
    told = form_of(list(tables["train"]))
    chosen = _choose(source, {} if told is None else {told: tables}, form)
    by_split = {
        split: [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
        for split, table in tables.items()
    }
    return read_splits(source, by_split, chosen, flags)


def read_splits(source: str, rows: Mapping[str, Rows], form: str, flags: bool = True) -> dict[str, TextSplit]:
    """The dialogues of each split, `flags` as in `read_row`. Raises DataError that names the first row that can't be read."""
    if "train" not in rows:
        raise DataError(
            _("{source} has {splits} and no train.jsonl. Add one, or call the file so.").format(
                source=source, splits=", ".join(rows)
            )
        )
    splits = {}
    for split in _SPLITS:
        if split not in rows:
            continue
        dialogues, wrong = [], []
        for number, row in enumerate(rows[split], start=1):
            try:
                dialogues.append(read_row(form, row, flags))
            except DataError as error:
                wrong.append((number, str(error)))
        if wrong:
            raise DataError(
                _(
                    "Row {row:,} of the {split} split of {source} is no dialogue: {cause}. {count:,} rows are so; "
                    "mend them or take them out."
                ).format(row=wrong[0][0], split=split, source=source, cause=wrong[0][1], count=len(wrong))
            )
        if not dialogues:
            raise DataError(_("The {split} split of {source} has no rows. Add some.").format(split=split, source=source))
        splits[split] = split_of_texts([as_text(one) for one in (merge(dialogues) if form == "context" else dialogues)])
    return splits


def merge(dialogues: Iterable[Dialogue]) -> list[Dialogue]:
    """Rows that tell how one dialogue went on, as that dialogue: each turn that some row learns is learned in it, once.

    A row whose turns are the beginning of another row's is contained in it.
    """
    by_end: dict[bytes, tuple[Dialogue, list[bytes]]] = {}
    inner: set[bytes] = set()
    for dialogue in dialogues:
        digest, ends = hashlib.blake2b(digest_size=16), []
        for turn in dialogue.turns:
            digest.update(repr(turn).encode())
            ends.append(digest.digest())
        inner.update(ends[:-1])
        by_end.setdefault(ends[-1], (dialogue, ends))
    merged = []
    for end, (dialogue, ends) in by_end.items():
        if end not in inner:
            learned = tuple(place for place, digest in enumerate(ends) if digest in by_end)
            merged.append(Dialogue(dialogue.turns, learned, dialogue.tools))
    return merged


def _choose(source: str, found: Mapping[str, Any], form: str) -> str:
    if not found:
        raise DataError(
            _(
                "{source} holds no dialogues. {accepted}, in train.jsonl and, where there are, validation.jsonl and test.jsonl."
            ).format(source=source, accepted=_(ACCEPTED))
        )
    if form == "auto":
        return next(one for one in FORMS if one in found)
    if form not in found:
        raise DataError(
            _("{source} holds no dialogues of the form {form} (data_format); it holds {found}.").format(
                source=source, form=form, found=", ".join(found)
            )
        )
    return form
