"""Likely wrong labels: a run that learnt what is right doubts the labels that were turned round, and a click takes them out."""

import csv
import random
from collections.abc import Iterator

import pandas as pd
import pytest

from tests.stores import end_processes_of, new_store
from tests.trained_digits import train_for_real
from trainer_core.cli import main
from trainer_core.config import TrainConfig
from trainer_core.curating.work import answer
from trainer_core.data import library
from trainer_core.data.label_errors import likely_wrong
from trainer_core.store import Store

TURNED = 12
WORDS = (("dull", "clumsy", "tedious", "bland"), ("superb", "witty", "charming", "moving"))
PARTS = ("plot", "cast", "music", "ending")


@pytest.fixture(scope="module")
def doubted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, set[str]]]:
    """A saved dataset with a dozen labels turned round in validation, a run on it, and the texts that were turned."""
    folder = tmp_path_factory.mktemp("doubted")
    store = new_store(folder / "store")
    draw = random.Random(4)
    labels = [draw.randrange(2) for _row in range(1_000)]
    texts = [f"Film {row} was {draw.choice(WORDS[label])}, and its {draw.choice(PARTS)} too" for row, label in enumerate(labels)]
    turned = set(draw.sample(range(800, 1_000), TURNED))
    with (folder / "films.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label", "split"))
        for row, (text, label) in enumerate(zip(texts, labels, strict=True)):
            given = 1 - label if row in turned else label
            writer.writerow((text, ("bad", "good")[given], "train" if row < 800 else "validation"))
    look = answer(store, {"do": "look", "source": str(folder / "films.csv")}, lambda _share, _what: None)
    request = {"do": "save", "source": str(folder / "films.csv"), "reading": look["reading"], "name": "films"}
    answer(store, request, lambda _share, _what: None)
    config = TrainConfig(
        name="doubter-1",
        task="sequence_classification",
        dataset="films@1",
        model="small_gpt",
        width=64,
        vocabulary_size=600,
        max_length=48,
        epochs=8,
        batch_size=32,
        learning_rate=3e-3,
        schedule="linear",
    )
    train_for_real(store, config, "reviews")
    yield store, {texts[row] for row in turned}
    end_processes_of(store)


def test_the_labels_that_were_turned_are_doubted(doubted: tuple[Store, set[str]]) -> None:
    store, turned = doubted
    from trainer_core.tracking.read import find_run

    run = find_run(store, "doubter-1")
    request = {"do": "doubt", "reference": "films@1", "run_id": run.run_id, "run_name": run.name}
    found = answer(store, request, lambda _share, _what: None)
    rows = found["problem"]["rows"]
    right = sum(row["text"] in turned for row in rows)
    assert found["rows"] == 200
    assert right >= 0.7 * TURNED
    assert right / len(rows) >= 3 * TURNED / found["rows"]  # far more than chance would point at
    assert "doubter-1 says" in rows[0]["note"]


def test_the_command_shows_them_and_takes_them_out(doubted: tuple[Store, set[str]], capsys: pytest.CaptureFixture[str]) -> None:
    store, turned = doubted
    words = ["--store", str(store.root), "data", "clean", "films", "--doubted-by", "doubter-1"]
    assert main(words) == 0
    assert "Likely wrong labels" in capsys.readouterr().out
    assert library.find(store.datasets, "films").version == 1  # shown, not mended
    assert main([*words, "--drop-doubted"]) == 0
    record = library.find(store.datasets, "films")
    assert record.version == 2
    left = set(library.read_examples(store.datasets, record)["text"])
    assert len(turned & left) < 0.4 * TURNED


def test_too_few_answers_say_nothing() -> None:
    examples = pd.DataFrame({"row": [0], "split": ["validation"], "text": ["x"], "label": ["a"]})
    predictions = pd.DataFrame({"example_id": ["1"], "label": ["a"], "probability_a": [0.1], "probability_b": [0.9]})
    assert likely_wrong(examples, predictions, {"1": 0}, "run") is None
