"""JSON files as `datasets` reads them without changing a value: UTF-8, an object a line, and one type a field.

Left to itself its reader makes numbers of a field that holds both: beside 1 the text "01" becomes 1, and two classes one.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer_core.data.cells import as_text
from trainer_core.data.encodings import decode, guess_encoding, read_bytes
from trainer_core.errors import DataError
from trainer_core.language import gettext as _


def as_json_lines(files: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """The files by split; what has to be written anew lies in `folder`. Raises DataError for what is no list of objects."""
    texts = {split: _read(path) for split, path in files.items()}
    mixed = _mixed_fields(row for split, (text, _is_ready) in texts.items() for row in _objects(text, files[split].name))
    ready = {}
    for split, path in files.items():
        text, is_ready = texts[split]
        if is_ready and not mixed:
            ready[split] = path
            continue
        if _is_list(text):
            text = "\n".join(json.dumps(_with_text(row, mixed), ensure_ascii=False) for row in _objects(text, path.name))
        elif mixed:
            text = "\n".join(_line_with_text(line, mixed) for line in text.split("\n"))
        ready[split] = folder / f"{split}-{path.name}.jsonl"
        ready[split].write_text(text, encoding="utf-8")
    return ready


def _read(path: Path) -> tuple[str, bool]:
    """The text of a file, and whether the file can be handed on as it is."""
    content = read_bytes(path)
    encoding = guess_encoding(content, path.name)
    text = decode(content, encoding, path.name)
    return text, encoding == "utf-8" and path.suffix != ".gz" and not _is_list(text)


def _is_list(text: str) -> bool:
    return text.lstrip()[:1] == "["


def _objects(text: str, name: str) -> Iterator[dict[str, Any]]:
    """The rows of a list, or of those lines that hold one."""
    if _is_list(text):
        yield from _list_in(text, name)
        return
    for line in text.split("\n"):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            yield row


def _list_in(text: str, name: str) -> list[dict[str, Any]]:
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


def _mixed_fields(rows: Iterable[Mapping[str, Any]]) -> set[str]:
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


def _line_with_text(line: str, fields: set[str]) -> str:
    """A line with its row so; a damaged one as it is, for the library's reader to tell of."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return line
    return json.dumps(_with_text(row, fields), ensure_ascii=False) if isinstance(row, dict) else line


def _with_text(row: Mapping[str, Any], fields: set[str]) -> dict[str, Any]:
    return {name: as_text(value) if name in fields and value is not None else value for name, value in row.items()}
