"""The field's way to classify texts: a head of one score a class on any encoder or language model. One text, or a pair."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from trainer_core.config import TrainConfig
from trainer_core.tasks.task import Batch
from trainer_core.tasks.text_format import Frame
from trainer_core.tasks.tokens import Tokens, pad


class TextDataset(Dataset[Batch]):
    """A split as tokens, framed as the tokenizer frames one text or a pair; of what is too long the tail is kept."""

    def __init__(
        self, tokens: Tokens, pairs: Tokens | None, labels: NDArray[Any], frame: Frame, padding: int, config: TrainConfig
    ) -> None:
        self.tokens, self.pairs, self.labels, self.frame, self.padding = tokens, pairs, _as_tensor(labels), frame, padding
        self.max_length = config.max_length
        self.width = config.max_length if config.padding == "fixed" else None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """One batch: `input_ids` and `attention_mask` int64 [rows, tokens], `labels` int64 [rows]
        (float32 for numbers); `token_type_ids` for a pair
        where the model has such."""
        framed = [self.frame.put(self.tokens[i], None if self.pairs is None else self.pairs[i], self.max_length) for i in indices]
        input_ids, mask, _ends = pad([row for row, _first in framed], self.padding, self.width)
        batch = {"input_ids": input_ids, "attention_mask": mask, "labels": self.labels[torch.as_tensor(indices)]}
        if self.frame.has_types:
            types = torch.zeros_like(input_ids)
            for index, (row, first) in enumerate(framed):
                types[index, first : len(row)] = 1
            batch["token_type_ids"] = types
        return batch


def _as_tensor(labels: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(labels if labels.dtype == np.int64 else np.asarray(labels, dtype=np.float32))
