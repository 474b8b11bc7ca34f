"""Every hyperparameter, from its declaration to an effect on a real run: one that changes nothing has no place in the form."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.test_idx import write_idx
from tests.trained import Train, Trained
from trainer_core.config import TrainConfig
from trainer_core.data import load_images
from trainer_core.settings import SETTINGS, build_config

BASE: dict[str, Any] = {
    "hidden_sizes": (16,),
    "epochs": 2,
    "batch_size": 128,
    "learning_rate": 1e-2,
    "logging_steps": 4,
    "precision": "fp32",
    "checkpoints_kept": 2,
}
CHANGES: dict[str, tuple[Any, dict[str, Any]]] = {
    # name: (another value, what else must hold for it to matter)
    "evaluation_split": ("test", {}),
    "validation_share": (0.25, {}),
    "test_share": (0.25, {}),
    "input_mean": (0.2, {}),
    "input_std": (0.3, {}),
    "model": ("cnn", {}),
    "hidden_sizes": ((8, 8), {}),
    "channels": ((4,), {"model": "cnn"}),
    "activation": ("tanh", {}),
    "dropout": (0.5, {}),
    "epochs": (1, {}),
    "max_steps": (3, {}),
    "batch_size": (64, {}),
    "accumulation_steps": (2, {}),
    "precision": ("bf16", {}),
    "seed": (7, {}),
    "label_smoothing": (0.3, {}),
    "class_weights": ("balanced", {}),
    "optimizer": ("sgd", {}),
    "learning_rate": (2e-2, {}),
    "momentum": (0.5, {"optimizer": "momentum"}),
    "weight_decay": (1.0, {}),
    "max_grad_norm": (1e-3, {"optimizer": "sgd"}),
    "schedule": ("linear", {}),
    "warmup_ratio": (0.5, {}),
    "step_size": (2, {"schedule": "step"}),
    "step_gamma": (0.5, {"schedule": "step"}),
    "eval_steps": (3, {}),
    "logging_steps": (2, {}),
    "save_steps": (3, {}),
    "checkpoints_kept": (1, {"save_steps": 3}),
    "best_metric": ("eval/loss", {"eval_steps": 2, "epochs": 4, "learning_rate": 3e-2}),
    "measures": (("mcc", "f1_per_class"), {}),
    "early_stopping_patience": (1, {"epochs": 6, "learning_rate": 1e-9}),
}
LORA: dict[str, Any] = {"adapter": "lora", "model": "LLAMA"}
TEXT_CHANGES: dict[str, tuple[Any, dict[str, Any]]] = {
    # The same for texts: settings that pictures do not have, over a base of their own.
    "task": ("sequence_classification", {}),
    "model": ("GPT2", {"model": "LLAMA"}),
    "text_column": ("other", {}),
    "pair_column": ("other", {"task": "sequence_classification"}),
    "label_column": ("stars", {}),
    "label_names": (("dull", "superb"), {}),
    "class_weights": ("balanced", {}),
    "dropout": (0.5, {}),
    "width": (32, {}),
    "layers": (1, {}),
    "heads": (4, {}),
    "vocabulary_size": (500, {}),
    "max_length": (8, {}),
    "adapter": ("lora", {"model": "LLAMA"}),
    "lora_rank": (2, LORA),
    "lora_alpha": (8, LORA),
    "lora_dropout": (0.5, LORA),
    "lora_targets": (("down_proj",), LORA),
    "group_by_length": ("on", {}),
}
CHAT_CHANGES: dict[str, Any] = {"data_format": "context", "written_turns": 1, "written_tokens": 2}
"""The same for dialogues: what other tasks do not have."""
NO_EFFECT_ON_THE_RESULT = {"name", "experiment", "eval_batch_size", "dataset", "padding", "activation_checkpointing"}
"""Names, and what changes speed or memory alone (tests/training/test_text_runs.py); dataset has a test of its own below."""
WHAT_A_CLASS_IS = {"missing_labels"}
"""With rows that have no such label nothing changes: tests/data/test_texts.py."""
ON_THE_HUB = {"dataset_configuration", "dataset_revision", "model_revision"}
"""They say what is fetched: tests/test_hub_road.py."""


def test_no_setting_is_left_out_of_the_walk() -> None:
    elsewhere = NO_EFFECT_ON_THE_RESULT | WHAT_A_CLASS_IS | ON_THE_HUB
    assert set(CHANGES) | set(TEXT_CHANGES) | set(CHAT_CHANGES) | elsewhere == set(SETTINGS)


@pytest.mark.parametrize("name", CHANGES)
def test_changing_it_changes_the_run(name: str, train_run: Train) -> None:
    value, context = CHANGES[name]
    base = build_config(BASE | context)
    changed = build_config(BASE | context | {name: value})
    assert getattr(base, name) != getattr(changed, name)
    assert fingerprint(train_run(base)) != fingerprint(train_run(changed))


def test_nothing_else_does(train_run: Train) -> None:
    base = build_config(BASE)
    assert fingerprint(train_run(base)) == fingerprint(train_run(base.model_copy(update={"name": "other", "experiment": "else"})))


def test_the_evaluation_batch_size_changes_no_figure(train_run: Train) -> None:
    runs = [train_run(build_config(BASE | {"eval_batch_size": size})) for size in (512, 16)]
    assert runs[0].points("eval/accuracy") == runs[1].points("eval/accuracy")
    losses = [[loss for _step, loss in run.points("eval/loss")] for run in runs]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_the_dataset_decides_what_is_trained_on(train_run: Train, tmp_path: Path) -> None:
    digits = load_images(TrainConfig())
    folder = tmp_path / "idx"
    folder.mkdir()
    for stem, split in (("train", digits.splits["train"]), ("t10k", digits.splits["test"])):
        write_idx(folder / f"{stem}-images-idx3-ubyte.gz", split.images)
        write_idx(folder / f"{stem}-labels-idx1-ubyte.gz", split.labels)
    other = train_run(build_config(BASE | {"dataset": str(folder)}))
    assert fingerprint(train_run(build_config(BASE))) != fingerprint(other)


def fingerprint(run: Trained) -> str:
    """What a run gave, without what differs from one time to the next."""
    points = [
        (record["step"], {key: value for key, value in sorted(record["values"].items()) if _repeats(key)})
        for record in run.records()
        if record["kind"] == "metrics"
    ]
    kept = [(checkpoint.step, checkpoint.is_best) for checkpoint in run.checkpoints()]
    weights = run.weights(kept[-1][0]).hex()
    return json.dumps([sorted((point for point in points if point[1]), key=str), kept, weights])


def _repeats(key: str) -> bool:
    return not key.startswith(("system/", "baseline/")) and key != "train/samples_per_second"
