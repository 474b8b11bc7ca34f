"""A table with odd labels and every road it takes: folder, saved dataset, training, prediction, script, bundle and zip."""

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tests.tiny_texts import write_csv
from trainer_core.config import TrainConfig
from trainer_core.curating.work import save
from trainer_core.data.sources import guess
from trainer_core.handing_in.bundle import MANIFEST
from trainer_core.store import Store
from trainer_core.tracking.records import RunRecord

_WORDS = ("apple", "bridge", "cloud", "dragon", "engine", "forest", "garden", "harbour", "island", "jungle", "kettle", "lantern")
SHARES = ("train", "validation", "test")


@dataclass(frozen=True)
class Column:
    """A label column: `rows` are (text, label as it is written) and each text says which class it is; `names` are the classes."""

    written: tuple[tuple[str, ...], ...]
    """Of each class the spellings, in turn over its rows."""
    names: tuple[str, ...]
    """What the classes are called, in their order."""
    order: tuple[int, ...]
    """For each of `written` its place in `names`."""
    missing: tuple[str, ...] = ()
    """Further labels that are none: a row of each."""

    def rows(self, copies: int) -> list[tuple[str, str]]:
        """So many rows of each class, each of another text, class by class in turn."""
        return [
            (f"{_WORDS[index]} {_WORDS[index]} number {copy}", ways[copy % len(ways)])
            for copy in range(copies)
            for index, ways in enumerate(self.written)
        ]

    def asked(self) -> dict[str, str]:
        """A text of each class, and the name that must come back."""
        return {f"{_WORDS[index]} {_WORDS[index]} number 0": self.names[place] for index, place in enumerate(self.order)}


def column(*written: str | tuple[str, ...], names: Sequence[str] = (), missing: Sequence[str] = ()) -> Column:
    """A column of the classes in `written`, in an order of no meaning; `names` are those classes in theirs."""
    ways = tuple((way,) if isinstance(way, str) else way for way in written)
    ordered = tuple(names) or tuple(way[0] for way in ways)
    order = tuple(next(place for place, name in enumerate(ordered) if name in way) for way in ways)
    return Column(ways, ordered, order, tuple(missing))


ODD_COLUMNS: Mapping[str, Column] = {
    "twelve numbers with a point": column(
        *(f"{number}.0" for number in (3, 11, 0, 7, 2, 10, 5, 1, 9, 4, 8, 6)), names=[f"{number}.0" for number in range(12)]
    ),
    "a point in some rows": column(("1", "1.0", "1"), ("0.0", "0.0", "0"), names=["0.0", "1"]),
    "leading zeros": column("1", "01", "2", names=["01", "1", "2"]),
    "truth in three spellings": column(("True", "true", "TRUE", "True"), "false", names=["True", "false"]),
    "digits that are no digits": column("①", "Ⅳ", "٣", names=["٣", "Ⅳ", "①"]),
    "None is an answer": column("None", "rash", "fever", names=["None", "fever", "rash"]),
    "None is missing": column("rash", "fever", names=["fever", "rash"], missing=["None"]),
    "nothing and NaN are missing": column("2", "10", names=["2", "10"], missing=["", "nan"]),
    "below zero": column("1", "-1", "0", names=["-1", "0", "1"]),
    "numbers and words": column("x", "10", "2", names=["2", "10", "x"]),
    "halves": column("10.5", "0.5", "2", names=["0.5", "2", "10.5"]),
    "signs of other formats": column('say "no"', "a, b", "x;y\ty", "#1", names=["#1", "a, b", 'say "no"', "x;y\ty"]),
    "from one on": column("3", "1", "2", names=["1", "2", "3"]),
    "thousands of digits": column("9" * 5_000, "8", names=["8", "9" * 5_000]),
}


def write_folder(folder: Path, labels: Column, missing: bool = True) -> Path:
    """train.csv, validation.csv and test.csv, all classes in each; rows without a label in train alone."""
    for split, copies in zip(SHARES, (6, 2, 2), strict=True):
        rows = labels.rows(copies)
        if split == "train" and missing:
            rows += [(f"nobody knows {index}", label) for index, label in enumerate(labels.missing)]
        write_csv(folder / f"{split}.csv", ("text", "label"), rows)
    return folder


def save_folder(store: Store, folder: Path, name: str) -> str:
    """Saves it as a dataset, as the page Data does; returns its reference."""
    given = {"text_column": "text", "label_column": "label", "task": "sequence_classification"}
    reading = guess(str(folder), given).reading
    return str(save(store, lambda _share, _what: None, str(folder), vars(reading), name)["reference"])


def memorising(dataset: str, **changes: Any) -> TrainConfig:
    """Settings with which a small GPT knows a few dozen rows by heart within two seconds."""
    values: dict[str, Any] = {
        "task": "sequence_classification",
        "dataset": dataset,
        "model": "small_gpt",
        "width": 32,
        "layers": 1,
        "heads": 2,
        "dropout": 0.0,
        "vocabulary_size": 400,
        "max_length": 12,
        "epochs": 25,
        "batch_size": 8,
        "learning_rate": 1e-2,
        "schedule": "linear",
        "logging_steps": 1_000,
        "eval_steps": 1_000,
        "save_steps": 1_000,
        "precision": "fp32",
    }
    return TrainConfig(**(values | changes))


def as_record(run_id: str, config: TrainConfig, tags: Mapping[str, str]) -> RunRecord:
    """The run as MLflow would tell it."""
    return RunRecord(run_id, "odd-label-1", "finished", "descent", None, None, {}, dict(tags))


def ask_zip(folder: Path, texts: Sequence[str]) -> list[str]:
    """What the script in an exported folder answers, by name."""
    spec = importlib.util.spec_from_file_location("taken_home", folder / "ask.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [answer["label"] for answer in module.load()(list(texts))]


def names_in_bundle(folder: Path) -> dict[str, str]:
    """Each text of a bundle's training rows with the name of its label, by the bundle's own list."""
    names = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["label_names"]
    rows = [json.loads(line) for line in (folder / "data" / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    return {row["text"]: names[row["label"]] for row in rows}


def names_in_script(script: str) -> list[str]:
    """The list LABELS of an exported script."""
    found: dict[str, Any] = {}
    start = script.index("LABELS = ")
    end = script.index("\n", script.index("]", start))
    while True:
        try:
            exec(compile(script[start:end], "train.py", "exec"), found)  # noqa: S102 - a list literal of our own script
        except SyntaxError:
            end = script.index("\n", end + 1)
        else:
            return list(found["LABELS"])


def probabilities_by_name(table: pd.DataFrame) -> list[str]:
    """Of stored predictions the name with the largest share, row by row."""
    columns = [name for name in map(str, table) if name.startswith("probability_")]
    return [str(name).removeprefix("probability_") for name in table[columns].idxmax(axis=1)]
