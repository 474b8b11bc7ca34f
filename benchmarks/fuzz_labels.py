"""Tables with odd labels through every road from the file to the answer: no class may change its name on the way.

    python -m benchmarks.fuzz_labels [--quick] [--seed 0]

2,000 tables (--quick 200) that Hypothesis makes up go in process through names, numbers, the checkpoint's manifest, stored
predictions, the exported model's files and train.py's list. 100 (--quick 8) are trained until a small model knows their rows by
heart, and it is asked by name, in process and by the exported script. 12 (--quick 2) go by the real commands: launch, predict,
export, rerun. What is right is worked out here anew, from the rules alone, and shares no code with `trainer_core.data.labels`.
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.launched import run_to_end, temporary_store
from benchmarks.machine import describe, finish
from tests.label_roads import SHARES, as_record, ask_zip, memorising, names_in_script, probabilities_by_name
from tests.tiny_texts import write_csv
from trainer_core.checkpoints import CONFIG, MANIFEST, Checkpoint, find_checkpoint
from trainer_core.config import TrainConfig
from trainer_core.data import ImageData, library, load_data
from trainer_core.data.examples import make_examples
from trainer_core.data.record import Step
from trainer_core.data.sources import guess
from trainer_core.data.steps import apply
from trainer_core.data.texts import TextData
from trainer_core.errors import DataError
from trainer_core.handing_in.model_zip import fill_folder
from trainer_core.handing_in.script import write_data, write_script
from trainer_core.inference.predict import LoadedCheckpoints
from trainer_core.predictions import read_predictions, write_predictions
from trainer_core.settings import write_config
from trainer_core.store import Store, write_atomically

_MISSING = {"nan", "none", "null", "na"}
_WORDS = ("apple", "bridge", "cloud", "dragon", "engine", "forest", "garden", "harbour")
_GIVEN = {"task": "sequence_classification", "text_column": "text", "label_column": "label", "header": True, "delimiter": ","}
Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Table:
    """The label cells of each split, row by row, and whether they are written as JSON lines or as CSV."""

    splits: tuple[tuple[Cell, ...], ...]
    is_json: bool

    def __repr__(self) -> str:
        return f"{'JSON' if self.is_json else 'CSV'} {[list(cells) for cells in self.splits]}"


def text_of(cell: Cell) -> str:
    """A cell as it reads."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell == int(cell) else repr(cell)
    return str(cell).strip()


def classes_of(cells: list[Cell]) -> tuple[list[str | None], list[str]]:
    """The rules, once more: the name of each row's class, None where it has none, and all names in their order."""
    texts = [text_of(cell) for cell in cells]
    words = [text for text in texts if text.lower() in _MISSING]
    others = [text for text in texts if text and text.lower() not in _MISSING]
    beside_words = any(not _is_number(text) and text.lower() not in ("true", "false") for text in others)
    is_class = beside_words and 10 * len(words) >= len(words) + len(others)
    there = [text if text and (is_class or text.lower() not in _MISSING) else None for text in texts]
    plain = all(_is_plain(text) for text in there if text is not None)

    def key(text: str) -> str:
        if plain and text[-2:] == ".0":
            return text[:-2]
        return text.lower() if not plain and text.lower() in ("true", "false") else text

    ways: dict[str, Counter[str]] = {}
    for text in there:
        if text is not None:
            ways.setdefault(key(text), Counter())[text] += 1
    name_of = {one: sorted(counted, key=lambda way: (-counted[way], len(way), way))[0] for one, counted in ways.items()}
    numbers = sorted((name for name in name_of.values() if _is_number(name)), key=lambda name: (Fraction(name), name))
    return [None if text is None else name_of[key(text)] for text in there], numbers + sorted(set(name_of.values()) - set(numbers))


def _is_plain(text: str) -> bool:
    whole, point, fraction = text.removeprefix("-").partition(".")
    return _digits(whole) and (whole == "0" or whole[0] != "0") and (not point or _digits(fraction))


def _is_number(text: str) -> bool:
    whole, point, fraction = (text[1:] if text[:1] in ("+", "-") else text).partition(".")
    return _digits(whole) and (not point or _digits(fraction))


def _digits(text: str) -> bool:
    return bool(text) and all(sign in "0123456789" for sign in text)


# Spellings that programs and people really leave in label columns, by kind; a table mixes one or two kinds.
_KINDS: tuple[st.SearchStrategy[Cell], ...] = (
    st.integers(-3, 30),
    st.integers(-3, 30).map(float),
    st.integers(-3, 30).map(str),
    st.integers(-3, 30).map(lambda number: f"{number}.0"),
    st.integers(0, 12).map(lambda number: f"{number:02d}"),
    st.sampled_from([0.5, 1.5, 2.0, 10.25, "0.5", "1.50", "1.5", "10.0"]),
    st.sampled_from([True, False, "true", "True", "TRUE", "false", "False"]),
    st.sampled_from(["①", "②", "⑩", "Ⅳ", "Ⅸ", "٣", "²", "½", "５"]),
    st.sampled_from(["pos", "neg", "Pos", " pos", "neutral ", "很好", "一般"]),
    st.sampled_from(["None", "none", "NA", "nan", "null", None, "", math.nan]),
    st.sampled_from(['say "no"', "a, b", "x;y", "#1", "=1+1", "é", "e\u0301", "\u200bhidden", "two\nlines", "a\tb", "LABELS = []"]),
    st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="[]"), min_size=1, max_size=6),
)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Two to eight labels of one or two kinds, each in all splits."""
    kinds = draw(st.lists(st.sampled_from(_KINDS), min_size=1, max_size=2, unique_by=id))
    labels = draw(st.lists(st.one_of(kinds), min_size=2, max_size=8, unique_by=lambda cell: (type(cell), text_of(cell))))
    is_json = draw(st.booleans())
    if not is_json:  # CSV knows text alone
        labels = list(dict.fromkeys("" if label is None else str(label) for label in labels))
    copies = draw(st.lists(st.integers(1, 3), min_size=len(labels), max_size=len(labels)))
    train = tuple(label for label, count in zip(labels, copies, strict=True) for _copy in range(count))
    return Table((train, tuple(labels), tuple(labels)), is_json)


def grown(table: Table, rows: int = 12) -> Table:
    """The table with at least so many training rows, its cells again and again."""
    train = table.splits[0]
    return Table((tuple(train[row % len(train)] for row in range(max(rows, len(train)))), *table.splits[1:]), table.is_json)


def write(table: Table, folder: Path) -> dict[str, str | None]:
    """The table's files; returns the right name of each text, None where its label is missing."""
    names, _order = classes_of([cell for cells in table.splits for cell in cells])
    wanted: dict[str, str | None] = {}
    left = iter(names)
    for split, cells in zip(SHARES, table.splits, strict=True):
        rows = []
        for row, cell in enumerate(cells):
            text = f"{split} {_WORDS[row % len(_WORDS)]} of number {row}"
            wanted[text] = next(left)
            rows.append((text, cell))
        if table.is_json:
            lines = [json.dumps({"text": text, "label": cell}) + "\n" for text, cell in rows]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
        else:
            write_csv(folder / f"{split}.csv", ("text", "label"), [(text, "" if cell is None else cell) for text, cell in rows])
    return wanted


def save(store: Store, folder: Path, name: str) -> str:
    """Saves the files as a dataset; rows without a label go."""
    given = {name: value for name, value in _GIVEN.items() if name in ("task", "text_column", "label_column")}
    found = guess(str(folder), _GIVEN if (folder / "train.csv").exists() else given)
    examples = make_examples(found.tables, found.reading)
    if examples["label"].isna().any():
        examples = apply(examples, Step("drop_unlabelled"))
    return library.save(store.datasets, name, str(folder), "", found.reading, examples).reference


def names_in(data: TextData | ImageData) -> dict[str, str]:
    """Each text and the name of its class's number."""
    assert isinstance(data, TextData)
    return {
        text: data.label_names[int(label)]
        for split in data.splits.values()
        for text, label in zip(split.texts, split.labels, strict=True)
    }


class Roads:
    """A store, and a checkpoint for each number of classes that lends tables its weights."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.folder = store, folder
        self._lent: dict[int, str] = {}
        self._count = 0
        self.refused = 0

    def next_folder(self) -> Path:
        """A folder that is new."""
        self._count += 1
        return self.folder / f"table-{self._count}"

    def walk(self, table: Table) -> None:
        """Raises AssertionError where a name changes on the way."""
        home = self.next_folder()
        try:
            self._walk(table, home)
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def _walk(self, table: Table, home: Path) -> None:
        wanted = {text: name for text, name in write(table, home / "files").items()}
        right = {text: name for text, name in wanted.items() if name is not None}
        order = classes_of([cell for cells in table.splits for cell in cells])[1]
        if len(order) < 2:
            self.refused += 1
            try:
                load_data(memorising(save(self.store, home / "files", home.name), batch_size=1), self.store.datasets)
            except DataError:
                return
            raise AssertionError("A table of one class was taken.")
        reference = save(self.store, home / "files", home.name)
        config = memorising(reference, batch_size=1)
        assert list(library.find(self.store.datasets, reference).label_names) == order
        data = load_data(config, self.store.datasets)
        assert list(data.label_names) == order
        assert names_in(data) == right
        if not table.is_json and len(right) == len(wanted):
            by_folder = load_data(memorising(str(home / "files"), batch_size=1))
            assert (list(by_folder.label_names), names_in(by_folder)) == (order, right)
        self._hold_checkpoint(config, data, home)
        shutil.rmtree(self.store.datasets / home.name, ignore_errors=True)

    def _hold_checkpoint(self, config: TrainConfig, data: TextData | ImageData, home: Path) -> None:
        assert isinstance(data, TextData)
        checkpoint = self._lend(config, data)
        order = list(data.label_names)
        assert list(checkpoint.label_names) == order
        split = data.splits["validation"]
        shares = (0.9 * (split.labels[:, None] == range(len(order)))).astype("float32")
        ids = [split.example_id(row) for row in range(len(split))]
        write_predictions(self.store, checkpoint.run_id, 1, ids, split.labels, shares, data.label_names)
        kept = read_predictions(self.store, checkpoint.run_id, 1)
        names = [order[int(label)] for label in split.labels]
        assert kept["label"].tolist() == kept["prediction"].tolist() == probabilities_by_name(kept) == names
        run = as_record(checkpoint.run_id, config, {})
        (home / "zip").mkdir()
        fill_folder(run, checkpoint, home / "zip")
        assert json.loads((home / "zip" / "ask.json").read_text(encoding="utf-8"))["labels"] == order
        stored = json.loads((home / "zip" / "config.json").read_text(encoding="utf-8"))["id2label"]
        assert [stored[str(index)] for index in range(len(order))] == order
        assert names_in_script(write_script(self.store, run, config, data)) == order
        write_data(data, home / "data", config.task)
        rows = [json.loads(line) for line in (home / "data" / "train.jsonl").read_text(encoding="utf-8").splitlines()]
        assert {row["text"]: order[row["label"]] for row in rows}.items() <= names_in(data).items()

    def _lend(self, config: TrainConfig, data: TextData) -> Checkpoint:
        """The checkpoint of as many classes, told these names and settings: as the worker writes them, in JSON."""
        classes = len(data.label_names)
        if classes not in self._lent:
            rows = [(f"{_WORDS[row % 8]} {row}", f"class {row % classes}") for row in range(3 * classes)]
            for split in SHARES:
                write_csv(self.folder / f"lent-{classes}" / f"{split}.csv", ("text", "label"), rows)
            self._lent[classes] = train_here(
                self.store, memorising(str(self.folder / f"lent-{classes}"), batch_size=1, max_steps=1)
            )
        checkpoint = find_checkpoint(self.store, self._lent[classes], "best")
        manifest = json.loads((checkpoint.path / MANIFEST).read_text(encoding="utf-8"))
        manifest["details"]["labels"] = data.label_names
        write_config(config, checkpoint.path / CONFIG, write_atomically)
        manifest["files"].pop(CONFIG, None)
        write_atomically(checkpoint.path / MANIFEST, json.dumps(manifest))
        return find_checkpoint(self.store, self._lent[classes], "best")

    def train_and_ask(self, table: Table) -> None:
        """Trains until twelve rows are known, and holds every answer's name; in process, and by the exported script."""
        home = self.next_folder()
        right = {text: name for text, name in write(table, home / "files").items() if name is not None}
        config = memorising(save(self.store, home / "files", home.name), batch_size=4, epochs=60)
        run_id = train_here(self.store, config)
        checkpoint = find_checkpoint(self.store, run_id, "last")
        asked = dict(list((text, name) for text, name in right.items() if text.startswith("train"))[:12])
        names, shares = LoadedCheckpoints(self.store).predict_texts(run_id, checkpoint.step, list(asked))
        assert [names[index] for index in shares.argmax(axis=1)] == list(asked.values())
        (home / "zip").mkdir()
        fill_folder(as_record(run_id, config, {}), checkpoint, home / "zip")
        assert ask_zip(home / "zip", list(asked)) == list(asked.values())


def train_here(store: Store, config: TrainConfig) -> str:
    """Trains in this process with the worker's own function."""
    from trainer_core.tracking.journal import Journal
    from trainer_core.training.vitals import Pulse
    from trainer_core.training.worker import train

    run_id = uuid.uuid4().hex
    store.run_folder(run_id).mkdir(parents=True)
    write_config(config, store.config_file(run_id), write_atomically)
    journal = Journal(store.journal(run_id))
    try:
        train(store, run_id, config, journal, Pulse(store.progress(run_id)), threading.Event(), None)
    finally:
        journal.close()
    return run_id


def by_commands(store: Store, folder: Path, table: Table) -> None:
    """launch, predict, export and its script, bundle and rerun, each a command of its own."""
    right = {text: name for text, name in write(table, folder / "files").items() if name is not None}
    config = memorising(save(store, folder / "files", folder.name), batch_size=4, epochs=60)
    run, _seconds = run_to_end(store, config, "reviews")
    asked = dict(list((text, name) for text, name in right.items() if text.startswith("train"))[:12])

    def command(*words: str) -> str:
        line = [sys.executable, "-m", "trainer_core", "--store", str(store.root), *words]
        return subprocess.run(line, check=True, capture_output=True, text=True, timeout=300).stdout

    texts = [word for text in asked for word in ("--text", text)]
    told = [json.loads(line) for line in command("predict", run.name, *texts, "--json").splitlines()]
    assert {one["input"]: one["label"] for one in told} == asked
    command("export", run.name, "--out", str(folder / "model.zip"))
    shutil.unpack_archive(folder / "model.zip", folder / "model")
    [home] = (folder / "model").iterdir()
    script = "import json, sys; from ask import load; print(json.dumps([one['label'] for one in load()(json.load(sys.stdin))]))"
    said = subprocess.run(
        [sys.executable, "-c", script],
        cwd=home,
        input=json.dumps(list(asked)),
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    ).stdout
    assert json.loads(said.splitlines()[-1]) == list(asked.values())
    command("bundle", run.name, "--out", str(folder / "bundle.zip"))
    judged = command("rerun", str(folder / "bundle.zip"))
    assert "equal" in judged, judged


def main() -> int:
    """Prints a line a part and the JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz_labels")
    parser.add_argument("--quick", action="store_true", help="200 tables, 8 trained, 2 by commands")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(describe())
    counts = (200, 8, 2) if arguments.quick else (2_000, 100, 12)
    figures: dict[str, Any] = {"quick": arguments.quick, "seed": arguments.seed}
    failures: list[str] = []
    with temporary_store() as store, tempfile.TemporaryDirectory(prefix="descent-fuzz-") as folder:
        roads = Roads(store, Path(folder))

        def by_command(table: Table) -> None:
            by_commands(store, roads.next_folder(), table)

        learnable = (
            tables().map(grown).filter(lambda table: len(classes_of([cell for cells in table.splits for cell in cells])[1]) >= 2)
        )
        parts = (
            ("in_process", roads.walk, tables()),
            ("trained", roads.train_and_ask, learnable),
            ("by_commands", by_command, learnable),
        )
        for (name, road, made), count in zip(parts, counts, strict=True):
            began = time.monotonic()
            walked = _fuzz(road, made, count, arguments.seed, failures, shrink=name == "in_process")
            figures[name] = walked
            print(f"{name:12} {walked:5} tables  {len(failures)} failed so far  {time.monotonic() - began:.0f} s", flush=True)
        figures["of_one_class"] = roads.refused
    for failure in failures:
        print(failure)
    reached = all(figures[name] >= count for (name, _road, _made), count in zip(parts, counts, strict=True))
    return finish("fuzz_labels", figures | {"failures": len(failures)}, reached and not failures)


def _fuzz(road: Any, made: st.SearchStrategy[Table], count: int, start: int, failures: list[str], shrink: bool) -> int:
    """Walks so many tables, or until one fails; `shrink` makes that one as small as it can be, which takes a dozen walks more."""
    walked = 0
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]

    @seed(start)
    @settings(max_examples=count, deadline=None, database=None, phases=phases, suppress_health_check=list(HealthCheck))
    @given(made)
    def hold(table: Table) -> None:
        nonlocal walked
        walked += 1
        road(table)

    try:
        hold()
    except ExceptionGroup as group:
        failures += [_told(error) for error in group.exceptions]
    except Exception as error:  # whatever it is, the table that it came from is named, and the other parts go on
        failures.append(_told(error))
    return walked


def _told(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    notes = getattr(error, "__notes__", [])
    return "\n".join([f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}: {str(error)[:2_000]}", *notes])


if __name__ == "__main__":
    sys.exit(main())
