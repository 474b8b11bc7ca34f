"""Runs a language model's head only where something is read off it, and its body over no more than the texts' own tokens.

The head's product with the vocabulary is a third of a small GPT-2's work, and all of it but one position a text is thrown away.
So is most of what follows the last attention: nothing looks at another position after that.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer_core.tasks.places import at_places
from trainer_core.tasks.tokens import pack, pad

_CLOSE = 1e-3
"""How far apart, relative to the largest, two ways of reading the same texts may be: sums in another order differ by 1e-6."""
_REFUSALS = (TypeError, ValueError, RuntimeError, IndexError, KeyError)
"""What models raise that know no such argument, or take a mask or a shape of another kind."""
_LEAST_WEIGHTS = 20_000
"""Of a layer, below which there is little to save."""
_TRIED = 6
"""Tokens of a text on which a way of reading is tried."""


def logits_at_ends(model: Any, inputs: Mapping[str, Tensor], narrow: Sequence[nn.Module] = ()) -> Tensor:
    """The model's logits [rows, vocabulary] at the last token of each text, from which its label is told.

    `inputs` are a batch's: what the model reads, and `ends`, where each text ends in the flattened `input_ids`.
    """
    read = {name: tensor for name, tensor in inputs.items() if name not in ("labels", "ends")}
    return logits_at(model, read, inputs["ends"], narrow)


def logits_at(model: Any, read: Mapping[str, Tensor], places: Tensor, narrow: Sequence[nn.Module] = ()) -> Tensor:
    """The model's logits [places, vocabulary] at `places` of the flattened `input_ids`, of which `read` is what the model reads.

    The hidden states of all other positions are dropped on their way into the head, which works for any model that has one, with
    an adapter or without, and into the layers of `narrow`, see `narrow_layers`.
    """
    with at_places(model, narrow, places):
        # Nothing is generated: keys and values need not be kept for a next token.
        logits: Tensor = model(**read, use_cache=False)["logits"]
    return logits[0]


def narrow_layers(model: Any, tokens: Sequence[int], computed_twice: bool) -> dict[str, nn.Module]:
    """The large layers that follow the model's last attention, by name: they need be run only where logits are read.

    Found by the gradient of one position's logits in a few tokens: where it reaches neither what a layer gives at any other
    position nor, through it, what the layer was given there, the layer does nothing for this one there. No name of a layer and no
    kind of model is asked for. None where that can't be told, and where activations are `computed_twice`: the second time, in the
    backward pass, nobody says any more where logits are read. Draws nothing from the random state.
    """
    if computed_twice:
        return {}
    with _evaluating(model):
        try:
            found = _without_others(model, tokens)
            ids, mask, ends = (part.to(_device(model)) for part in pad(_texts(tokens), int(tokens[0])))
            inputs = {"input_ids": ids, "attention_mask": mask, "ends": ends}
            with torch.no_grad():
                whole, narrow = logits_at_ends(model, inputs), logits_at_ends(model, inputs, list(found.values()))
        except _REFUSALS:
            return {}
    return found if _are_close(whole, narrow) else {}


def _without_others(model: Any, tokens: Sequence[int]) -> dict[str, nn.Module]:
    """The outermost layers through which the gradient of the last position's logits reaches that position alone."""
    passed: dict[nn.Module, list[Tensor]] = {}
    head, embedding = set(model.get_output_embeddings().modules()), model.get_input_embeddings()

    def is_hidden(tensor: Any) -> bool:
        return isinstance(tensor, Tensor) and tensor.shape[:-1] == (1, _TRIED) and tensor.is_floating_point()

    def enter(layer: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if not (given and is_hidden(given[0])):
            return None
        alone = given[0].view_as(given[0])  # others may be given the same
        passed.setdefault(layer, []).append(alone)
        return (alone, *given[1:])

    def leave(layer: nn.Module, _given: Any, said: Any) -> Tensor | None:
        if layer not in passed or not is_hidden(said):
            return None
        passed[layer].append(said.view_as(said))
        return passed[layer][-1]

    def embedded(_layer: Any, _given: Any, said: Tensor) -> Tensor:
        return said if said.requires_grad else said.detach().requires_grad_()

    hooks = [embedding.register_forward_hook(embedded)]
    for layer in model.modules():
        if layer not in head and any(weight.ndim == 2 and weight.numel() >= _LEAST_WEIGHTS for weight in layer.parameters()):
            hooks += [layer.register_forward_pre_hook(enter), layer.register_forward_hook(leave)]
    try:
        ids = torch.from_numpy(_texts(tokens)[1].astype(np.int64))[None].to(_device(model))
        with torch.enable_grad():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)["logits"]
            pairs = {layer: pair for layer, pair in passed.items() if len(pair) == 2}  # run once, one tensor in and one out
            tensors = [tensor for pair in pairs.values() for tensor in pair]
            gradients = torch.autograd.grad(logits[0, -1].float().square().sum(), tensors, allow_unused=True)
    finally:
        for hook in hooks:
            hook.remove()
    reaches = [gradient is not None and _reaches_last_alone(gradient[0]) for gradient in gradients]
    alone = {layer for layer, *both in zip(pairs, reaches[::2], reaches[1::2], strict=True) if all(both)}
    inner = {child for layer in alone for child in layer.modules() if child is not layer}
    return {name: layer for name, layer in model.named_modules() if layer in alone - inner}


def _reaches_last_alone(gradient: Tensor) -> bool:
    """Of [tokens, width]."""
    reached = (gradient != 0).any(dim=-1)
    return bool(reached[-1]) and not bool(reached[:-1].any())


@torch.no_grad()
def reads_packed(model: Any, tokens: Sequence[int]) -> bool:
    """Whether the model reads texts that lie end to end as it reads them one by one, found by trying it on a few tokens.

    Models that make their mask from positions do; those that count positions themselves, or look further back than a text's
    start, do not. Draws nothing from the random state.
    """
    device, texts, padding = _device(model), _texts(tokens), int(tokens[0])
    with _evaluating(model):
        try:
            ids, mask, ends = (part.to(device) for part in pad(texts, padding))
            apart = logits_at_ends(model, {"input_ids": ids, "attention_mask": mask, "ends": ends})
            ids, positions, ends = (part.to(device) for part in pack(texts, padding, 16))
            together = logits_at_ends(model, {"input_ids": ids, "position_ids": positions, "ends": ends})
        except _REFUSALS:
            return False
    return _are_close(apart, together)


def _texts(tokens: Sequence[int]) -> list[NDArray[np.int32]]:
    """Three texts of these tokens, the second the longest."""
    return [np.resize(np.asarray(tokens, dtype=np.int32), length) for length in (3, _TRIED, 4)]


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _are_close(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() <= _CLOSE * max(float(one.abs().max()), 1e-6))


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Inside, nothing is dropped; afterwards every layer is in its mode again."""
    modes = {layer: layer.training for layer in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for layer, mode in modes.items():
            layer.training = mode
