"""An exported script, run alone, gives the run's numbers to the last digit, whatever the settings, and can be read."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import pytest

from tests.tiny_texts import save_model, tiny, write_reviews
from tests.trained import Train, Trained
from tests.trained_digits import DIGITS
from trainer_core.checkpoints import MANIFEST, find_checkpoint
from trainer_core.config import TrainConfig
from trainer_core.errors import RunError
from trainer_core.handing_in.script import MOST_LINES, SCRIPT, check_exportable, export_script
from trainer_core.predictions import read_predictions
from trainer_core.tracking.records import RunRecord
from trainer_core.training import building, kernels
from trainer_core.training.kernels import can_round

ALONE = ("classifier from scratch", "label token with LoRA on Llama", "the digits")
QUICK = {"epochs": 2, "batch_size": 16, "eval_batch_size": 32}
TEXT_CASES: dict[str, dict[str, Any]] = {
    "classifier from scratch": {"task": "sequence_classification", "dropout": 0.1, "schedule": "linear", "warmup_ratio": 0.1},
    "grouped by length, smoothed": {"task": "sequence_classification", "group_by_length": "on", "label_smoothing": 0.1},
    "balanced, by steps, stopped early": {
        "task": "sequence_classification",
        "class_weights": "balanced",
        "eval_steps": 2,
        "early_stopping_patience": 2,
        "best_metric": "eval/loss",
        "batch_size": 11,
        "accumulation_steps": 2,
    },
    "label token from scratch": {"dropout": 0.1, "padding": "fixed", "schedule": "cosine", "max_grad_norm": 0.0},
    "label token on GPT-2": {"model": "gpt2", "max_steps": 8, "optimizer": "sgd"},
    "label token with LoRA on Llama": {"model": "llama", "adapter": "lora", "max_steps": 6},
    "classifier on BERT": {"task": "sequence_classification", "model": "bert", "max_length": 20, "best_metric": "eval/f1_macro"},
    "classifier with LoRA on BERT": {"task": "sequence_classification", "model": "bert", "adapter": "lora", "max_steps": 6},
    "pairs on BERT": {"task": "sequence_classification", "model": "bert", "pair_column": "other", "max_length": 22},
    "pairs from scratch": {"task": "sequence_classification", "pair_column": "other"},
}
PICTURE_CASES: dict[str, dict[str, Any]] = {
    "the digits": {},
    "a convolution, balanced, nesterov": {"model": "cnn", "channels": (4, 8), "class_weights": "balanced", "optimizer": "nesterov"},
    "tested while trained, by steps": {"evaluation_split": "test", "eval_steps": 20, "schedule": "step", "dropout": 0.2},
}


def exported(train_run: Train, config: TrainConfig, target: Path, alone: bool) -> tuple[Trained, dict[str, Any]]:
    """Trains, exports, runs the script; returns the run and the figures. `alone`: in a clean process."""
    trained = train_run(config)
    path = export_script(trained.store, record_of(trained, config), target)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) < MOST_LINES
    assert max(len(line) for line in lines if not line.startswith("MODEL = ")) <= 140  # a path of its own length
    assert "trainer_core" not in path.read_text(encoding="utf-8")
    if alone:
        ran = subprocess.run(
            [sys.executable, "-I", SCRIPT],
            cwd=target,
            capture_output=True,
            text=True,
            check=False,
            env={"HF_HOME": str(target / "cache")},
        )
        assert ran.returncode == 0, ran.stderr
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(datasets.config, "HF_DATASETS_CACHE", target / "cache")
            runpy.run_path(str(path), run_name="__main__")
    return trained, json.loads((target / "figures.json").read_text())


def record_of(trained: Trained, config: TrainConfig) -> RunRecord:
    """What MLflow would say of it."""
    tags = {name: value for record in trained.records() if record["kind"] == "tags" for name, value in record["values"].items()}
    return RunRecord(trained.run_id, config.name, "finished", "descent", None, None, {}, tags)


def same_figures(trained: Trained, found: dict[str, Any], measure: str) -> None:
    best = find_checkpoint(trained.store, trained.run_id, "best")
    assert found["step"] == best.step
    figures = found["figures"]
    assert figures["eval/loss"] == best.metrics["eval/loss"]
    assert figures[f"eval/{measure}"] == pytest.approx(best.metrics[f"eval/{measure}"], rel=1e-12)
    assert figures[f"test/{measure}"] == pytest.approx(trained.points(f"test/{measure}")[-1][1], rel=1e-12)


def same_numbers(trained: Trained, found: dict[str, Any]) -> None:
    best = find_checkpoint(trained.store, trained.run_id, "best")
    assert found["step"] == best.step
    figures = found["figures"]
    assert figures["eval/loss"] == best.metrics["eval/loss"]
    assert figures["eval/accuracy"] == best.metrics["eval/accuracy"]
    for name in ("test/loss", "test/accuracy"):
        points = trained.points(name)
        assert figures.get(name) == (points[-1][1] if points else None)
    kept = read_predictions(trained.store, trained.run_id, best.step)
    names = list(best.label_names)
    assert [names[answer] for answer in found["predictions"]] == list(kept["prediction"])


@pytest.mark.parametrize("case", TEXT_CASES)
def test_texts_give_the_same_numbers(train_run: Train, tmp_path: Path, case: str) -> None:
    changes = dict(TEXT_CASES[case])
    if changes.get("model") in ("gpt2", "llama", "bert"):
        changes["model"] = str(save_model(changes["model"], tmp_path / "model"))
    config = tiny(write_reviews(tmp_path / "reviews", share=0.6), name=f"{case} “run”", **{**QUICK, **changes})
    same_numbers(*exported(train_run, config, tmp_path / "script", alone=case in ALONE))


@pytest.mark.parametrize(
    ("changes", "way"),
    [
        ({"task": "label_token"}, "onednn"),
        ({"task": "sequence_classification", "dropout": 0.1}, "onednn"),
        ({"task": "label_token", "width": 1_536}, "fused"),  # wide, so that the head of few words is large
        ({"task": "label_token", "precision": "bf16"}, "mixed"),
        ({"task": "label_token", "precision": "bf16"}, "rounded"),
        *([({"task": "label_token", "precision": "bf16"}, "bf16")] if can_round() else []),
    ],
)
def test_other_kernels_give_the_same_numbers(
    train_run: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], way: str
) -> None:
    monkeypatch.setattr(building, "is_faster", lambda: way == "onednn")  # whatever this machine's processor is
    if way in ("mixed", "rounded"):
        monkeypatch.setattr(kernels, "can_round", lambda: False)
        monkeypatch.setattr(building, "multiplies_bf16", lambda: way == "mixed")
    config = tiny(write_reviews(tmp_path / "reviews"), name="quick", **{"width": 192, "max_steps": 4, **changes})
    trained, found = exported(train_run, config, tmp_path / "script", alone=True)
    assert trained.checkpoints()[-1].details["kernels"] == way
    assert 'run_path(str(HERE / "kernels.py"))' in (tmp_path / "script" / SCRIPT).read_text()
    same_numbers(trained, found)


@pytest.mark.parametrize("changes", [{"dropout": 0.1}, {"activation_checkpointing": "on", "dropout": 0.1}])
def test_layers_run_where_labels_are_written_give_the_same_numbers(
    train_run: Train, tmp_path: Path, changes: dict[str, Any]
) -> None:
    config = tiny(
        write_reviews(tmp_path / "reviews"), name="narrow", **{"width": 96, "max_steps": 4, "max_grad_norm": 0.0, **changes}
    )
    trained, found = exported(train_run, config, tmp_path / "script", alone=True)
    is_narrow = "activation_checkpointing" not in changes
    details = trained.checkpoints()[-1].details
    assert bool(details["narrow"]) == is_narrow
    assert details["kernels"] == "torch"
    beside = {path.name for path in (tmp_path / "script").glob("*.py")}
    assert beside == {SCRIPT} | ({"places.py"} if is_narrow else set())
    same_numbers(trained, found)


def test_a_run_from_before_lays_texts_in_their_order_and_runs_whole_layers(train_run: Train, tmp_path: Path) -> None:
    config = tiny(write_reviews(tmp_path / "reviews"), name="before", width=96, max_steps=2)
    trained = train_run(config)
    path = export_script(trained.store, record_of(trained, config), tmp_path / "now")
    assert "sorted(enumerate(map(self.row, rows))" in path.read_text(encoding="utf-8")
    for checkpoint in trained.checkpoints():
        manifest = json.loads((checkpoint.path / MANIFEST).read_text())
        del manifest["details"]["narrow"], manifest["details"]["longest_first"]
        (checkpoint.path / MANIFEST).write_text(json.dumps(manifest))
    text = export_script(trained.store, record_of(trained, config), tmp_path / "before").read_text(encoding="utf-8")
    assert "for place, ids in enumerate(map(self.row, rows)):" in text
    assert not (tmp_path / "before" / "places.py").exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        runpy.run_path(str(tmp_path / "before" / SCRIPT), run_name="__main__")
    figures = json.loads((tmp_path / "before" / "figures.json").read_text())["figures"]
    # Without dropout the other order of sums is all there is between them.
    assert figures["eval/loss"] == pytest.approx(
        find_checkpoint(trained.store, trained.run_id, "best").metrics["eval/loss"], rel=1e-4
    )


@pytest.mark.parametrize("changes", [{}, {"model": "bert", "pair_column": "other"}, {"group_by_length": "on", "dropout": 0.1}])
def test_a_number_gives_the_same_numbers(train_run: Train, tmp_path: Path, changes: dict[str, Any]) -> None:
    if changes.get("model") == "bert":
        changes = {**changes, "model": str(save_model("bert", tmp_path / "model")), "max_length": 22}
    quick: dict[str, Any] = {**QUICK, "label_names": (), **changes}
    config = tiny(write_reviews(tmp_path / "reviews"), name="number", task="regression", **quick)
    trained, found = exported(train_run, config, tmp_path / "script", alone=False)
    same_figures(trained, found, "rmse")


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("small_gpt", {"eval_batch_size": 7}),
        ("llama", {"batch_size": 10, "accumulation_steps": 3, "eval_batch_size": 7}),
        ("gpt2", {"batch_size": 10, "accumulation_steps": 3, "eval_batch_size": 7, "rules": ()}),  # as before losses were weighed
    ],
)
def test_how_texts_go_on_gives_the_same_numbers(train_run: Train, tmp_path: Path, model: Any, more: dict[str, Any]) -> None:
    source = model if model == "small_gpt" else str(save_model(model, tmp_path / "model"))
    quick: dict[str, Any] = {**QUICK, "label_names": (), "model": source, "schedule": "linear", **more}
    config = tiny(write_reviews(tmp_path / "reviews"), name="writer", task="language_modelling", **quick)
    trained, found = exported(train_run, config, tmp_path / "script", alone=False)
    same_figures(trained, found, "perplexity")


@pytest.mark.parametrize("case", PICTURE_CASES)
def test_pictures_give_the_same_numbers(train_run: Train, tmp_path: Path, case: str) -> None:
    config = DIGITS.model_copy(update={"epochs": 2, "hidden_sizes": (32,), **PICTURE_CASES[case]})
    same_numbers(*exported(train_run, config, tmp_path / "script", alone=case in ALONE))


def test_a_folder_that_is_not_empty_is_left_alone(train_run: Train, tmp_path: Path) -> None:
    config = DIGITS.model_copy(update={"epochs": 1, "name": "digits"})
    run = record_of(trained := train_run(config), config)
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(RunError, match="is not empty"):
        export_script(trained.store, run, tmp_path)
    assert (tmp_path / "mine").read_text() == "kept"


@pytest.mark.parametrize(
    ("changes", "tags", "state", "sentence"),
    [
        ({}, {}, "running", "is running: a script is written of a run that has finished"),
        ({}, {"descent.device": "NVIDIA H200, 139 GiB"}, "finished", "trained on a GPU"),
        ({"schedule": "linear"}, {"descent.epochs": "9"}, "finished", "trained longer than launched"),
    ],
)
def test_what_would_give_other_numbers_is_refused(changes: dict[str, Any], tags: dict[str, str], state: Any, sentence: str) -> None:
    run = RunRecord("0" * 32, "some-run-1", state, "descent", None, None, {}, tags)
    with pytest.raises(RunError, match=sentence):
        check_exportable(run, DIGITS.model_copy(update=changes))
