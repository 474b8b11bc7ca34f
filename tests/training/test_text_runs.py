"""Runs on texts: predictions give the figures again, a resumed run the bits, and plain PyTorch HF Trainer's loss."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from tests.tiny_texts import Kind, save_model, tiny, write_reviews
from tests.trained import Train, Trained
from trainer_core.checkpoints import find_checkpoint
from trainer_core.config import TrainConfig
from trainer_core.data import load_texts
from trainer_core.errors import CheckpointError, DataError
from trainer_core.inference.predict import LoadedCheckpoints
from trainer_core.predictions import list_steps, read_predictions
from trainer_core.store import Store

TASKS = ("label_token", "sequence_classification")


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    return write_reviews(tmp_path / "reviews")


def checkpoint_weights(run: Trained, step: int) -> dict[str, torch.Tensor]:
    folder = next(checkpoint for checkpoint in run.checkpoints() if checkpoint.step == step).path
    weights: dict[str, torch.Tensor] = load_file(next(folder.glob("*model.safetensors")))
    return weights


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (None, {"task": "label_token"}),
        (None, {"task": "sequence_classification", "pair_column": "other"}),
        ("gpt2", {"task": "label_token", "adapter": "lora", "label_names": ("bad", "bad good")}),
        ("llama", {"task": "label_token", "adapter": "lora", "label_names": ("bad", "bad good")}),
        ("bert", {"task": "sequence_classification", "pair_column": "other"}),
        ("bert", {"task": "sequence_classification", "adapter": "lora"}),
        ("llama", {"task": "sequence_classification", "pair_column": "other", "adapter": "lora"}),
    ],
)
def test_the_best_checkpoint_answers_the_evaluated_texts_exactly_as_was_reported(
    train_run: Train, store: Store, reviews: Path, tmp_path: Path, kind: Kind | None, changes: dict[str, Any]
) -> None:
    model = {} if kind is None else {"model": str(save_model(kind, tmp_path / kind))}
    config = tiny(reviews, **model, **changes, learning_rate=2e-2)
    run = train_run(config)
    best = find_checkpoint(store, run.run_id, "best")
    split = load_texts(config).splits["validation"]
    labels, probabilities = LoadedCheckpoints(store).predict_texts(run.run_id, best.step, split.texts, split.pairs)
    assert labels == config.label_names
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    right = int((probabilities.argmax(axis=1) == split.labels).sum())
    assert right == round(best.metrics["eval/accuracy"] * len(split))
    kept = read_predictions(store, run.run_id, best.step)
    assert kept["example_id"].tolist() == [split.example_id(row) for row in range(len(split))]
    assert kept["label"].tolist() == [labels[label] for label in split.labels]
    shares = kept[[f"probability_{name}" for name in labels]].to_numpy()
    assert np.allclose(shares, probabilities, atol=1e-5)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("adapter", ["none", "lora"])
def test_a_run_stopped_half_way_resumes_to_the_same_bits(
    train_run: Train, reviews: Path, tmp_path: Path, task: str, adapter: str
) -> None:
    changes: dict[str, Any] = {"task": task, "group_by_length": "on", "epochs": 3, "schedule": "linear", "dropout": 0.3}
    if adapter == "lora":  # dropout comes from the model itself (0.1) and from the adapter
        changes |= {"adapter": adapter, "lora_dropout": 0.3, "model": str(save_model("gpt2", tmp_path / "gpt2"))}
    config = tiny(reviews, **changes)
    whole = train_run(config)
    half = train_run(config, stop_at=9)
    assert not half.finished
    assert half.checkpoints()[-1].step == 9
    resumed = train_run(config, run_id=half.run_id, resume_from=9)
    assert resumed.finished
    expected, found = checkpoint_weights(whole, 18), checkpoint_weights(resumed, 18)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert resumed.points("eval/loss") == whole.points("eval/loss")
    assert resumed.points("train/loss")[-9:] == whole.points("train/loss")[-9:]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "changes",
    [{}, {"accumulation_steps": 3}, {"accumulation_steps": 2, "class_weights": "balanced", "label_smoothing": 0.2}],
    ids=["plain", "accumulated", "weighted"],
)
def test_the_trainer_s_losses_and_weights_are_those_of_plain_pytorch(
    train_run: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str, changes: dict[str, Any]
) -> None:
    from trainer_core.training.trainer import DescentTrainer

    dataset = write_reviews(tmp_path / "uneven", train=60, share=0.25)
    config = tiny(
        dataset, **{"task": task, "batch_size": 8, "optimizer": "sgd", "max_grad_norm": 0.0, "learning_rate": 0.1, **changes}
    )
    seen: list[dict[str, torch.Tensor]] = []
    started: dict[str, Any] = {}
    step = DescentTrainer.training_step

    def spy(self: DescentTrainer, model: Any, inputs: dict[str, torch.Tensor], *rest: Any) -> torch.Tensor:
        if not started:
            started["weights"] = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            started["model"] = model
        seen.append({name: tensor.clone() for name, tensor in inputs.items()})
        return step(self, model, inputs, *rest)

    monkeypatch.setattr(DescentTrainer, "training_step", spy)
    run = train_run(config)
    trained = checkpoint_weights(run, run.checkpoints()[-1].step)
    model = started["model"]
    model.load_state_dict(started["weights"])
    model.train()
    weights = torch.tensor([60 / (2 * 45), 60 / (2 * 15)]) if config.class_weights == "balanced" else torch.ones(2)
    ids = run.checkpoints()[-1].details.get("label_token_ids")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    size = config.accumulation_steps
    assert len(seen) == 2 * 8
    for epoch in (seen[:8], seen[8:]):
        for start in range(0, len(epoch), size):
            part = epoch[start : start + size]
            optimizer.zero_grad()
            total = torch.zeros(())
            counts = [_weight_of(batch["labels"], ids, weights) for batch in part]
            for batch, count in zip(part, counts, strict=True):
                total = total + _plain_loss(model, batch, ids, weights, config.label_smoothing) * (count / sum(counts))
            total.backward()
            optimizer.step()
            losses.append(float(total))
    assert [loss for _step, loss in run.points("train/loss")] == pytest.approx(losses, rel=1e-4)
    for name, tensor in trained.items():
        assert torch.allclose(tensor, model.state_dict()[name], rtol=1e-4, atol=1e-5), name


def _weight_of(labels: torch.Tensor, ids: list[int] | None, weights: torch.Tensor) -> float:
    """What a batch counts in its step: its rows by their classes' weights."""
    return float(sum(weights[ids.index(int(label)) if ids else int(label)] for label in labels))


def _plain_loss(
    model: Any, batch: dict[str, torch.Tensor], ids: list[int] | None, weights: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """Row by row and without padding, as one would write it on paper."""
    losses, total = [], torch.zeros(())
    for tokens, label in zip(_rows_of(batch), batch["labels"], strict=True):
        logits = model(input_ids=tokens[None]).logits
        target = int(label)
        if ids is None:
            scores, weight = logits[0], weights[target]
        else:
            scores, weight = logits[0, -1], weights[ids.index(target)]
        shares = functional.log_softmax(scores, dim=-1)
        if ids is None and smoothing:
            # torch weighs each class's share of the smoothed target by that class's own weight.
            own = -(1 - smoothing) * weight * shares[target]
            losses.append(own - smoothing / len(shares) * (weights * shares).sum())
        else:
            losses.append(weight * (-(1 - smoothing) * shares[target] - smoothing / len(shares) * shares.sum()))
        total = total + weight
    return torch.stack(losses).sum() / total


def _rows_of(batch: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    """The texts of a batch, each by itself."""
    if "position_ids" not in batch:
        return [row[mask.bool()] for row, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)]
    ids, positions = batch["input_ids"].flatten(), batch["position_ids"].flatten()
    return [ids[end - int(positions[end]) : end + 1] for end in batch["ends"].tolist()]


@pytest.mark.parametrize("kind", [None, "gpt2"])
def test_activation_checkpointing_changes_no_weight(train_run: Train, reviews: Path, tmp_path: Path, kind: Kind | None) -> None:
    model: dict[str, Any] = {} if kind is None else {"model": str(save_model(kind, tmp_path / kind)), "adapter": "lora"}
    config = tiny(reviews, **model, epochs=1)
    plain, saving = (
        checkpoint_weights(train_run(config.model_copy(update={"activation_checkpointing": switch})), 6) for switch in ("off", "on")
    )
    assert all(torch.allclose(plain[name], saving[name], atol=1e-6) for name in plain)


def test_pictures_have_no_activations_to_checkpoint(train_run: Train) -> None:
    assert train_run(TrainConfig(hidden_sizes=(8,), max_steps=2, activation_checkpointing="on")).finished


@pytest.mark.parametrize("task", TASKS)
def test_every_padding_gives_the_same_figures(train_run: Train, reviews: Path, task: str) -> None:
    runs = [train_run(tiny(reviews, padding=padding, task=task)) for padding in ("auto", "longest", "fixed")]
    first, *others = [[loss for _step, loss in run.points("eval/loss")] for run in runs]
    assert all(losses == pytest.approx(first, rel=1e-4) for losses in others)
    assert [run.checkpoints()[-1].details.get("packed", False) for run in runs] == [task == "label_token", False, False]


def test_the_run_says_how_much_is_trained_and_cut_as_the_preview_does(train_run: Train, reviews: Path, tmp_path: Path) -> None:
    from trainer_core.tasks.text_preview import load_backend, preview_texts

    model = str(save_model("llama", tmp_path / "llama"))
    for changes in ({"task": "label_token"}, {"task": "sequence_classification", "pair_column": "other"}):
        config = tiny(reviews, **changes, model=model, adapter="lora", max_length=40, max_steps=1)
        run = train_run(config)
        tags = next(record["values"] for record in run.records() if record["kind"] == "tags")
        details = run.checkpoints()[-1].details
        assert 0 < int(tags["descent.trained_parameters"]) < 0.2 * int(tags["descent.parameters"])
        assert details["trained_parameters"] == int(tags["descent.trained_parameters"])
        data = load_texts(config)
        preview = preview_texts(config, data, load_backend(config, data), [0])
        assert 0.05 < preview.cut_share < 1
        assert float(tags["descent.cut_share"]) == pytest.approx(preview.cut_share, abs=1e-4)


def test_resuming_from_an_earlier_step_drops_the_predictions_that_came_after(train_run: Train, store: Store, reviews: Path) -> None:
    config = tiny(reviews, epochs=3)
    run = train_run(config)
    assert list_steps(store, run.run_id) == [6, 12, 18]
    train_run(config, run_id=run.run_id, resume_from=6, stop_at=9)
    assert list_steps(store, run.run_id) == [6]


def test_a_question_is_read_as_the_data_are_and_refused_where_it_does_not_fit(
    train_run: Train, store: Store, reviews: Path
) -> None:
    run = train_run(tiny(reviews, max_steps=2))
    step = run.checkpoints()[-1].step
    loaded = LoadedCheckpoints(store)
    _labels, plain = loaded.predict_texts(run.run_id, step, ["The plot was dull."])
    _labels, spaced = loaded.predict_texts(run.run_id, step, ["  The plot was dull.\n"])
    assert np.array_equal(plain, spaced)
    with pytest.raises(DataError, match="Text 2 of 2 is empty"):
        loaded.predict_texts(run.run_id, step, ["fine", " "])
    with pytest.raises(CheckpointError, match="one text at a time"):
        loaded.predict_texts(run.run_id, step, ["fine"], ["too"])
    with pytest.raises(CheckpointError, match="reads texts, not pictures"):
        loaded.predict(run.run_id, step, np.zeros((1, 8, 8), dtype=np.uint8))
    pictures = train_run(TrainConfig(hidden_sizes=(8,), max_steps=2))
    with pytest.raises(CheckpointError, match="reads pictures, not texts"):
        loaded.predict_texts(pictures.run_id, 2, ["fine"])
