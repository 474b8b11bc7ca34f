"""One number for a text: a head with one output, learnt by squared error on numbers scaled by the training split's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Scale:
    """The mean and standard deviation of the training numbers: a network learns best around nought."""

    mean: float
    std: float

    @classmethod
    def of(cls, numbers: NDArray[np.float64]) -> "Scale":
        """The scale of some numbers; where all are one the deviation counts as 1."""
        return cls(float(numbers.mean()), float(numbers.std()) or 1.0)

    def loss(self, logits: Tensor, labels: Tensor, _training: bool) -> Tensor:
        """Mean squared error of scaled numbers: 1 is as good as always saying the mean."""
        wanted = (labels.float() - self.mean) / self.std
        return functional.mse_loss(logits.float().squeeze(-1), wanted)

    def restore(self, logits: Tensor, _labels: Tensor) -> Tensor:
        """The head's output as a number of the data's own, [rows, 1]."""
        return logits.float() * self.std + self.mean


def numbers_of(logits: Tensor, scale: Scale) -> NDArray[np.float32]:
    """Answers float32 [rows, 1]."""
    return np.asarray((logits.float().reshape(-1, 1) * scale.std + scale.mean).detach().cpu().numpy(), dtype=np.float32)
