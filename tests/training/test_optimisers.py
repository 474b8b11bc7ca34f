"""Optimisers and schedules are torch's own, set as the settings say."""

from typing import get_args

import pytest
import torch

from trainer_core.config import TrainConfig
from trainer_core.training.optimisers import build_optimizer, build_schedule, learning_rate_factor

NAMES = get_args(TrainConfig.model_fields["optimizer"].annotation)


@pytest.mark.parametrize("name", NAMES)
def test_every_optimiser_lowers_a_plain_loss(name: str) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 1)
    optimizer = build_optimizer(TrainConfig(optimizer=name, learning_rate=0.05), layer.parameters())  # type: ignore[arg-type]
    inputs, targets = torch.randn(64, 3), torch.randn(64, 1)

    def loss() -> torch.Tensor:
        return torch.nn.functional.mse_loss(layer(inputs), targets)

    before = loss().item()
    for _step in range(20):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() < before


def test_sgd_is_the_course_s_plain_rule() -> None:
    weight = torch.nn.Parameter(torch.tensor([[1.0]]))
    optimizer = build_optimizer(TrainConfig(optimizer="sgd", learning_rate=0.1), [weight])
    weight.grad = torch.tensor([[2.0]])
    optimizer.step()
    optimizer.step()
    assert weight.item() == pytest.approx(0.6)


def test_weight_decay_leaves_biases_alone() -> None:
    layer = torch.nn.Linear(2, 2)
    groups = build_optimizer(TrainConfig(weight_decay=0.1), layer.parameters()).param_groups
    assert [(group["weight_decay"], [p.ndim for p in group["params"]]) for group in groups] == [(0.1, [2]), (0.0, [1])]


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ("constant", [1, 1, 1, 1]),
        ("linear", [1, 0.75, 0.5, 0.25]),
        ("cosine", [1, 0.853553, 0.5, 0.146447]),
        ("step", [1, 1, 0.1, 0.1]),
    ],
)
def test_schedules_take_their_textbook_values(schedule: str, wanted: list[float]) -> None:
    config = TrainConfig(schedule=schedule, step_size=1, step_gamma=0.1)  # type: ignore[arg-type]
    assert [learning_rate_factor(config, step, 4, 2) for step in range(4)] == pytest.approx(wanted, abs=1e-6)


def test_warm_up_rises_to_the_full_rate_before_the_schedule_begins() -> None:
    config = TrainConfig(schedule="linear", warmup_ratio=0.5, learning_rate=1.0)
    optimizer = build_optimizer(config, [torch.nn.Parameter(torch.ones(1, 1))])
    schedule = build_schedule(config, optimizer, 8, 8)
    rates = []
    for _step in range(8):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 0.75, 0.5, 0.25])
