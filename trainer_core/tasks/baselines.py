"""What a network must beat to be worth its trouble: the commonest class, and what learns in a second without one."""

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer_core.config import TrainConfig
from trainer_core.data import Data, ImageData, ImageSplit, TextSplit, as_the_model_sees
from trainer_core.tasks.measures import measure

_ITERATIONS = 50
"""Of L-BFGS. On MNIST more adds less than 0.3 points of accuracy and takes as long again."""

Split = ImageSplit | TextSplit
Method = tuple[str, Callable[[], NDArray[np.int64]]]


def compute_baselines(
    data: Data, config: TrainConfig, cache: Path, write: Callable[[Path, str], None]
) -> Iterator[dict[str, float]]:
    """Accuracy and macro F1 of each baseline on the evaluated split, as `majority/accuracy`, as soon as it is there.

    For pictures the majority class and logistic regression on the pixels; for texts the majority class, naive Bayes on words
    and pairs of words, and logistic regression on TF-IDF. They depend on the data and their normalising alone, so a file in
    `cache`, written by `write(path, text)`, answers the next run.
    """
    evaluated, mean, std = config.evaluation_split, config.input_mean, config.input_std
    normalised = f"-{mean:g}-{std:g}" if isinstance(data, ImageData) else ""
    path = cache / f"baselines-{data.digest}-{evaluated}{normalised}.json"
    try:
        stored: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
        yield stored
        return
    except (OSError, ValueError):
        stored = {}
    held_out = data.splits[evaluated]
    for name, predict in _methods(data.splits["train"], held_out, mean, std):
        found = {f"{name}/{measured}": value for measured, value in measure(held_out.labels, predict()).items()}
        stored |= found
        yield found
    write(path, json.dumps(stored))


def _methods(train: Split, held_out: Split, mean: float, std: float) -> Sequence[Method]:
    majority: Method = ("majority", lambda: np.full(len(held_out), np.bincount(train.labels).argmax()))
    if len(np.unique(train.labels)) < 2:
        return [majority]
    if isinstance(train, ImageSplit) and isinstance(held_out, ImageSplit):
        pixels, asked = _pixels(train, mean, std), _pixels(held_out, mean, std)
        return [majority, ("logistic_regression", lambda: _fit(_logistic_regression(), pixels, train.labels, asked))]
    assert isinstance(train, TextSplit)
    assert isinstance(held_out, TextSplit)
    texts, questions = _whole(train), _whole(held_out)
    return [
        majority,
        ("naive_bayes", lambda: _fit(_naive_bayes(), texts, train.labels, questions)),
        ("logistic_regression", lambda: _fit(_tf_idf_regression(), texts, train.labels, questions)),
    ]


def _pixels(split: ImageSplit, mean: float, std: float) -> NDArray[np.float32]:
    return as_the_model_sees(split.images, mean, std).reshape(len(split), -1)


def _whole(split: TextSplit) -> list[str]:
    return list(split.texts) if split.pairs is None else [f"{a} {b}" for a, b in zip(split.texts, split.pairs, strict=True)]


def _logistic_regression() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=_ITERATIONS)


def _naive_bayes() -> Any:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    # Words of one letter too: the default drops them, and with them Chinese words that stand alone.
    return make_pipeline(CountVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\w+"), MultinomialNB())


def _tf_idf_regression() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\w+")
    return make_pipeline(vectors, LogisticRegression(max_iter=_ITERATIONS, C=10.0))


def _fit(model: Any, examples: Any, labels: NDArray[np.int64], asked: Any) -> NDArray[np.int64]:
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    # One BLAS thread: with as many as there are cores the network beside it trains at an eighth of its speed.
    with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("ignore", ConvergenceWarning)  # the limit is meant, see above
        model.fit(examples, labels)
    return np.asarray(model.predict(asked), dtype=np.int64)
