"""One request a kind of work, each answered with plain values: what the data process does, and the command line too."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from trainer_core.curating.doubts import doubt
from trainer_core.curating.uploads import drop_old_uploads
from trainer_core.data import library, steps
from trainer_core.data.examples import SPLIT_ORDER, check_reading, make_examples, rows_by_split, with_decided_labels
from trainer_core.data.findings import Inspection
from trainer_core.data.inspecting import Tell, inspect
from trainer_core.data.record import Reading, Record, Step
from trainer_core.data.sources import Guess, guess, read_source, source_digest
from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.store import Store, write_atomically

PREVIEW_ROWS = 8
PREVIEW_CHARACTERS = 300
_INSPECTION = 4
"""Raised when inspections find other things than before, so that old ones are not taken for new."""


def answer(store: Store, request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Does what `request["do"]` names. Raises TrainerError for what the user can mend."""
    told = {name: value for name, value in request.items() if name != "do"}
    return _WORK[request["do"]](store, tell, **told)


def look(_store: Store, tell: Tell, source: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Guesses how a source is read, and reads it so: `reading`, `name`, `columns`, `rows` by split, `preview`, `problems`."""
    tell(0.1, _("Reading {source}").format(source=Path(source).name))
    found = guess(source, given)
    return {
        "reading": asdict(found.reading),
        "name": library.safe_name(found.name),
        "columns": [name for name in found.columns if name not in ("image", "size")],
        "rows": _rows(found),
        "preview": _preview(found),
        "problems": check_reading(found.columns, found.reading),
        "label_candidates": list(found.label_candidates),
    }


def save(store: Store, tell: Tell, source: str, reading: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Reads a source, saves it as a dataset and inspects it: `reference`."""
    library.check_name(name)
    tell(0.05, _("Reading {source}").format(source=Path(source).name))
    known = {part.name for part in fields(Reading)}
    how = Reading(**{key: value for key, value in reading.items() if key in known})
    examples = make_examples(read_source(source, how), how)
    tell(0.2, _("Saving"))
    place = Path(source).expanduser()
    where = str(place.absolute()) if place.exists() else _named(how, source)
    record = library.save(store.datasets, name, where, source_digest(source), how, examples)
    drop_old_uploads(store, {one.source for one in library.list_saved(store.datasets)})
    return _inspected(store, record, examples, tell, begin=0.25)


def look_over(store: Store, tell: Tell, reference: str) -> dict[str, Any]:
    """Inspects a saved version: `reference`, `inspection`."""
    record = library.find(store.datasets, reference)
    return _inspected(store, record, None, tell)


def fix(store: Store, tell: Tell, reference: str, step: Mapping[str, Any]) -> dict[str, Any]:
    """Does a step to the newest version, which makes another. Raises DataError where someone was quicker."""
    record = library.find(store.datasets, reference)
    newest = library.find(store.datasets, record.name)
    if newest.version != record.version:
        raise DataError(
            _("{name} has a newer version, {newest}: look at that one first.").format(name=record.name, newest=newest.version)
        )
    wanted = Step(str(step["do"]), dict(step.get("options", {})))
    tell(0.05, _("Doing it"))
    examples = library.read_examples(store.datasets, record)
    done = steps.apply(examples, wanted)
    if len(done) == len(examples) and done.equals(examples.reset_index(drop=True)):
        raise DataError(_("Nothing to do: “{step}” changes no row of {name}.").format(
            step=steps.describe(wanted), name=record.reference
        ))  # fmt: skip
    done = with_decided_labels(done, record.reading.task)
    made = library.add_version(store.datasets, record, done, wanted)
    return _inspected(store, made, done, tell, begin=0.2)


def undo(store: Store, tell: Tell, name: str) -> dict[str, Any]:
    """Takes back the newest step."""
    record = library.undo(store.datasets, name)
    return _inspected(store, record, None, tell)


def read_inspection(store: Store, record: Record) -> Inspection | None:
    """The inspection of a version, where there has been one."""
    try:
        return Inspection.from_json(json.loads(_inspection_file(store, record).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


_WORK: Mapping[str, Callable[..., dict[str, Any]]] = {
    "look": look,
    "save": save,
    "inspect": look_over,
    "fix": fix,
    "undo": undo,
    "doubt": doubt,
}


def _inspected(store: Store, record: Record, examples: pd.DataFrame | None, tell: Tell, begin: float = 0.0) -> dict[str, Any]:
    found = read_inspection(store, record)
    if found is None:
        if examples is None:
            examples = library.read_examples(store.datasets, record)
        found = inspect(
            examples, record.reading.task, record.reference, lambda share, what: tell(begin + (1 - begin) * share, what)
        )
        write_atomically(_inspection_file(store, record), json.dumps(found.to_json(), ensure_ascii=False))
    return {"reference": record.reference, "inspection": replace(found, reference=record.reference).to_json()}


def _inspection_file(store: Store, record: Record) -> Path:
    return store.cache / f"inspection-{_INSPECTION}-{record.digest}-{record.reading.task}.json"


def _rows(found: Guess) -> dict[str, int]:
    if not found.reading.split_column:
        return {split: len(found.tables[split]) for split in SPLIT_ORDER if split in found.tables}
    try:
        return rows_by_split(make_examples(found.tables, replace(found.reading, picture_size=0)))
    except DataError:
        return {split: len(table) for split, table in found.tables.items()}


def _preview(found: Guess) -> list[dict[str, Any]]:
    head = found.tables["train"].head(PREVIEW_ROWS)
    columns = [str(name) for name in head if name != "image"]
    return [{name: str(row[name])[:PREVIEW_CHARACTERS] for name in columns} for _index, row in head.iterrows()]


def _named(reading: Reading, source: str) -> str:
    return f"hf://datasets/{source}{'@' + reading.revision if reading.revision else ''}" if reading.format == "hub" else source
