"""A checkpoint taken home: unpacked elsewhere and asked by a clean process, it answers as the playground does."""

import json
import os
import subprocess
import sys
import zipfile
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
import json, sys
sys.path.insert(0, sys.argv[1])
from ask import load
ask = load(sys.argv[1])
asked = json.loads(sys.stdin.read())
asked = [tuple(one) if isinstance(one, list) and isinstance(one[0], str) else one for one in asked]
print(json.dumps(ask(asked)))
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


def ask_elsewhere(folder: Path, asked: list[Any]) -> list[dict[str, Any]]:
    """Three lines in a process that knows nothing of Descent."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DESCENT"))}
    done = subprocess.run(
        [sys.executable, "-I", "-c", CLEAN, str(folder)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment | {"HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("small_gpt", {"task": "sequence_classification"}),
        ("gpt2", {"task": "label_token"}),
        ("llama", {"task": "label_token", "adapter": "lora"}),
        ("bert", {"task": "sequence_classification", "pair_column": "other"}),
    ],
)
def test_texts_are_answered_the_same(train_run: Train, store: Store, tmp_path: Path, kind: Any, changes: dict[str, Any]) -> None:
    model = kind if kind == "small_gpt" else str(save_model(kind, tmp_path / kind))
    config = tiny(write_reviews(tmp_path / "reviews"), model=model, max_steps=4, learning_rate=2e-2, **changes)
    run = train_run(config)
    checkpoint = find_checkpoint(store, run.run_id, "last")
    pairs = [text[::-1] for text in TEXTS] if config.pair_column else None
    labels, expected = LoadedCheckpoints(store).predict_texts(run.run_id, checkpoint.step, TEXTS, pairs)
    threshold = float(np.sort(expected[:, 1])[1])  # parts the answers
    keep_threshold(checkpoint.path, threshold)
    home = take_home(run.run_id, checkpoint, tmp_path)
    answers = ask_elsewhere(home, TEXTS if pairs is None else [list(both) for both in zip(TEXTS, pairs, strict=True)])
    found = np.array([[answer["probabilities"][label] for label in labels] for answer in answers])
    assert np.abs(found - expected).max() < (1e-4 if config.adapter == "lora" else 1e-5)
    winners = decide(expected, threshold)
    clear = np.abs(expected[:, 1] - threshold) > 1e-4
    assert [answer["label"] for answer, own in zip(answers, clear, strict=True) if own] == [
        labels[int(winner)] for winner, own in zip(winners, clear, strict=True) if own
    ]
    card = (home / "README.md").read_text(encoding="utf-8")
    for part in (
        "ask = load()",
        "| learning\\_rate | 0.02 |",
        "| test/accuracy | 0.7500 |",
        "from a probability of",
        "- Digest: 0123",
    ):
        assert part in card


def test_pictures_numbers_and_continuations_are_answered_the_same(train_run: Train, store: Store, tmp_path: Path) -> None:
    for model in ("feed_forward", "cnn"):
        run = train_run(DIGITS.model_copy(update={"epochs": 1, "model": model}))
        checkpoint = find_checkpoint(store, run.run_id, "last")
        images = load_images(DIGITS).splits["test"].images[:5]
        labels, expected = LoadedCheckpoints(store).predict(run.run_id, checkpoint.step, images)
        (tmp_path / model).mkdir()
        answers = ask_elsewhere(take_home(run.run_id, checkpoint, tmp_path / model), images.tolist())
        assert np.allclose([[answer["probabilities"][label] for label in labels] for answer in answers], expected, atol=1e-6)
    folder = write_reviews(tmp_path / "reviews")
    run = train_run(tiny(folder, task="regression", label_names=(), max_steps=3))
    checkpoint = find_checkpoint(store, run.run_id, "last")
    _labels, expected = LoadedCheckpoints(store).predict_texts(run.run_id, checkpoint.step, TEXTS)
    (tmp_path / "number").mkdir()
    answers = ask_elsewhere(take_home(run.run_id, checkpoint, tmp_path / "number"), TEXTS)
    assert np.allclose([[answer["number"]] for answer in answers], expected, atol=1e-5)
    run = train_run(tiny(folder, task="language_modelling", label_names=(), max_steps=3))
    checkpoint = find_checkpoint(store, run.run_id, "last")
    said = LoadedCheckpoints(store).go_on(run.run_id, checkpoint.step, TEXTS[:1], 40, 0.0, 0)
    (tmp_path / "text").mkdir()
    assert ask_elsewhere(take_home(run.run_id, checkpoint, tmp_path / "text"), TEXTS[:1]) == [{"text": said[0]}]


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
