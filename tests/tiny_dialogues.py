"""A few of the made-up dialogues, in a folder as a user has them, and the settings of a run of seconds on them."""

import json
from pathlib import Path
from typing import Any

from trainer_core.config import TrainConfig
from trainer_core.data.bookings import make_bookings
from trainer_core.data.dialogues import from_text
from trainer_core.tools.bookings_hotels import made_up_hotels


def write_dialogues(folder: Path, train: int = 24, held_out: int = 4) -> Path:
    """train, validation and test in OpenAI's form, and hotels.json beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = iter(make_bookings().texts)
    for split, count in (("train", train), ("validation", held_out), ("test", held_out)):
        rows = []
        for _row in range(count):
            dialogue = from_text(next(texts))
            messages: list[dict[str, Any]] = []
            for turn in dialogue.turns:
                message: dict[str, Any] = {"role": turn.role, "content": turn.content}
                if turn.call is not None:
                    told = {"name": turn.call[0], "arguments": json.dumps(dict(turn.call[1]), ensure_ascii=False)}
                    message["tool_calls"] = [{"id": "1", "type": "function", "function": told}]
                messages.append(message)
            rows.append({"messages": messages, "tools": list(dialogue.tools)})
        (folder / f"{split}.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    (folder / "hotels.json").write_text(json.dumps(made_up_hotels(), ensure_ascii=False), encoding="utf-8")
    return folder


def tiny_chat(dataset: Path | str, **changes: Any) -> TrainConfig:
    """The settings of a run of seconds: a chat model of one layer, 6 steps an epoch."""
    values: dict[str, Any] = {
        "task": "chat",
        "dataset": str(dataset),
        "model": "small_gpt",
        "width": 32,
        "layers": 1,
        "heads": 2,
        "vocabulary_size": 400,
        "max_length": 256,
        "epochs": 2,
        "batch_size": 4,
        "eval_batch_size": 8,
        "learning_rate": 5e-3,
        "logging_steps": 1,
        "precision": "fp32",
        "checkpoints_kept": 10,
        "written_turns": 4,
        "written_tokens": 12,
    }
    return TrainConfig(**(values | changes))
