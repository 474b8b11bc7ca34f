"""JSON files as `datasets` reads them without changing a value: UTF-8, an object a line, and one type a field.

Left to itself its reader makes numbers of a field that holds both: beside 1 the text "01" becomes 1, and two classes one.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer_core.data.cells import as_text
from trainer_core.data.encodings import decode, guess_encoding, read_bytes
from trainer_core.errors import DataError
from trainer_core.language import gettext as _


def as_json_lines(files: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """The files by split; what has to be written anew lies in `folder`. Raises DataError for what is no list of objects."""
    texts = {split: _read(path) for split, path in files.items()}
    rows = {split: _objects(text, files[split].name) for split, (text, _is_lines) in texts.items()}
    mixed = _mixed_fields([row for found in rows.values() for row in found or ()])
    ready = {}
    for split, path in files.items():
        text, is_lines = texts[split]
        found = rows[split]
        if found is not None and (mixed or text.lstrip()[:1] == "["):
            text = "\n".join(json.dumps(_with_text(row, mixed), ensure_ascii=False) for row in found)
        elif is_lines:
            ready[split] = path
            continue
        ready[split] = folder / f"{split}-{path.name}.jsonl"
        ready[split].write_text(text, encoding="utf-8")
    return ready


def _read(path: Path) -> tuple[str, bool]:
    """The text of a file, and whether the file can be handed on as it is."""
    content = read_bytes(path)
    encoding = guess_encoding(content, path.name)
    return decode(content, encoding, path.name), encoding == "utf-8" and path.suffix != ".gz"


def _objects(text: str, name: str) -> list[dict[str, Any]] | None:
    """The rows of a list or of lines; None for lines that are damaged, of which the reader tells more."""
    if text.lstrip()[:1] != "[":
        try:
            rows = [json.loads(line) for line in text.split("\n") if line.strip()]
        except (ValueError, RecursionError):
            return None
        return rows if all(isinstance(row, dict) for row in rows) else None
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise DataError(
            _("{file} can't be read as JSON: {cause}. It takes a list of objects, or one object a line.").format(
                file=name, cause=error
            )
        ) from error
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise DataError(_("{file} is no list of objects. It takes [{{…}}, {{…}}], or one object a line.").format(file=name))
    return list(rows)


def _mixed_fields(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """The fields that hold text in some rows and a number or truth in others."""
    texts: set[str] = set()
    others: set[str] = set()
    for row in rows:
        for name, value in row.items():
            if isinstance(value, str):
                texts.add(name)
            elif isinstance(value, bool | int | float):
                others.add(name)
    return texts & others


def _with_text(row: Mapping[str, Any], fields: set[str]) -> dict[str, Any]:
    return {name: as_text(value) if name in fields and value is not None else value for name, value in row.items()}
