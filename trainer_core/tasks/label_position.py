"""Runs a language model's head only where a label is written, and its body over no more than the texts' own tokens.

The head's product with the vocabulary is a third of a small GPT-2's work, and all of it but one position a text is thrown away.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainer_core.tasks.tokens import pack, pad

_CLOSE = 1e-3
"""How far apart, relative to the largest, two ways of reading the same texts may be: sums in another order differ by 1e-6."""


def logits_at_ends(model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
    """The model's logits [rows, vocabulary] at the last token of each text, from which its label is told.

    `inputs` are a batch's: what the model reads, and `ends`, where each text ends in the flattened `input_ids`. The hidden states
    of all other positions are dropped on their way into the head, which works for any model that has one, with an adapter or
    without.
    """
    ends = inputs["ends"]
    with head_input(model, lambda hidden: hidden.flatten(0, 1)[ends.to(hidden.device)][:, None]):
        read = {name: tensor for name, tensor in inputs.items() if name not in ("labels", "ends")}
        # Nothing is generated: keys and values need not be kept for a next token.
        logits: Tensor = model(**read, use_cache=False)["logits"]
    return logits[:, 0]


@contextmanager
def head_input(model: Any, choose: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Inside, the model's head gets what `choose` makes of the hidden states [rows, tokens, width]."""

    def chosen(_head: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return (choose(given[0]), *given[1:])

    hook = model.get_output_embeddings().register_forward_pre_hook(chosen)
    try:
        yield
    finally:
        hook.remove()


@torch.no_grad()
def reads_packed(model: Any, tokens: Sequence[int]) -> bool:
    """Whether the model reads texts that lie end to end as it reads them one by one, found by trying it on a few tokens.

    Models that make their mask from positions do; those that count positions themselves, or look further back than a text's
    start, do not. Draws nothing from the random state.
    """
    texts = [np.resize(np.asarray(tokens, dtype=np.int32), length) for length in (3, 6, 4)]
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    try:
        ids, mask, ends = pad(texts, int(tokens[0]))
        apart = logits_at_ends(model, {"input_ids": ids.to(device), "attention_mask": mask.to(device), "ends": ends.to(device)})
        ids, positions, ends = pack(texts, int(tokens[0]), 16)
        inputs = {"input_ids": ids.to(device), "position_ids": positions.to(device), "ends": ends.to(device)}
        together = logits_at_ends(model, inputs)
    except (TypeError, ValueError, RuntimeError, IndexError, KeyError):  # no such argument, or a mask of another kind
        return False
    finally:
        model.train(training)
    scale = max(float(apart.abs().max()), 1e-6)
    return bool((apart - together).abs().max() <= _CLOSE * scale)
