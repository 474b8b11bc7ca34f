"""Which class a picture belongs to: batches sliced from tensors in memory, and what is measured."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor
from torch.utils.data import Dataset

from trainer_core.config import TrainConfig
from trainer_core.data.images import ImageSplit


class PictureDataset(Dataset[dict[str, Tensor]]):
    """A split as tensors. The data loader asks for a whole batch at once, so that none is collated picture by picture."""

    def __init__(self, split: ImageSplit, config: TrainConfig) -> None:
        self.images = torch.from_numpy(np.ascontiguousarray(split.images))
        self.labels = torch.from_numpy(np.ascontiguousarray(split.labels))
        self.mean, self.std = config.input_mean, config.input_std

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """One batch: `pixels` float32 [rows, 1, height, width] and `labels` int64 [rows]."""
        rows = torch.as_tensor(indices)
        return {"pixels": normalise(self.images[rows], self.mean, self.std), "labels": self.labels[rows]}


def normalise(images: Tensor, mean: float, std: float) -> Tensor:
    """uint8 [rows, height, width] to float32 [rows, 1, height, width], as `data.as_the_model_sees` does without torch."""
    return images.to(torch.float32).div_(255).sub_(mean).div_(std).unsqueeze(1)


def as_batch(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The collator: what `PictureDataset` gives is a batch already."""
    return batch


def measure(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> dict[str, float]:
    """`accuracy` and `f1_macro` (the mean of each class's F1, for classes that occur), both 0 to 1."""
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "f1_macro": float(f1_score(labels, predicted, average="macro", zero_division=0.0)),
    }


def measure_logits(evaluated: Any) -> dict[str, float]:
    """HF Trainer's hook: an EvalPrediction with logits [rows, classes] and labels [rows]."""
    return measure(evaluated.label_ids, np.argmax(evaluated.predictions, axis=-1))
