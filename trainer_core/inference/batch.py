"""The process that answers for a whole split or an uploaded file: `python -m trainer_core.inference.batch --store S --work FOLDER`.

A process of its own beside the warm one, so that no question at the page waits behind a hundred thousand. Its requests:

- {"do": "split", "of": [run, step], "split", "asked": [[run, step], ...]}: each checkpoint asked answers every row of that split of
  the first one's data; the answers are kept, see `answers`.
- {"do": "file", "run", "step", "file", "text_column", "pair_column"}: each row of a table gets what the checkpoint says of it, in a
  file beside the request, of the same kind: CSV, or JSON lines.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from trainer_core.answers import read_answers, write_answers
from trainer_core.checkpoints import find_checkpoint, folder_name
from trainer_core.data import ImageData, load_data
from trainer_core.data.labels import same_classes
from trainer_core.data.record import Reading
from trainer_core.data.sources import guess
from trainer_core.decisions import decide, read_threshold
from trainer_core.errors import CheckpointError, DataError
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.work_process import Answer, Tell, do_one

MOST_ROWS = 100_000
_NICENESS = 19


def answer(store: Store, request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Does what a request asks."""
    from trainer_core.inference.kept import give_way

    give_way(_NICENESS)
    return answer_split(store, request, tell) if request["do"] == "split" else answer_file(store, request, tell)


def answer_split(store: Store, request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Answers that are kept already are not computed again. Gives how many rows there are."""
    from trainer_core.inference.predict import LoadedCheckpoints

    split: Any = request["split"]
    first = find_checkpoint(store, *request["of"])
    tell(0.02, _("Reading the data"))
    data = load_data(first.config(), store.datasets)
    rows = data.splits[split]
    loaded = LoadedCheckpoints(store)
    for place, (run_id, step) in enumerate(request["asked"]):
        checkpoint = find_checkpoint(store, run_id, step)
        if same_classes(checkpoint.label_names, data.label_names) is None:
            raise CheckpointError(
                _("The checkpoint tells {own} apart, the data {theirs}. Choose one that learnt the same classes.").format(
                    own=", ".join(checkpoint.label_names), theirs=", ".join(data.label_names)
                )
            )
        if read_answers(store, checkpoint, data.digest, split, len(rows)) is not None:
            continue

        def share(done: float, place: int = place) -> None:
            tell(0.05 + 0.95 * (place + done) / len(request["asked"]), _("Answering {rows:,} rows").format(rows=len(rows)))

        share(0.0)
        if isinstance(data, ImageData):
            _names, found = loaded.predict(run_id, step, data.splits[split].images, share)
        else:
            texts = data.splits[split]
            _names, found = loaded.predict_texts(run_id, step, texts.texts, texts.pairs, share)
        write_answers(store, checkpoint, data.digest, split, found)
    return {"rows": len(rows)}


def answer_file(store: Store, request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Gives the result's `path`, its `rows`, those without a text as `empty`, and how many rows got each label as `counts`."""
    from trainer_core.inference.predict import LoadedCheckpoints

    run_id, step = str(request["run"]), int(request["step"])
    tell(0.02, _("Reading the file"))
    table = read_table(Path(str(request["file"])))
    columns = [str(request[name]) for name in ("text_column", "pair_column") if request.get(name)]
    for column in columns:
        if column not in table:
            raise DataError(
                _("The file has no column “{column}”. It has {columns}.").format(column=column, columns=", ".join(table.columns))
            )
    asked = [table[column].fillna("").astype(str).str.strip() for column in columns]
    there = np.flatnonzero(np.all([column.to_numpy() != "" for column in asked], axis=0))
    if not len(there):
        raise DataError(
            _("No row of the file has a text in {columns}.").format(columns=" and ".join(f"“{name}”" for name in columns))
        )
    texts = [column.iloc[there].tolist() for column in asked]

    def share(done: float) -> None:
        tell(0.05 + 0.9 * done, _("Answering {rows:,} rows").format(rows=len(there)))

    share(0.0)
    names, found = LoadedCheckpoints(store).predict_texts(run_id, step, texts[0], texts[1] if len(texts) > 1 else None, share)
    tell(0.96, _("Writing the result"))
    result, counts = table.copy(), {}
    if names:
        winners = decide(found, read_threshold(store.checkpoints(run_id) / folder_name(step)))
        said = np.full(len(table), None, dtype=object)
        said[there] = np.array(names, dtype=object)[winners]
        _add(result, "prediction", said)
        for index, name in enumerate(names):
            _add(result, f"probability_{name}", _filled(len(table), there, found[:, index]))
        counts = {name: int(count) for index, name in enumerate(names) if (count := np.sum(winners == index))}
    else:
        _add(result, "prediction", _filled(len(table), there, found[:, 0]))
    as_lines = Path(str(request["file"])).suffix.lower() in (".json", ".jsonl", ".ndjson")
    path = Path(str(request["folder"])) / ("answers.jsonl" if as_lines else "answers.csv")
    if as_lines:
        result.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        result.to_csv(path, index=False, encoding="utf-8-sig")  # with the mark by which Excel knows UTF-8
    return {"path": str(path), "rows": len(table), "empty": len(table) - len(there), "counts": counts}


def read_table(path: Path) -> pd.DataFrame:
    """A file's rows, every cell a text. Raises DataError for one that can't be read, for pictures, and for too many rows."""
    return _guess(path)[0]


def look(path: Path) -> dict[str, Any]:
    """What a page shows of a file before it is asked about: `columns`, the likeliest `text` and `pair`, and `rows`."""
    table, reading = _guess(path)
    columns = [str(name) for name in table.columns]
    return {"columns": columns, "text": reading.text_column, "pair": reading.pair_column, "rows": len(table)}


def _guess(path: Path) -> tuple[pd.DataFrame, Reading]:
    found = guess(str(path))
    table = next(iter(found.tables.values()))
    if "image" in table:
        raise DataError(_("{file} holds pictures. Choose a table with a text in each row.").format(file=path.name))
    if len(table) > MOST_ROWS:
        raise DataError(
            _("{file} has {rows:,} rows, more than the {most:,} that are answered at once. Split it.").format(
                file=path.name, rows=len(table), most=MOST_ROWS
            )
        )
    return table, found.reading


def _add(table: pd.DataFrame, name: str, values: Any) -> None:
    while name in table:
        name += "_"
    table[name] = values


def _filled(rows: int, there: Any, values: Any) -> Any:
    whole = np.full(rows, np.nan)
    whole[there] = np.round(values.astype(np.float64), 6)
    return whole


def _load() -> Answer:
    return answer


if __name__ == "__main__":
    sys.exit(do_one("python -m trainer_core.inference.batch", _load))
