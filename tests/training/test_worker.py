"""What a run leaves behind: points, checkpoints, and figures that a checkpoint gives again."""

import gzip
import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trained import Train
from trainer_core.checkpoints import find_checkpoint
from trainer_core.config import TrainConfig
from trainer_core.data import load_images
from trainer_core.data.evaluated_digest import evaluated_digest
from trainer_core.errors import ConfigError, DataError, DivergedError
from trainer_core.inference.predict import LoadedCheckpoints
from trainer_core.store import Store
from trainer_core.tasks.parameter_count import checkpoint_bytes, count_parameters
from trainer_core.training import trainer
from trainer_core.training.trainer import DescentTrainer

SMALL = TrainConfig(hidden_sizes=(32,), epochs=2, batch_size=64, learning_rate=5e-3, dropout=0.1, logging_steps=5)


def test_a_run_logs_losses_rates_evaluations_baselines_and_load(train_run: Train) -> None:
    run = train_run(SMALL)
    assert run.finished
    keys = {key for record in run.records() if record["kind"] == "metrics" for key in record["values"]}
    assert keys >= {
        "train/loss",
        "train/learning_rate",
        "train/grad_norm",
        "train/samples_per_second",
        "eval/loss",
        "eval/accuracy",
        "eval/f1_macro",
        "test/loss",
        "test/accuracy",
        "test/f1_macro",
        "baseline/majority/accuracy",
        "baseline/logistic_regression/accuracy",
        "system/cpu_utilization_percentage",
        "system/system_memory_usage_megabytes",
        "system/process_memory_megabytes",
        "system/disk_usage_percentage",
    }
    assert [step for step, _loss in run.points("train/loss")] == [1, 5, 10, 15, 20, 25, 30, 35, 40]
    assert [step for step, _accuracy in run.points("eval/accuracy")] == [20, 40]
    assert len(run.points("test/accuracy")) == 1
    last = [record for record in run.records() if record["kind"] == "metrics" and "eval/loss" in record["values"]][-1]
    assert (last["epoch"], last["samples"]) == (2.0, 2 * 1257)


def test_a_quick_run_tells_how_far_it_is_once_a_second_and_at_its_ends(train_run: Train) -> None:
    run = train_run(SMALL.model_copy(update={"epochs": 6, "logging_steps": 1}))
    losses = [record for record in run.records() if record["kind"] == "metrics" and "train/loss" in record["values"]]
    told = [record for record in losses if record.get("tells_progress", True)]
    assert [record["step"] for record in losses] == list(range(1, 121))
    assert (told[0]["step"], told[-1]["step"], told[-1]["epoch"], told[-1]["samples"]) == (1, 120, 6.0, 6 * 1257)
    assert len(told) <= 2 + (losses[-1]["time"] - losses[0]["time"]) / 1_000, "each is a row more a step in MLflow"
    assert all(record["epoch"] == pytest.approx(record["step"] / 20) for record in losses), "it grows evenly"


def test_what_the_optimiser_held_is_given_back_before_the_test(train_run: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(trainer, "give_back", lambda: given.append(True))
    assert train_run(SMALL.model_copy(update={"max_steps": 2})).points("test/accuracy")
    assert given == [True]


def test_logged_figures_are_those_of_hf_trainers_own_logging(train_run: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    config = SMALL.model_copy(update={"max_grad_norm": 0.0, "max_steps": 33, "logging_steps": 5})
    ours = train_run(config)
    stopped = train_run(config, stop_at=12)
    resumed = train_run(config, run_id=stopped.run_id, resume_from=12)
    monkeypatch.delattr(DescentTrainer, "_maybe_log_save_evaluate")
    monkeypatch.setattr(trainer, "norm_of", torch.nn.utils.get_total_norm)
    theirs = train_run(config)
    assert ours.points("train/loss") == theirs.points("train/loss")
    assert ours.points("train/learning_rate") == theirs.points("train/learning_rate")
    for (step, norm), (same, other) in zip(ours.points("train/grad_norm"), theirs.points("train/grad_norm"), strict=True):
        assert step == same
        assert norm == pytest.approx(other, rel=1e-5)
    after = {step: loss for step, loss in resumed.points("train/loss") if step > 15}  # until then it is of fewer steps
    assert after == {step: loss for step, loss in theirs.points("train/loss") if step > 15}


def test_the_run_says_what_it_stands_on(train_run: Train) -> None:
    run = train_run(SMALL.model_copy(update={"max_steps": 2}))
    tags = next(record["values"] for record in run.records() if record["kind"] == "tags")
    assert "torch 2.13.0" in tags["descent.packages"]
    assert tags["descent.parameters"] == "2410"
    assert tags["descent.evaluated_on"] == "validation"
    validation = load_images(SMALL).splits["validation"]
    assert tags["descent.evaluated_digest"] == evaluated_digest(validation, load_images(SMALL).label_names)
    took = [record["values"] for record in run.records() if record["kind"] == "tags"][-1]
    assert int(took["descent.peak_memory"]) > 1e8
    assert float(took["descent.samples_per_second"]) > 0
    kept = sum(path.stat().st_size for path in run.store.checkpoints(run.run_id).rglob("*") if path.is_file())
    assert int(took["descent.checkpoint_bytes"]) == kept > 2_410 * 4
    datasets = [record for record in run.records() if record["kind"] == "dataset"]
    assert {record["context"] for record in datasets} == {"training", "validation", "test"}
    assert {record["digest"] for record in datasets} == {tags["descent.dataset_digest"]}


def test_a_checkpoint_rebuilds_itself_and_gives_the_accuracy_that_was_reported(train_run: Train, store: Store) -> None:
    run = train_run(SMALL)
    best = find_checkpoint(store, run.run_id, "best")
    data = load_images(SMALL)
    loaded = LoadedCheckpoints(store)
    for split, reported in (("validation", best.metrics["eval/accuracy"]), ("test", run.points("test/accuracy")[0][1])):
        labels, probabilities = loaded.predict(run.run_id, best.step, data.splits[split].images)  # type: ignore[index]
        assert labels == tuple("0123456789")
        right = int((probabilities.argmax(axis=1) == data.splits[split].labels).sum())  # type: ignore[index]
        assert right == round(reported * len(data.splits[split]))  # type: ignore[index]


def test_the_best_checkpoint_is_kept_whatever_the_intervals(train_run: Train) -> None:
    config = SMALL.model_copy(update={"epochs": 6, "eval_steps": 7, "save_steps": 50, "checkpoints_kept": 1, "logging_steps": 100})
    run = train_run(config)
    best_accuracy = max(accuracy for _step, accuracy in run.points("eval/accuracy"))
    best = next(checkpoint for checkpoint in run.checkpoints() if checkpoint.is_best)
    assert best.metrics["eval/accuracy"] == best_accuracy
    assert best.step % 7 == 0 or best.step == 120
    assert run.checkpoints()[-1].step == 120
    assert len(run.checkpoints()) <= 2


def test_no_pickle_of_arguments_and_no_half_written_folder_stays(train_run: Train, store: Store) -> None:
    run = train_run(SMALL)
    names = {path.name for path in store.checkpoints(run.run_id).rglob("*")}
    assert "model.safetensors" in names
    assert not names & {"training_args.bin", ".writing"}


def test_a_stopped_run_leaves_a_checkpoint_and_resumes_to_the_same_bits(train_run: Train) -> None:
    config = SMALL.model_copy(update={"epochs": 4, "dropout": 0.3, "schedule": "cosine", "checkpoints_kept": 10})
    whole = train_run(config)
    half = train_run(config, stop_at=33)
    assert not half.finished
    assert half.checkpoints()[-1].step == 33
    resumed = train_run(config, run_id=half.run_id, resume_from=33)
    assert resumed.finished
    assert resumed.weights(80) == whole.weights(80)
    assert resumed.points("eval/loss") == whole.points("eval/loss")
    assert dict(resumed.points("train/loss"))[80] == dict(whole.points("train/loss"))[80]


def test_resuming_from_an_earlier_step_sets_later_checkpoints_aside(train_run: Train, store: Store) -> None:
    config = SMALL.model_copy(update={"checkpoints_kept": 10, "epochs": 3})
    run = train_run(config)
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [20, 40, 60]
    before = run.weights(60)
    again = train_run(config, run_id=run.run_id, resume_from=20, stop_at=30)
    assert [checkpoint.step for checkpoint in again.checkpoints()] == [20, 30]
    assert (store.checkpoints(run.run_id) / "superseded" / "step-00000060").is_dir()
    best = find_checkpoint(store, run.run_id, "best")
    assert best.is_best
    assert best.step == 20
    once_more = train_run(config, run_id=run.run_id, resume_from=20)
    assert once_more.weights(60) == before


@pytest.mark.parametrize("changes", [{}, {"optimizer": "sgd", "max_grad_norm": 0.0}, {"accumulation_steps": 2}])
def test_a_learning_rate_of_a_billion_fails_within_50_steps_naming_step_and_cause(
    train_run: Train, changes: dict[str, object]
) -> None:
    with pytest.raises(DivergedError, match=r"at step \d+.*learning rate, 1e9: it is too large") as caught:
        train_run(SMALL.model_copy(update={"learning_rate": 1e9, "epochs": 10} | changes))
    step = int(str(caught.value).split("at step ")[1].split(".")[0])
    assert step <= 50


def test_a_run_that_diverges_late_keeps_its_last_good_checkpoint(train_run: Train, store: Store) -> None:
    run = train_run(SMALL.model_copy(update={"max_steps": 20, "epochs": 9}))
    wild = SMALL.model_copy(update={"epochs": 9, "learning_rate": 1e9, "optimizer": "adamw"})
    # The optimiser's own state carries the old rate; the schedule sets the new one at its first step.
    checkpoint = run.checkpoints()[-1]
    state = json.loads((checkpoint.path / "trainer_state.json").read_text())
    assert state["global_step"] == 20
    with pytest.raises(DivergedError):
        train_run(wild, run_id=run.run_id)
    assert [c.step for c in run.checkpoints()][-1] == 20
    images = load_images(SMALL).splits["test"].images
    _labels, probabilities = LoadedCheckpoints(store).predict(run.run_id, 20, images)
    assert np.isfinite(probabilities).all()


def test_early_stopping_ends_after_the_patience_given(train_run: Train) -> None:
    config = SMALL.model_copy(update={"epochs": 50, "early_stopping_patience": 2, "learning_rate": 1e-8, "eval_steps": 3})
    run = train_run(config)
    assert run.finished
    assert len(run.points("eval/accuracy")) < 30
    assert run.checkpoints()[-1].step == run.points("eval/accuracy")[-1][0]


def test_fp16_without_an_nvidia_gpu_is_refused_with_what_to_choose(train_run: Train) -> None:
    import torch

    if torch.cuda.is_available():
        assert train_run(SMALL.model_copy(update={"precision": "fp16", "max_steps": 2})).finished
    else:
        with pytest.raises(ConfigError, match="Choose auto, fp32 or bf16"):
            train_run(SMALL.model_copy(update={"precision": "fp16"}))


def test_bf16_trains_on_the_cpu_too(train_run: Train) -> None:
    run = train_run(SMALL.model_copy(update={"precision": "bf16"}))
    assert math.isfinite(run.points("eval/loss")[-1][1])
    assert run.points("eval/accuracy")[-1][1] > 0.7


def test_a_resumed_run_keeps_the_threads_it_began_with(train_run: Train) -> None:
    import torch

    before = torch.get_num_threads()
    # Large enough for more than one thread, where there are more.
    config = SMALL.model_copy(update={"dropout": 0.3, "hidden_sizes": (4096,), "batch_size": 512, "epochs": 3})
    try:
        torch.set_num_threads(1)
        whole = train_run(config)
        stopped = train_run(config, stop_at=4)
        torch.set_num_threads(max(2, before))
        resumed = train_run(config, run_id=stopped.run_id, resume_from=stopped.checkpoints()[-1].step)
        last = resumed.checkpoints()[-1]
        assert last.details["threads"] == 1
        assert resumed.weights(last.step) == whole.weights(last.step)
        assert torch.get_num_threads() == max(2, before)  # of this process
        assert train_run(config.model_copy(update={"max_steps": 1})).checkpoints()[-1].details["threads"] == max(2, before)
        small = train_run(SMALL.model_copy(update={"max_steps": 1}))
        assert small.checkpoints()[-1].details["threads"] == 1  # waking a second one would take longer than a step
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "changes", [{"save_steps": 10}, {"save_steps": 5, "accumulation_steps": 2}, {"save_steps": 10, "eval_steps": 10}]
)
def test_resuming_at_an_epochs_last_step_ends_with_the_same_weights(train_run: Train, changes: dict[str, int]) -> None:
    # 1,257 rows: ten batches an epoch.
    config = SMALL.model_copy(update={"dropout": 0.5, "batch_size": 126, "epochs": 4, "checkpoints_kept": 20, **changes})
    config = config.model_copy(update={"learning_rate": 0.3})  # so large that later epochs are worse: a best one is saved twice
    run = train_run(config)
    last = run.checkpoints()[-1].step
    whole = run.weights(last)
    steps = [checkpoint.step for checkpoint in run.checkpoints() if checkpoint.step < last and not checkpoint.is_best]
    assert steps
    for step in reversed(steps):
        assert train_run(config, run_id=run.run_id, resume_from=step).weights(last) == whole, f"from step {step}"


def test_stopping_at_an_epochs_last_step_loses_no_evaluation(train_run: Train) -> None:
    config = SMALL.model_copy(update={"dropout": 0.3, "batch_size": 126, "epochs": 3})
    whole = train_run(config)
    stopped = train_run(config, stop_at=10)
    resumed = train_run(config, run_id=stopped.run_id, resume_from=10)
    assert [step for step, _value in resumed.points("eval/loss")] == [step for step, _value in whole.points("eval/loss")]
    assert resumed.weights(30) == whole.weights(30)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adamw", "rmsprop"])
def test_a_checkpoint_takes_about_what_was_foreseen(train_run: Train, optimizer: str) -> None:
    config = SMALL.model_copy(update={"hidden_sizes": (512, 256), "max_steps": 2, "optimizer": optimizer, "learning_rate": 1e-3})
    (checkpoint,) = train_run(config).checkpoints()
    foreseen = checkpoint_bytes(config, count_parameters(config, (8, 8), 10))
    assert checkpoint.bytes == pytest.approx(foreseen, rel=0.2)


def test_a_run_does_not_go_on_with_other_rows(train_run: Train, tmp_path: Path) -> None:
    config = SMALL.model_copy(update={"dataset": str(copy_of_digits(tmp_path / "own", 1.0)), "epochs": 2, "save_steps": 5})
    stopped = train_run(config, stop_at=5)
    before = stopped.points("train/loss")
    copy_of_digits(tmp_path / "own", 0.5)
    with pytest.raises(DataError, match="no longer those that the run was trained on"):
        train_run(config, run_id=stopped.run_id, resume_from=5)
    assert stopped.points("train/loss") == before
    assert not [record for record in stopped.records() if record["kind"] == "restart"]
    copy_of_digits(tmp_path / "own", 1.0)
    assert train_run(config, run_id=stopped.run_id, resume_from=5).finished


def copy_of_digits(folder: Path, brightness: float) -> Path:
    """Some of the digits as MNIST's four files."""
    folder.mkdir(exist_ok=True)
    digits = load_images(TrainConfig()).splits["train"]
    for name, rows in (("train", slice(0, 800)), ("t10k", slice(800, 1000))):
        pictures = (digits.images[rows] * brightness).astype(np.uint8)
        labels = digits.labels[rows].astype(np.uint8)
        head = struct.pack(">HBB3I", 0, 8, 3, *pictures.shape)
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + pictures.tobytes()))
        (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(
            gzip.compress(struct.pack(">HBBI", 0, 8, 1, len(labels)) + labels.tobytes())
        )
    return folder


def test_nothing_superseded_is_left_once_a_resumed_run_has_finished(train_run: Train, store: Store) -> None:
    config = SMALL.model_copy(update={"epochs": 3, "checkpoints_kept": 10})
    run = train_run(config)
    assert train_run(config, run_id=run.run_id, resume_from=20).finished
    found = sorted(path.name for path in store.checkpoints(run.run_id).iterdir())
    assert found == ["best.json", "step-00000020", "step-00000040", "step-00000060"]
