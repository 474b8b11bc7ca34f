"""How texts go on: at each token the model learns the next one (causal language modelling). Padding is left out of the loss."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from trainer_core.config import TrainConfig
from trainer_core.tasks.task import Batch
from trainer_core.tasks.tokens import Tokens, pad

IGNORED = -100


class ContinuationDataset(Dataset[Batch]):
    """A split as whole texts, each with the tokenizer's own start and the end-of-text token; of a long one the end is kept."""

    def __init__(self, tokens: Tokens, start: Sequence[int], end: int, padding: int, config: TrainConfig) -> None:
        self.tokens, self.start, self.end, self.padding = tokens, np.asarray(start, dtype=np.int32), end, padding
        self.max_length = config.max_length
        self.width = config.max_length if config.padding == "fixed" else None

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """One batch, int64 [rows, tokens] each: `input_ids`, `attention_mask`, and `labels`, -100 where there is padding."""
        room = max(1, self.max_length - len(self.start) - 1)
        rows = [
            np.concatenate([self.start, self.tokens[i][-room:], [self.end]]).astype(np.int32)[-self.max_length :] for i in indices
        ]
        input_ids, mask, _ends = pad(rows, self.padding, self.width)
        return {"input_ids": input_ids, "attention_mask": mask, "labels": input_ids.masked_fill(mask == 0, IGNORED)}


def next_token_loss(logits: Tensor, labels: Tensor, _training: bool) -> Tensor:
    """The mean over all tokens of a batch that have one before them."""
    return functional.cross_entropy(
        logits[:, :-1].float().reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1), ignore_index=IGNORED
    )


def count_predicted(labels: Tensor) -> float:
    """The tokens of a batch that are predicted: those with one before them, padding and what is not learned left out."""
    return int((labels[:, 1:] != IGNORED).sum())


def mean_token_loss(sums: NDArray[Any]) -> float:
    """The loss of a split by its texts' `sums_of`: the mean over all its tokens, whatever batches they came in."""
    loss, tokens, _right = np.asarray(sums, dtype=np.float64).sum(axis=0)
    return float(loss / max(1.0, tokens))


def sums_of(logits: Tensor, labels: Tensor) -> Tensor:
    """float32 [texts, 3]: summed negative log likelihood, tokens, and those that were right."""
    said, wanted = logits[:, :-1].float(), labels[:, 1:]
    each = functional.cross_entropy(said.transpose(1, 2), wanted, ignore_index=IGNORED, reduction="none")
    counts = wanted != IGNORED
    right = (said.argmax(dim=-1) == wanted) & counts
    return torch.stack([each.sum(dim=1), counts.sum(dim=1).float(), right.sum(dim=1).float()], dim=1)
