"""A checkpoint taken home: unpacked elsewhere and asked by a clean process, it answers as the playground does."""

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tiny_texts import save_model, tiny, write_reviews
from tests.trained import Train
from tests.trained_digits import DIGITS
from trainer_core.checkpoints import Checkpoint, find_checkpoint
from trainer_core.config import TrainConfig
from trainer_core.data import load_images
from trainer_core.decisions import decide, keep_threshold
from trainer_core.errors import CheckpointError, RunError
from trainer_core.handing_in.model_zip import write_model_zip
from trainer_core.inference.predict import LoadedCheckpoints
from trainer_core.settings import to_params
from trainer_core.store import Store
from trainer_core.tracking import tags
from trainer_core.tracking.records import RunRecord

TEXTS = ["A fine film, witty and warm.", "Dull " * 60, "电影很好看 😀", "  spaces around  "]
CLEAN = """
import importlib.util, json, sys
answers = []
for folder, asked in json.loads(sys.stdin.read()):
    spec = importlib.util.spec_from_file_location("ask", folder + "/ask.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ask = module.load()
    answers.append(ask([tuple(one) if isinstance(one, list) and isinstance(one[0], str) else one for one in asked]))
print(json.dumps(answers))
"""


def record(run_id: str, config: TrainConfig, name: str = "brisk-otter-1") -> RunRecord:
    return RunRecord(
        run_id=run_id,
        name=name,
        state="finished",
        experiment="descent",
        created=None,
        ended=None,
        params=to_params(config),
        tags={tags.DATASET: "reviews", tags.DATASET_DIGEST: "0123456789abcdef", tags.PACKAGES: "torch 2.13.0"},
        metrics={"test/accuracy": 0.75},
    )


def take_home(run_id: str, checkpoint: Checkpoint, folder: Path) -> Path:
    """Writes the zip and unpacks it; gives the folder inside."""
    path = write_model_zip(record(run_id, checkpoint.config()), checkpoint, folder / "home.zip")
    with zipfile.ZipFile(path) as archive:
        assert not [name for name in archive.namelist() if name.endswith((".bin", ".pt", ".pkl", ".pth"))]
        archive.extractall(folder)
    return folder / "home"


def ask_elsewhere(asked: list[tuple[Path, list[Any]]]) -> list[list[dict[str, Any]]]:
    """Asks what lies in some folders, in a clean process that knows nothing of Descent."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DESCENT"))}
    done = subprocess.run(
        [sys.executable, "-I", "-c", CLEAN],
        input=json.dumps([[str(folder), inputs] for folder, inputs in asked]),
        capture_output=True,
        text=True,
        cwd=asked[0][0],
        env=environment | {"HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr
    answers: list[list[dict[str, Any]]] = json.loads(done.stdout)
    return answers


@dataclass(frozen=True)
class Home:
    """A checkpoint taken home, what it was asked, and what the playground says."""

    folder: Path
    config: TrainConfig
    asked: list[Any]
    labels: tuple[str, ...]
    expected: Any
    threshold: float


KINDS: tuple[tuple[Any, dict[str, Any]], ...] = (
    ("small_gpt", {"task": "sequence_classification"}),
    ("gpt2", {"task": "label_token"}),
    ("llama", {"task": "label_token", "adapter": "lora"}),
    ("bert", {"task": "sequence_classification", "pair_column": "other"}),
)


def texts_taken_home(train_run: Train, store: Store, folder: Path, kind: Any, changes: dict[str, Any]) -> Home:
    model = kind if kind == "small_gpt" else str(save_model(kind, folder / kind))
    config = tiny(write_reviews(folder / "reviews"), model=model, max_steps=4, learning_rate=2e-2, **changes)
    run = train_run(config)
    checkpoint = find_checkpoint(store, run.run_id, "last")
    pairs = [text[::-1] for text in TEXTS] if config.pair_column else None
    labels, expected = LoadedCheckpoints(store).predict_texts(run.run_id, checkpoint.step, TEXTS, pairs)
    threshold = float(np.sort(expected[:, 1])[1])  # parts the answers
    keep_threshold(checkpoint.path, threshold)
    asked: list[Any] = list(TEXTS) if pairs is None else [list(both) for both in zip(TEXTS, pairs, strict=True)]
    return Home(take_home(run.run_id, checkpoint, folder), config, asked, labels, expected, threshold)


def test_texts_are_answered_the_same(train_run: Train, store: Store, tmp_path: Path) -> None:
    homes = []
    for kind, changes in KINDS:
        (tmp_path / f"of-{kind}").mkdir()
        homes.append(texts_taken_home(train_run, store, tmp_path / f"of-{kind}", kind, changes))
    for home, answers in zip(homes, ask_elsewhere([(home.folder, home.asked) for home in homes]), strict=True):
        found = np.array([[answer["probabilities"][label] for label in home.labels] for answer in answers])
        assert np.abs(found - home.expected).max() < (1e-4 if home.config.adapter == "lora" else 1e-5)
        winners = decide(home.expected, home.threshold)
        clear = np.abs(home.expected[:, 1] - home.threshold) > 1e-4
        assert [answer["label"] for answer, own in zip(answers, clear, strict=True) if own] == [
            home.labels[int(winner)] for winner, own in zip(winners, clear, strict=True) if own
        ]
        card = (home.folder / "README.md").read_text(encoding="utf-8")
        for part in (
            "ask = load()",
            "| learning_rate | 0.02 |",
            "| test/accuracy | 0.7500 |",
            "from a probability of",
            "- Digest: 0123",
        ):
            assert part in card


def test_pictures_numbers_and_continuations_are_answered_the_same(train_run: Train, store: Store, tmp_path: Path) -> None:
    asked: list[tuple[Path, list[Any]]] = []
    expected: list[Any] = []
    images = load_images(DIGITS).splits["test"].images[:5]
    for model in ("feed_forward", "cnn"):
        run = train_run(DIGITS.model_copy(update={"epochs": 1, "model": model}))
        checkpoint = find_checkpoint(store, run.run_id, "last")
        (tmp_path / model).mkdir()
        asked.append((take_home(run.run_id, checkpoint, tmp_path / model), images.tolist()))
        expected.append(LoadedCheckpoints(store).predict(run.run_id, checkpoint.step, images))
    folder = write_reviews(tmp_path / "reviews")
    for task in ("regression", "language_modelling"):
        run = train_run(tiny(folder, task=task, label_names=(), max_steps=3))
        checkpoint = find_checkpoint(store, run.run_id, "last")
        (tmp_path / task).mkdir()
        asked.append((take_home(run.run_id, checkpoint, tmp_path / task), TEXTS))
        loaded = LoadedCheckpoints(store)
        if task == "regression":
            expected.append(loaded.predict_texts(run.run_id, checkpoint.step, TEXTS)[1])
        else:
            expected.append(loaded.go_on(run.run_id, checkpoint.step, TEXTS, 40, 0.0, 0))
    feed_forward, convolution, numbers, texts = ask_elsewhere(asked)
    for answers, (labels, shares) in zip((feed_forward, convolution), expected[:2], strict=True):
        assert np.allclose([[answer["probabilities"][label] for label in labels] for answer in answers], shares, atol=1e-6)
    assert np.allclose([[answer["number"]] for answer in numbers], expected[2], atol=1e-5)
    assert [answer["text"] for answer in texts] == expected[3]


def test_a_hostile_name_stays_a_name_and_a_damaged_checkpoint_is_not_packed(train_run: Train, store: Store, tmp_path: Path) -> None:
    run = train_run(DIGITS.model_copy(update={"max_steps": 2}))
    checkpoint = find_checkpoint(store, run.run_id, "last")
    hostile = record(run.run_id, DIGITS, "../<script>x</script>\n# 好\n`rm`")
    path = write_model_zip(hostile, checkpoint, tmp_path)
    assert path.parent == tmp_path
    with zipfile.ZipFile(path) as archive:
        card = archive.read(f"{path.stem}/README.md").decode()
        assert not [name for name in archive.namelist() if ".." in name or name.startswith("/")]
    assert "<script>" not in card.replace("\\<script\\>", "")
    assert "\n# 好" not in card
    with pytest.raises(RunError, match="is there already"):
        write_model_zip(hostile, checkpoint, path)
    weights = checkpoint.path / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match="is damaged"):
        write_model_zip(hostile, checkpoint, tmp_path / "other.zip")
    assert not (tmp_path / "other.zip").exists()
