"""Runs a language model's head only where a label is written.

The head's product with the vocabulary is a third of a small GPT-2's work, and all of it but one position a text is thrown away.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

IGNORED = -100
"""What `labels` says everywhere but at the label, as PyTorch's losses read it."""


def logits_before_label(model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
    """The model's logits [rows, vocabulary] at the position of each row from which its label is told: the one before it.

    `inputs` are a batch's, `labels` among them. The hidden states of all other positions are dropped on their way into the head,
    which works for any model that has one, with an adapter or without.
    """
    labels = inputs["labels"]
    where = (labels != IGNORED).to(torch.int64).argmax(dim=1) - 1

    def choose(_head: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden: Tensor = given[0]
        rows = torch.arange(len(hidden), device=hidden.device)
        return (hidden[rows, where.to(hidden.device)][:, None], *given[1:])

    hook = model.get_output_embeddings().register_forward_pre_hook(choose)
    try:
        logits: Tensor = model(**{name: tensor for name, tensor in inputs.items() if name != "labels"})["logits"]
    finally:
        hook.remove()
    return logits[:, 0]
