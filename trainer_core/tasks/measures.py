"""How right the predicted classes are."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score


def measure(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> dict[str, float]:
    """`accuracy` and `f1_macro` (the mean of each class's F1, for classes that occur), both 0 to 1."""
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "f1_macro": float(f1_score(labels, predicted, average="macro", zero_division=0.0)),
    }
