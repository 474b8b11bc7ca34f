"""Weights that are updated while the backward pass goes on are the same as those updated after it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from tests.tiny_texts import save_model, tiny, write_reviews
from tests.trained import Train
from trainer_core.config import TrainConfig
from trainer_core.training import kernels, stepping
from trainer_core.training.stepping import StepInBackward, can_step_in_backward

WEIGHTS = [torch.nn.Parameter(torch.zeros(30_000_000, device="meta"))]


@pytest.mark.parametrize(
    ("changes", "precision", "wanted"),
    [
        ({"max_grad_norm": 0.0}, "fp32", True),
        ({"max_grad_norm": 0.0}, "bf16", True),
        ({"max_grad_norm": 0.0}, "fp16", False),
        ({"max_grad_norm": 1.0}, "fp32", False),
        ({"max_grad_norm": 0.0, "accumulation_steps": 2}, "fp32", False),
    ],
)
def test_only_what_looks_at_one_weight_at_a_time_can_be_done_so(changes: dict[str, Any], precision: str, wanted: bool) -> None:
    assert can_step_in_backward(TrainConfig(**changes), precision, WEIGHTS) == wanted
    assert not can_step_in_backward(TrainConfig(**changes), precision, WEIGHTS[:0])


def test_gradients_are_never_all_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "_AT_ONCE_BYTES", 1_000)
    torch.manual_seed(0)
    model = torch.nn.Sequential(*(torch.nn.Linear(20, 20) for _layer in range(6)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    watched = StepInBackward(optimizer, list(model.parameters()), lambda: True)
    most = 0

    def count(_weight: Any) -> None:
        nonlocal most
        most = max(most, sum(weight.grad is not None for weight in model.parameters()))

    for weight in model.parameters():
        weight.register_post_accumulate_grad_hook(count)
    loss = model(torch.randn(4, 20)).square().sum()
    wanted = torch.nn.utils.get_total_norm(torch.autograd.grad(loss, list(model.parameters()), retain_graph=True))
    loss.backward()
    assert most <= 2
    norm = watched.take_norm()
    assert norm is not None
    assert torch.allclose(norm, wanted)
    assert watched.take_norm() is None


@pytest.mark.parametrize("changes", [{"optimizer": "adamw"}, {"optimizer": "momentum", "model": "gpt2", "task": "label_token"}])
def test_a_run_gives_the_same_weights_and_norms_and_resumes_to_them(
    train_run: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    if "model" in changes:
        changes = {**changes, "model": str(save_model("gpt2", tmp_path / "gpt2"))}
    rest: dict[str, Any] = {"max_grad_norm": 0.0, "weight_decay": 0.1, "schedule": "linear", "logging_steps": 1, **changes}
    config = tiny(write_reviews(tmp_path / "reviews"), **rest)
    plain = train_run(config)
    used: list[int] = []
    monkeypatch.setattr(stepping, "LEAST_WEIGHTS", 0)
    monkeypatch.setattr(stepping, "_AT_ONCE_BYTES", 10_000)
    take_norm = StepInBackward.take_norm

    def counted(self: StepInBackward) -> Any:
        used.append(1)
        return take_norm(self)

    monkeypatch.setattr(StepInBackward, "take_norm", counted)
    early = train_run(config)
    last = plain.checkpoints()[-1].step
    assert len(used) == last
    assert early.weights(last) == plain.weights(last)
    assert early.points("train/loss") == plain.points("train/loss")
    for (step, ours), (same, theirs) in zip(early.points("train/grad_norm"), plain.points("train/grad_norm"), strict=True):
        assert step == same
        assert ours == pytest.approx(theirs, rel=1e-5)
    stopped = train_run(config, stop_at=last // 2)
    resumed = train_run(config, run_id=stopped.run_id, resume_from=stopped.checkpoints()[-1].step)
    assert resumed.weights(last) == plain.weights(last)


def test_a_weight_that_head_and_embedding_share_is_updated_once_and_with_all_of_its_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stepping, "_AT_ONCE_BYTES", 1_000)
    monkeypatch.setattr(kernels, "LEAST_WEIGHTS", 1)
    ends: list[dict[str, torch.Tensor]] = []
    for in_backward in (False, True):
        torch.manual_seed(0)
        model = GPT2LMHeadModel(GPT2Config(vocab_size=90, n_positions=16, n_embd=32, n_layer=2, n_head=2)).eval()
        assert kernels._share_embedding(model, "torch")
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
        watched = StepInBackward(optimizer, list(model.parameters()), lambda: True) if in_backward else None
        for ids in torch.randint(0, 90, (4, 3, 9)):
            model(ids, labels=ids).loss.backward()
            if watched is not None:
                watched.take_norm()
            optimizer.step()
            optimizer.zero_grad()
        ends.append(model.state_dict())
    for name, weight in ends[0].items():
        assert torch.equal(weight, ends[1][name]), name
