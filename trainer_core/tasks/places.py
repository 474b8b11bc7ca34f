"""Runs a model's last layers only at the places where something is read off it.

Nothing looks at another position after the last attention, so that what follows it is for nothing everywhere else; the head is the
most of it. This file is also written beside the scripts of runs that were computed so: it needs torch alone.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def at_places(model: Any, layers: Sequence[nn.Module], places: Tensor) -> Iterator[None]:
    """Inside, the layers and the model's head are run at `places` of the flattened [lines, tokens] alone.

    A layer takes hidden states [lines, tokens, width] first, and gives zeros everywhere else; the head gives logits
    [1, places, vocabulary].
    """
    hooks = [model.get_output_embeddings().register_forward_pre_hook(_gather(places))]
    for layer in layers:
        shape: list[torch.Size] = []
        hooks += [layer.register_forward_pre_hook(_gather(places, shape)), layer.register_forward_hook(_scatter(places, shape))]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _gather(places: Tensor, shape: list[torch.Size] | None = None) -> Any:
    def gather(_layer: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        if shape is not None:
            shape[:] = [given[0].shape[:2]]
        return (given[0].flatten(0, 1)[places.to(given[0].device)][None], *given[1:])

    return gather


def _scatter(places: Tensor, shape: list[torch.Size]) -> Any:
    def scatter(_layer: Any, _given: Any, said: Tensor) -> Tensor:
        whole = said.new_zeros(shape[0].numel(), said.shape[-1])
        return whole.index_copy_(0, places.to(said.device), said[0]).view(*shape[0], -1)

    return scatter
