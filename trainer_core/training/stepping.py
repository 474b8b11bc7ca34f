"""Updates weights while the backward pass goes on, so that a large model's gradients are never all in memory at once.

As soon as enough gradients are complete, the optimiser takes its step for those weights and they are dropped: the rule that turns
a gradient into a step looks at one weight at a time, so the result is the same to the last bit. It can't be done where something
must be known of all gradients before the first step: their norm, for clipping, or whether a batch more is to be added.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from trainer_core.config import TrainConfig

LEAST_WEIGHTS = 20_000_000
"""Trained weights below which the gradients are too small to matter."""
_AT_ONCE_BYTES = 20_000_000
"""Of gradients: what a processor still has in its cache when the optimiser reads it."""
_AT_ONCE_ON_GPU_BYTES = 64_000_000


def can_step_in_backward(config: TrainConfig, precision: str, weights: Sequence[torch.nn.Parameter]) -> bool:
    """Whether the settings in force allow it, and the model is large enough for it to pay."""
    return (
        config.max_grad_norm == 0
        and config.accumulation_steps == 1
        and precision != "fp16"  # its gradients are scaled until the optimiser's step
        and sum(weight.numel() for weight in weights) >= LEAST_WEIGHTS
    )


class StepInBackward:
    """Watches the weights of an optimiser. `wants_norm` says, in the backward pass, whether the gradients' norm is to be known.

    What is left when the pass is over, the optimiser's own step does.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, weights: Sequence[torch.nn.Parameter], wants_norm: Callable[[], bool]
    ) -> None:
        self._optimizer, self._weights, self._wants_norm = optimizer, list(weights), wants_norm
        self._complete: list[Tensor] = []
        self._bytes = 0
        self._squares: Tensor | None = None
        for weight in weights:
            weight.register_post_accumulate_grad_hook(self._gather)  # type: ignore[no-untyped-call]

    def take_norm(self) -> Tensor | None:
        """The norm of all gradients since the last call; None where it was not wanted."""
        if self._wants_norm():  # of what was not told to us: a weight whose gradient its layers add up themselves
            told = {id(weight) for weight in self._complete}
            for weight in self._weights:
                if weight.grad is not None and id(weight) not in told:
                    self._add_square(weight.grad)
        squares, self._squares = self._squares, None
        self._complete, self._bytes = [], 0
        return None if squares is None else squares.sqrt()

    def _gather(self, weight: Tensor) -> None:
        assert weight.grad is not None
        if self._wants_norm():
            self._add_square(weight.grad)
        self._complete.append(weight)
        self._bytes += weight.grad.numel() * weight.grad.element_size()
        if self._bytes >= (_AT_ONCE_BYTES if weight.device.type == "cpu" else _AT_ONCE_ON_GPU_BYTES):
            self._step()

    def _step(self) -> None:
        """Takes the optimiser's step for the weights whose gradients are complete, and for no other."""
        told = {id(weight) for weight in self._complete}
        # A weight that a head and an embedding share may have half of its gradient by now.
        waiting = [(weight, weight.grad) for weight in self._weights if weight.grad is not None and id(weight) not in told]
        for weight, _gradient in waiting:
            weight.grad = None
        self._optimizer.step()
        for complete in self._complete:
            complete.grad = None
        for weight, gradient in waiting:
            weight.grad = gradient
        self._complete, self._bytes = [], 0

    def _add_square(self, gradient: Tensor) -> None:
        square = _square(gradient)
        self._squares = square if self._squares is None else self._squares + square


def norm_of(gradients: Sequence[Tensor]) -> Tensor:
    """The norm of all of them, as one number in a tensor."""
    if not gradients or gradients[0].device.type != "cpu":
        return torch.nn.utils.get_total_norm(gradients)  # which asks a GPU once for all of them
    return torch.stack([_square(gradient) for gradient in gradients]).sum().sqrt()


def _square(gradient: Tensor) -> Tensor:
    # A dot product with itself: on a CPU it reads memory twice as fast as vector_norm does.
    flat = gradient.float().reshape(-1)
    return torch.dot(flat, flat) if gradient.device.type == "cpu" else torch.linalg.vector_norm(flat).square()
