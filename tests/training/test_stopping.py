"""A stop, a kill or an error in an evaluation or the final test: nothing that was trained is lost, and resuming does the rest."""

import json
import threading
import uuid
from typing import Any

import pytest

from tests.trained import Train, Trained
from trainer_core.batch_in_force import make_smaller
from trainer_core.checkpoints import find_checkpoint
from trainer_core.config import TrainConfig
from trainer_core.store import Store
from trainer_core.training.ending import Ending
from trainer_core.training.saving import CheckpointFolder
from trainer_core.training.trainer import DescentTrainer

# 20 steps an epoch; 270 rows are evaluated and 270 tested, in 34 batches each.
CONFIG = TrainConfig(
    hidden_sizes=(32,),
    epochs=3,
    batch_size=64,
    eval_batch_size=8,
    learning_rate=5e-3,
    dropout=0.3,
    logging_steps=5,
    schedule="cosine",
    checkpoints_kept=10,
)
BATCHES = 34
FIGURES = ("train/loss", "eval/loss", "eval/accuracy", "test/loss", "test/accuracy")


class Killed(BaseException):
    """What ends a worker without a word: nothing catches it."""


class EvaluatedBatches:
    """Counts the batches that are not learned from, and does something in one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, *, error: BaseException | None = None) -> None:
        self.count, self.stop = 0, threading.Event()
        compute_loss = DescentTrainer.compute_loss

        def counted(trainer: DescentTrainer, model: Any, inputs: Any, *others: Any, **named: Any) -> Any:
            if not model.training:
                self.count += 1
                if self.count == at:
                    self.stop.set()
                    if error is not None:
                        raise error
            return compute_loss(trainer, model, inputs, *others, **named)

        monkeypatch.setattr(DescentTrainer, "compute_loss", counted)


@pytest.fixture(scope="module")
def known_weights() -> dict[str, Any]:
    """The runs that were left alone, by what they were: each is trained once."""
    return {}


def undisturbed(train_run: Train, known: dict[str, Any], **changes: Any) -> tuple[dict[str, Any], bytes, dict[str, Any]]:
    """Curves, last weights, and best checkpoint's step and figures of a run that nothing disturbs."""
    key = json.dumps(changes, sort_keys=True)
    if key not in known:
        known[key] = summary_of(train_run(CONFIG.model_copy(update=changes)))
    found: tuple[dict[str, Any], bytes, dict[str, Any]] = known[key]
    return found


def summary_of(run: Trained) -> tuple[dict[str, Any], bytes, dict[str, Any]]:
    assert run.finished
    best = find_checkpoint(run.store, run.run_id, "best")
    last = run.checkpoints()[-1]
    # Where a run stopped its loss is logged too, as the mean of fewer steps: those are compared that both have.
    curves = {name: [point for point in run.points(name) if name != "train/loss" or point[0] > 40] for name in FIGURES}
    return curves, run.weights(last.step), {"best": best.step, "last": last.step, "metrics": dict(best.metrics)}


def killed_run(train_run: Train, config: TrainConfig) -> str:
    run_id = uuid.uuid4().hex
    with pytest.raises((Killed, MemoryError)):
        train_run(config, run_id=run_id)
    return run_id


def test_a_stop_ends_an_evaluation_at_its_next_batch_with_its_step_saved(
    train_run: Train, known_weights: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = undisturbed(train_run, known_weights)
    batches = EvaluatedBatches(monkeypatch, at=BATCHES + 5)  # in the second epoch's
    run = train_run(CONFIG, stop=batches.stop)
    assert not run.finished
    assert batches.count == BATCHES + 5, "no batch more"
    last = run.checkpoints()[-1]
    assert (last.step, dict(last.metrics)) == (40, {})
    assert last.evaluation_due
    assert [step for step, _loss in run.points("eval/loss")] == [20]
    assert run.reason == (
        "Stopped at step 40, with a checkpoint to go on from. The evaluation of that step was left out. "
        "It is done when the run is resumed."
    )
    resumed = train_run(CONFIG, run_id=run.run_id, resume_from=40)
    assert summary_of(resumed) == whole
    assert not any(checkpoint.evaluation_due for checkpoint in resumed.checkpoints())


@pytest.mark.parametrize("changes", [{}, {"max_steps": 50}], ids=["of the epochs", "in mid-epoch"])
def test_a_stop_in_the_last_evaluation_is_a_stop(
    train_run: Train, known_weights: dict[str, Any], monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    whole = undisturbed(train_run, known_weights, **changes)
    config = CONFIG.model_copy(update=changes)
    batches = EvaluatedBatches(monkeypatch, at=2 * BATCHES + 3)
    run = train_run(config, stop=batches.stop)
    assert not run.finished
    assert batches.count == 2 * BATCHES + 3
    last = run.checkpoints()[-1]
    assert last.evaluation_due
    again = train_run(config, run_id=run.run_id, resume_from=last.step, stop=batches.stop)
    assert not again.finished, "asked to stop as soon as it was resumed"
    assert again.reason.startswith(f"Stopped before it went on: it stands at step {last.step}, as before. The evaluation")
    assert again.checkpoints()[-1].evaluation_due
    assert summary_of(train_run(config, run_id=run.run_id, resume_from=last.step)) == whole


@pytest.mark.parametrize("changes", [{}, {"max_steps": 50}], ids=["of the epochs", "in mid-epoch"])
def test_a_run_stopped_in_its_final_test_does_the_test_and_nothing_else_when_resumed(
    train_run: Train, known_weights: dict[str, Any], monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    whole = undisturbed(train_run, known_weights, **changes)
    config = CONFIG.model_copy(update=changes)
    batches = EvaluatedBatches(monkeypatch, at=3 * BATCHES + 7)
    run = train_run(config, stop=batches.stop)
    last = run.checkpoints()[-1].step
    assert not run.finished
    assert batches.count == 3 * BATCHES + 7
    assert run.reason == (f"Stopped after the last step, {last}: the final test was left out. It is done when the run is resumed.")
    before = len([record for record in run.records() if "train/loss" in record.get("values", {})])
    resumed = train_run(config, run_id=run.run_id, resume_from=last)
    assert summary_of(resumed) == whole
    assert batches.count == 3 * BATCHES + 7 + BATCHES, "the test's batches alone"
    assert len([record for record in resumed.records() if "train/loss" in record.get("values", {})]) == before


def test_a_run_killed_behind_its_final_test_is_not_tested_twice(train_run: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(CheckpointFolder, "close", lambda _self: (_ for _ in ()).throw(Killed()))
        run_id = killed_run(train_run, CONFIG)
    batches = EvaluatedBatches(monkeypatch, at=0)
    resumed = train_run(CONFIG, run_id=run_id, resume_from=60)
    assert resumed.finished
    assert (len(resumed.points("test/loss")), batches.count) == (1, 0)


@pytest.mark.parametrize("changes", [{}, {"eval_steps": 15, "save_steps": 40}], ids=["saved there", "not saved there"])
def test_a_kill_in_an_evaluation_loses_no_step(
    train_run: Train, store: Store, known_weights: dict[str, Any], monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    whole = undisturbed(train_run, known_weights, **changes)
    config = CONFIG.model_copy(update=changes)
    with monkeypatch.context() as patched:
        EvaluatedBatches(patched, at=9, error=Killed())
        run_id = killed_run(train_run, config)
    step = changes.get("eval_steps", 20)
    last = find_checkpoint(store, run_id, "last")
    assert (last.step, last.evaluation_due) == (step, True)
    resumed = train_run(config, run_id=run_id, resume_from=step)
    assert summary_of(resumed) == whole


def test_a_checkpoint_that_stands_for_its_evaluation_alone_is_gone_behind_it(train_run: Train, store: Store) -> None:
    config = CONFIG.model_copy(update={"eval_steps": 7, "save_steps": 50, "checkpoints_kept": 1, "learning_rate": 0.3})
    run = train_run(config)
    best = find_checkpoint(store, run.run_id, "best").step
    assert {checkpoint.step for checkpoint in run.checkpoints()} == {best, 60}


def test_an_evaluation_that_was_logged_before_a_kill_stands_once(
    train_run: Train, known_weights: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = undisturbed(train_run, known_weights)
    with monkeypatch.context() as patched:
        patched.setattr(CheckpointFolder, "add_evaluation", lambda *_given: (_ for _ in ()).throw(Killed()))
        run_id = killed_run(train_run, CONFIG)
    resumed = train_run(CONFIG, run_id=run_id, resume_from=20)
    assert [step for step, _loss in resumed.points("eval/loss")] == [20, 40, 60]
    assert summary_of(resumed) == whole


def test_a_kill_while_a_checkpoint_gets_its_figures_leaves_one_of_that_step(
    train_run: Train, known_weights: dict[str, Any], monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    whole = undisturbed(train_run, known_weights)
    rename = type(store.root).rename

    def killed_between(path: Any, target: Any) -> Any:
        if path.name == "evaluated-20":
            raise Killed
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(type(store.root), "rename", killed_between)
        run_id = killed_run(train_run, CONFIG)
    last = find_checkpoint(store, run_id, "last")
    assert (last.step, last.evaluation_due) == (20, True)
    assert summary_of(train_run(CONFIG, run_id=run_id, resume_from=20)) == whole
    assert not list(store.checkpoints(run_id).glob("*.replaced"))


def test_memory_that_runs_out_in_an_evaluation_loses_no_step(
    train_run: Train, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    monkeypatch.setattr("trainer_core.training.evaluating.Evaluations._is_long", lambda _self: False)  # so none stands before it
    config = CONFIG.model_copy(update={"eval_steps": 30, "save_steps": 60})
    whole = train_run(config)
    with monkeypatch.context() as patched:
        EvaluatedBatches(patched, at=1, error=MemoryError())
        run_id = killed_run(train_run, config)
    last = find_checkpoint(store, run_id, "last")
    assert (last.step, last.evaluation_due) == (30, True)
    made = make_smaller(store, run_id, config, at=1, step=30, phase="evaluating", memory="machine")
    assert made is not None
    assert made.eval_batch_size == 4
    resumed = train_run(config, run_id=run_id, resume_from=30)
    assert resumed.weights(60) == whole.weights(60)
    for (step, loss), (same, other) in zip(resumed.points("eval/loss"), whole.points("eval/loss"), strict=True):
        assert step == same
        assert loss == pytest.approx(other, rel=1e-2)


@pytest.mark.parametrize("where", ["evaluation", "test"])
def test_a_run_that_ended_early_is_not_trained_on(train_run: Train, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    config = CONFIG.model_copy(update={"epochs": 9, "early_stopping_patience": 2, "learning_rate": 1e-8, "eval_steps": 6})
    whole = train_run(config)
    evaluations = [step for step, _loss in whole.points("eval/loss")]
    assert evaluations[-1] < 180
    batches = EvaluatedBatches(monkeypatch, at=BATCHES * (len(evaluations) - (where == "evaluation")) + 4)
    run = train_run(config, stop=batches.stop)
    assert not run.finished
    assert ("evaluation of that step" if where == "evaluation" else "final test") in run.reason
    last = run.checkpoints()[-1].step
    assert last == evaluations[-1]
    resumed = train_run(config, run_id=run.run_id, resume_from=last)
    assert resumed.finished
    for name in ("eval/loss", "test/loss"):
        assert resumed.points(name) == whole.points(name)
    assert resumed.weights(last) == whole.weights(last)


def test_a_run_asked_to_stop_before_it_goes_on_says_where_it_stands(train_run: Train) -> None:
    stopped = train_run(CONFIG, stop_at=7)
    stop = threading.Event()
    stop.set()
    again = train_run(CONFIG, run_id=stopped.run_id, resume_from=7, stop=stop)
    assert again.reason == "Stopped before it went on: it stands at step 7, as before."
    assert not [record for record in again.records() if record["kind"] == "restart"], "nothing was superseded"
    assert Ending(finished=False).reason == "Stopped before the first step."


def test_a_chat_model_that_writes_is_stopped_at_its_next_token(
    train_run: Train, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.tiny_dialogues import tiny_chat, write_dialogues
    from trainer_core.tasks.chat_writing import ChatWriter

    config = tiny_chat(write_dialogues(tmp_path / "dialogues"), epochs=2, written_tokens=60, eval_batch_size=1, dropout=0.2)
    whole = train_run(config)
    new_cache = ChatWriter._new_cache
    stop = threading.Event()
    turns, tokens = 0, 0

    def count(_module: Any, _given: Any, _answer: Any) -> None:
        nonlocal tokens
        tokens += 1
        if tokens == 10 and turns == 3:
            stop.set()

    def begin_turn(writer: ChatWriter) -> Any:
        nonlocal turns, tokens
        turns, tokens = turns + 1, 0
        if turns == 1:
            writer.model.register_forward_hook(count)
        return new_cache(writer)

    with monkeypatch.context() as patched:
        patched.setattr(ChatWriter, "_new_cache", begin_turn)
        run = train_run(config, stop=stop)
    assert not run.finished
    assert (turns, tokens) == (3, 10), "no token more"
    last = run.checkpoints()[-1]
    assert last.evaluation_due
    assert run.points("eval/loss") == []
    resumed = train_run(config, run_id=run.run_id, resume_from=last.step)
    end = whole.checkpoints()[-1].step
    assert resumed.weights(end) == whole.weights(end)
    for name in ("eval/loss", "eval/bleu4", "eval/slot_f1", "test/loss", "test/bleu4"):
        assert resumed.points(name) == whole.points(name), name
