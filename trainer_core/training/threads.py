"""How many threads a run computes with: one where a step is so small that waking a second takes longer than it saves."""

from typing import Any

import torch
from torch import Tensor, nn

from trainer_core.config import TrainConfig
from trainer_core.tasks.task import Prepared

FEW = 200_000_000
"""Floating-point operations of a batch's way forward, below which one thread is faster (docs/benchmarks.md)."""
_ASKED = 4


def choose_threads(flops: float, most: int) -> int:
    """The number for batches of so many operations, where `most` may be used. It depends on nothing else, so that the same run
    computes the same figures again.
    """
    return 1 if flops < FEW else most


@torch.no_grad()
def count_flops(task: Prepared, config: TrainConfig) -> float:
    """Floating-point operations of an average batch's way forward, in linear layers and convolutions, reckoned from a few examples.

    Draws nothing from the random state: dropout is off.
    """
    split: Any = task.splits["train"]
    count = len(split)
    rows = sorted({index * (count - 1) // (_ASKED - 1) for index in range(_ASKED)})
    counted = 0

    def count_layer(layer: nn.Module, given: tuple[Tensor, ...], said: Any) -> None:
        nonlocal counted
        weight = layer.weight
        assert isinstance(weight, Tensor)
        if isinstance(layer, nn.Conv2d):
            counted += 2 * weight.numel() * said.numel() // weight.shape[0]
        else:
            counted += 2 * weight.numel() * given[0].numel() // given[0].shape[-1]

    layers = [layer for layer in task.model.modules() if isinstance(layer, nn.Conv2d) or _is_linear(layer)]
    hooks = [layer.register_forward_hook(count_layer) for layer in layers]
    training = task.model.training
    task.model.eval()
    try:
        device = next(task.model.parameters()).device
        task.forward(task.model, {name: tensor.to(device) for name, tensor in split.__getitems__(rows).items()})
    finally:
        task.model.train(training)
        for hook in hooks:
            hook.remove()
    asked = counted / len(rows)
    if task.lengths is not None:  # the few may be shorter than most
        asked *= float(task.lengths.mean()) / max(1.0, float(task.lengths[rows].mean()))
    return asked * min(config.batch_size, count)


def _is_linear(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear) or type(layer).__name__ == "Conv1D"  # GPT-2's
