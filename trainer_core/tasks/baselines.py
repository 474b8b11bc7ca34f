"""What a network must beat to be worth its trouble: the commonest class, and what learns in a second without one."""

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer_core.config import CLASSIFIERS, TrainConfig
from trainer_core.data import Data, ImageData, ImageSplit, TextSplit, as_the_model_sees
from trainer_core.measures import kind_of, of_classes, of_numbers

_ITERATIONS = 50
"""Of L-BFGS. On MNIST more adds less than 0.3 points of accuracy and takes as long again."""

_REHEARSED = 11
"""L-BFGS looks back at ten, and takes the memory for each when it comes."""

Split = ImageSplit | TextSplit
Method = tuple[str, Callable[[], NDArray[Any]]]


def compute_baselines(
    data: Data, config: TrainConfig, cache: Path, write: Callable[[Path, str], None]
) -> Iterator[dict[str, float]]:
    """Accuracy and macro F1 of each baseline on the evaluated split, as `majority/accuracy`, as soon as it is there.

    For pictures the majority class and logistic regression on the pixels; for texts the majority class, naive Bayes on words
    and pairs of words, and logistic regression on TF-IDF; for numbers (`mean/rmse`) the mean and ridge regression on TF-IDF; for
    texts that go on there is none; for dialogues keyword rules (`keywords/slot_f1`), where tools are called. They
    depend on the data and their normalising alone, so a file in `cache`, written by `write(path, text)`, answers the next run.
    """
    path = _file(data, config, cache)
    try:
        stored: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
        yield stored
        return
    except (OSError, ValueError):
        stored = {}
    train, held_out, kind = data.splits["train"], data.splits[config.evaluation_split], kind_of(config.task)
    if kind == "chat":
        assert isinstance(train, TextSplit)
        assert isinstance(held_out, TextSplit)
        from trainer_core.tasks.chat_baseline import measure_keywords

        yield from ({f"keywords/{name}": value for name, value in measure_keywords(train.texts, held_out.texts).items()},)
        return
    for name, predict in _methods(data, config, _ITERATIONS):
        figures = (
            of_classes(held_out.labels, predict())
            if kind == "classes"
            else of_numbers(held_out.labels.astype(np.float64), predict())
        )
        found = {f"{name}/{measured}": value for measured, value in figures.items()}
        stored |= found
        yield found
    if stored:
        write(path, json.dumps(stored))


def rehearse_baselines(data: Data, config: TrainConfig, cache: Path) -> None:
    """Takes the memory that the baselines will take, where they are still to be computed. L-BFGS does a few steps."""
    if not _file(data, config, cache).exists():
        for _name, predict in _methods(data, config, _REHEARSED):
            predict()


def _file(data: Data, config: TrainConfig, cache: Path) -> Path:
    normalised = f"-{config.input_mean:g}-{config.input_std:g}" if isinstance(data, ImageData) else ""
    what = "" if config.task in CLASSIFIERS else f"-{config.task}"
    return cache / f"baselines-{data.digest}-{config.evaluation_split}{normalised}{what}.json"


def _methods(data: Data, config: TrainConfig, iterations: int) -> Sequence[Method]:
    """What learns: none for texts that go on, and none for dialogues, where rules answer."""
    train, held_out = data.splits["train"], data.splits[config.evaluation_split]
    kind = kind_of(config.task)
    if kind == "classes":
        return _of_classes(train, held_out, config, iterations)
    return _of_numbers(train, held_out) if kind not in ("text", "chat") else []


def _of_classes(train: Split, held_out: Split, config: TrainConfig, iterations: int) -> Sequence[Method]:
    majority: Method = ("majority", lambda: np.full(len(held_out), np.bincount(train.labels).argmax()))
    if len(np.unique(train.labels)) < 2:
        return [majority]
    if isinstance(train, ImageSplit) and isinstance(held_out, ImageSplit):
        pixels, asked = (_pixels(split, config.input_mean, config.input_std) for split in (train, held_out))
        return [majority, ("logistic_regression", lambda: _fit(_logistic_regression(iterations), pixels, train.labels, asked))]
    assert isinstance(train, TextSplit)
    assert isinstance(held_out, TextSplit)
    texts, questions = _whole(train), _whole(held_out)
    return [
        majority,
        ("naive_bayes", lambda: _fit(_naive_bayes(), texts, train.labels, questions)),
        ("logistic_regression", lambda: _fit(_tf_idf_regression(iterations), texts, train.labels, questions)),
    ]


def _of_numbers(train: Split, held_out: Split) -> Sequence[Method]:
    assert isinstance(train, TextSplit)
    assert isinstance(held_out, TextSplit)
    texts, questions = _whole(train), _whole(held_out)
    return [
        ("mean", lambda: np.full(len(held_out), train.labels.mean())),
        ("ridge", lambda: _fit(_tf_idf_ridge(), texts, train.labels, questions, np.float64)),
    ]


def _pixels(split: ImageSplit, mean: float, std: float) -> NDArray[np.float32]:
    return as_the_model_sees(split.images, mean, std).reshape(len(split), -1)


def _whole(split: TextSplit) -> list[str]:
    return list(split.texts) if split.pairs is None else [f"{a} {b}" for a, b in zip(split.texts, split.pairs, strict=True)]


def _logistic_regression(iterations: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=iterations)


def _naive_bayes() -> Any:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    # Words of one letter too: the default drops them, and with them Chinese words that stand alone.
    return make_pipeline(CountVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\w+"), MultinomialNB())


def _tf_idf_regression(iterations: int) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\w+")
    return make_pipeline(vectors, LogisticRegression(max_iter=iterations, C=10.0))


def _tf_idf_ridge() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    return make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\w+"), Ridge())


def _fit(model: Any, examples: Any, labels: NDArray[Any], asked: Any, kind: Any = np.int64) -> NDArray[Any]:
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    # One BLAS thread: with as many as there are cores the network beside it trains at an eighth of its speed.
    with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("ignore", ConvergenceWarning)  # the limit is meant, see above
        model.fit(examples, labels)
    return np.asarray(model.predict(asked), dtype=kind)
