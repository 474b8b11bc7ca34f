"""What a worker keeps as the best, and that it says so: by the main metric today, by the loss for a run of before."""

import json
from pathlib import Path

import pytest

from tests.tiny_dialogues import tiny_chat, write_dialogues
from tests.tiny_texts import tiny, write_csv
from tests.trained import Train, Trained
from trainer_core.checkpoints import BEST, find_checkpoint
from trainer_core.config import TrainConfig
from trainer_core.store import Store
from trainer_core.training.flow import best_evaluation
from trainer_core.training.saving import CheckpointFolder


def told(run: Trained, tag: str) -> list[str]:
    return [record["values"][tag] for record in run.records() if record["kind"] == "tags" and tag in record["values"]]


def numbers(folder: Path, **settings: object) -> TrainConfig:
    """A regression that learns a few rows by heart, so that its loss and its RMSE are best at an evaluation before the last."""
    for split in ("train", "validation", "test"):
        rows = [(f"film {row} was {'good' if row % 3 else 'bad'}", row % 3 + (0.5 if split != "train" else 0)) for row in range(12)]
        write_csv(folder / f"{split}.csv", ("text", "label"), rows)
    return tiny(folder, task="regression", label_names=(), epochs=4, batch_size=4, learning_rate=3e-2, **settings)


@pytest.mark.parametrize(("rules", "by"), [(("best",), "eval/rmse"), ((), "eval/loss")])
def test_a_regression_keeps_by_its_error_and_one_of_before_by_the_loss(
    train_run: Train, tmp_path: Path, rules: tuple[str, ...], by: str
) -> None:
    run = train_run(numbers(tmp_path, rules=rules))
    assert told(run, "descent.best_by") == [by]
    best = find_checkpoint(run.store, run.run_id, "best")
    assert best.metrics[by] == min(value for _step, value in run.points(by))
    assert told(run, "descent.kept_step")[-1] == str(best.step)


def test_dialogues_without_searches_are_kept_by_their_loss(train_run: Train, tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        talk = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": f"Hello from {split}."}]
        (tmp_path / f"{split}.jsonl").write_text("\n".join([json.dumps({"messages": talk})] * 8), encoding="utf-8")
    run = train_run(tiny_chat(tmp_path, epochs=2))
    assert told(run, "descent.best_by") == ["eval/loss"]
    assert told(run, "descent.kept_step")[-1] == str(find_checkpoint(run.store, run.run_id, "best").step)


def test_a_chat_model_with_searches_keeps_by_their_slots(train_run: Train, tmp_path: Path) -> None:
    run = train_run(tiny_chat(write_dialogues(tmp_path), epochs=1))
    assert told(run, "descent.best_by") == ["eval/slot_f1"]


def test_a_resumed_run_says_anew_which_checkpoint_is_kept(train_run: Train, tmp_path: Path) -> None:
    config = numbers(tmp_path, save_steps=2, eval_steps=2, checkpoints_kept=100)
    run = train_run(config)
    first = run.checkpoints()[0]
    again = train_run(config, run_id=run.run_id, resume_from=first.step)
    tagged = told(again, "descent.kept_step")
    assert str(first.step) in tagged[tagged.index(told(run, "descent.kept_step")[-1]) :]
    assert tagged[-1] == str(find_checkpoint(again.store, run.run_id, "best").step)


def test_what_stands_in_for_a_superseded_best_checkpoint_goes_by_the_same_rule(store: Store) -> None:
    kept: list[int | None] = []
    config = TrainConfig(task="chat", dataset="bookings", model="small_gpt", checkpoints_kept=10)
    folder = CheckpointFolder(store, "a" * 32, config, {}, best_by="eval/slot_f1", loss_breaks_ties=True, tell_kept=kept.append)
    metrics = {
        10: {"eval/loss": 2.0, "eval/slot_f1": 0.0},
        20: {"eval/loss": 1.0, "eval/slot_f1": 0.0},
        30: {"eval/loss": 1.5},
        40: {"eval/loss": 3.0, "eval/slot_f1": 0.5},
    }
    for step, values in metrics.items():
        written = folder.aside / f"checkpoint-{step}"
        written.mkdir()
        folder.mark_best(40)
        folder.keep(written, step, 1.0, values)
    folder.supersede_after(30)
    assert kept == [40, 20], "equals are told apart by the loss, and one that lacks the metric is passed over"
    folder.supersede_after(5)
    assert kept == [40, 20, None]
    assert not (folder.path / BEST).exists()


def test_of_evaluations_without_a_single_slot_the_one_of_the_lowest_loss_is_the_best() -> None:
    history = [{"step": step, "eval_loss": loss, "eval_slot_f1": 0.0} for step, loss in ((10, 2.0), (20, 1.0), (30, 1.5))]
    assert best_evaluation(history, "eval/slot_f1", loss_breaks_ties=True) == (20, 1)
    assert best_evaluation(history, "eval/slot_f1") == (10, 2), "a run of before takes the first"
    assert best_evaluation([{"step": 10, "eval_loss": 1.0, "eval_mcc": float("nan")}], "eval/mcc") == (0, 0)
    assert json.dumps(best_evaluation([], "eval/loss")) == "[0, 0]"
