"""What a network must beat to be worth its trouble: the commonest class, and logistic regression on the pixels."""

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer_core.data import ImageData, as_the_model_sees
from trainer_core.data.images import ImageSplit, SplitName
from trainer_core.tasks.image_classification import measure

_ITERATIONS = 50
"""Of L-BFGS. On MNIST more adds less than 0.3 points of accuracy and takes as long again."""


def compute_baselines(
    data: ImageData, evaluated: SplitName, mean: float, std: float, cache: Path, write: Callable[[Path, str], None]
) -> Iterator[dict[str, float]]:
    """`majority/accuracy`, `logistic_regression/accuracy` and the same with `f1_macro`, on the split `evaluated`.

    Gives each baseline as soon as it is there. They depend on the data and its normalising alone, so a file in `cache`,
    written by `write(path, text)`, answers the next run.
    """
    path = cache / f"baselines-{data.digest}-{evaluated}-{mean:g}-{std:g}.json"
    try:
        stored: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
        yield stored
        return
    except (OSError, ValueError):
        stored = {}
    for figures in (_majority, _logistic_regression):
        found = figures(data.splits["train"], data.splits[evaluated], mean, std)
        stored |= found
        yield found
    write(path, json.dumps(stored))


def _majority(train: ImageSplit, held_out: ImageSplit, _mean: float, _std: float) -> dict[str, float]:
    predicted = np.full(len(held_out), np.bincount(train.labels).argmax())
    return {f"majority/{name}": value for name, value in measure(held_out.labels, predicted).items()}


def _logistic_regression(train: ImageSplit, held_out: ImageSplit, mean: float, std: float) -> dict[str, float]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    if len(np.unique(train.labels)) < 2:
        return {}

    def pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return as_the_model_sees(images, mean, std).reshape(len(images), -1)

    model = LogisticRegression(max_iter=_ITERATIONS)
    # One BLAS thread: with as many as there are cores the network beside it trains at an eighth of its speed.
    with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("ignore", ConvergenceWarning)  # the limit is meant, see above
        model.fit(pixels(train.images), train.labels)
    predicted = model.predict(pixels(held_out.images))
    return {f"logistic_regression/{name}": value for name, value in measure(held_out.labels, predicted).items()}
