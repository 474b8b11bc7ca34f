"""Small runs on texts that were really trained, for pages, the command line and the browser."""

import csv
import random
from pathlib import Path
from typing import Any

from tests.tiny_dialogues import tiny_chat, write_dialogues
from tests.trained_digits import train_for_real
from trainer_core.config import TrainConfig
from trainer_core.data.bookings import make_bookings
from trainer_core.data.dialogues import from_text, records_of
from trainer_core.store import Store

REVIEWS = TrainConfig(
    name="still-reed-1",
    task="sequence_classification",
    dataset="reviews",
    model="small_gpt",
    width=32,
    layers=1,
    heads=2,
    vocabulary_size=700,
    max_length=32,
    dropout=0.0,
    epochs=2,
    batch_size=64,
    learning_rate=3e-3,
)


def train_reviews(store: Store) -> str:
    """Some seconds of the synthetic reviews; returns the run's id."""
    return train_for_real(store, REVIEWS, "reviews")


def train_pairs(store: Store, folder: Path) -> str:
    """A run that reads two texts and says whether they are the same."""
    write_pairs(folder)
    changes = {"name": "pair-wren-2", "dataset": str(folder), "pair_column": "second", "epochs": 1, "batch_size": 32}
    return train_for_real(store, REVIEWS.model_copy(update=changes), "reviews")


def write_pairs(folder: Path) -> None:
    """Three CSV files of pairs, half of them twice the same text."""
    folder.mkdir()
    draw = random.Random(7)

    def sentence() -> str:
        return f"The {draw.choice(['house', 'tree', 'dog', 'road'])} is {draw.choice(['red', 'tall', 'old', 'warm'])}"

    for split, rows in (("train", 96), ("validation", 24), ("test", 24)):
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["text", "second", "label"])
            for row in range(rows):
                first = sentence()
                second = first if row % 2 else f"{sentence()} now"
                table.writerow([first, second, "same" if row % 2 else "other"])


def train_adapter(store: Store, model: Path) -> str:
    """A few steps of LoRA over the model in a folder, in the course's format."""
    changes = {"name": "small-lora-3", "task": "label_token", "model": str(model), "adapter": "lora", "max_steps": 6}
    return train_for_real(store, REVIEWS.model_copy(update=changes), "sentiment-lora")


def train_talk(store: Store, folder: Path, **changes: Any) -> str:
    """A chat model that knows eight dialogues by heart; see `_two_turns` for one of them."""
    write_dialogues(folder, train=8, held_out=2)
    values = {
        "name": "chatty-crow-4",
        "width": 64,
        "layers": 2,
        "max_length": 1_024,
        "epochs": 80,
        "vocabulary_size": 700,
        "learning_rate": 5e-3,
        "schedule": "cosine",
        "eval_steps": 1_000,
        "save_steps": 1_000,
        "logging_steps": 10,
    }
    return train_for_real(store, tiny_chat(folder, **(values | changes)), "hotel-demo")


def _two_turns() -> tuple[str, str, str, str]:
    """Of the first dialogue that has it: how it begins, a hotel that is found, what the user says next, and the answer in words."""
    for text in make_bookings().texts[:8]:
        turns = from_text(text).turns
        asked, again, *_more = (place for place, turn in enumerate(turns) if turn.role == "user")
        found = records_of(turns[asked + 2])
        if found and turns[again + 1].content:
            return turns[asked].content, str(found[0]["name"]), turns[again].content, turns[again + 1].content
    raise AssertionError("no such dialogue")


TALK_ASKS, TALK_HOTEL, TALK_NEXT, TALK_ANSWER = _two_turns()
