"""What a network must beat to be worth its trouble: the commonest class, and what learns in a second without one."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer_core.config import CLASSIFIERS, TrainConfig
from trainer_core.data import Data, ImageData, ImageSplit, TextSplit, as_the_model_sees
from trainer_core.measures import kind_of, of_classes, of_numbers
from trainer_core.tasks.text_baselines import OF_CLASSES, OF_NUMBERS, TextBaseline, choose_cut, fit

_METHOD = 2
"""Raised when a baseline computes something else than before, so that no figure of then is served from a cache."""
_ITERATIONS = 50
"""Of L-BFGS. On MNIST more adds less than 0.3 points of accuracy and takes as long again."""
_REHEARSED = 11
"""L-BFGS looks back at ten, and takes the memory for each when it comes."""

Split = ImageSplit | TextSplit
Answered = tuple[str, NDArray[Any]]
Method = Callable[[], Answered]
"""Learns, and gives its key and what it answers for the rows that are judged."""


def compute_baselines(
    data: Data, config: TrainConfig, cache: Path, write: Callable[[Path, str], None]
) -> Iterator[dict[str, float]]:
    """Accuracy and macro F1 of each baseline on the evaluated split, as `majority/accuracy`, as soon as it is there.

    For pictures the majority class and logistic regression on the pixels; for texts the majority class, naive Bayes and logistic
    regression on TF-IDF; for numbers (`mean/rmse`) the mean and ridge regression on TF-IDF; for texts that go on there is none;
    for dialogues keyword rules (`keywords/slot_f1`), where tools are called. Texts are cut into words or, under keys of their own
    such as `naive_bayes_characters`, into characters, see `text_baselines`. They depend on the data and their normalising alone, so
    a file in `cache`, written by `write(path, text)`, answers the next run.
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
    for learn in _methods(data, config, _ITERATIONS):
        name, answers = learn()
        figures = (
            of_classes(held_out.labels, answers) if kind == "classes" else of_numbers(held_out.labels.astype(np.float64), answers)
        )
        found = {f"{name}/{measured}": value for measured, value in figures.items()}
        stored |= found
        yield found
    if stored:
        write(path, json.dumps(stored))


def rehearse_baselines(data: Data, config: TrainConfig, cache: Path) -> None:
    """Takes the memory that the baselines will take, where they are still to be computed. L-BFGS does a few steps."""
    if not _file(data, config, cache).exists():
        for learn in _methods(data, config, _REHEARSED):
            learn()


def _file(data: Data, config: TrainConfig, cache: Path) -> Path:
    normalised = f"-{config.input_mean:g}-{config.input_std:g}" if isinstance(data, ImageData) else ""
    what = "" if config.task in CLASSIFIERS else f"-{config.task}"
    return cache / f"baselines-{_METHOD}-{data.digest}-{config.evaluation_split}{normalised}{what}.json"


def _methods(data: Data, config: TrainConfig, iterations: int) -> Sequence[Method]:
    """What learns: none for texts that go on, and none for dialogues, where rules answer."""
    train, held_out = data.splits["train"], data.splits[config.evaluation_split]
    kind = kind_of(config.task)
    if kind == "classes":
        return _of_classes(train, held_out, config, iterations)
    return _of_numbers(train, held_out, iterations) if kind not in ("text", "chat") else []


def _of_classes(train: Split, held_out: Split, config: TrainConfig, iterations: int) -> Sequence[Method]:
    def majority() -> Answered:
        return "majority", np.full(len(held_out), np.bincount(train.labels).argmax())

    if len(np.unique(train.labels)) < 2:
        return [majority]
    if isinstance(train, ImageSplit) and isinstance(held_out, ImageSplit):
        pixels, asked = (_pixels(split, config.input_mean, config.input_std) for split in (train, held_out))
        return [majority, lambda: ("logistic_regression", _answers(_logistic_regression(iterations), pixels, train.labels, asked))]
    return [majority, *(_of_texts(baseline, train, held_out, iterations) for baseline in OF_CLASSES)]


def _of_numbers(train: Split, held_out: Split, iterations: int) -> Sequence[Method]:
    def mean() -> Answered:
        return "mean", np.full(len(held_out), train.labels.mean())

    return [mean, *(_of_texts(baseline, train, held_out, iterations) for baseline in OF_NUMBERS)]


def _of_texts(baseline: TextBaseline, train: Split, held_out: Split, iterations: int) -> Method:
    assert isinstance(train, TextSplit)
    assert isinstance(held_out, TextSplit)
    texts, asked = _whole(train), _whole(held_out)

    def learn() -> Answered:
        cut = choose_cut(baseline, texts, train.labels)
        return baseline.key_of(cut), _answers(baseline.make(cut, iterations), texts, train.labels, asked)

    return learn


def _pixels(split: ImageSplit, mean: float, std: float) -> NDArray[np.float32]:
    return as_the_model_sees(split.images, mean, std).reshape(len(split), -1)


def _whole(split: TextSplit) -> list[str]:
    return list(split.texts) if split.pairs is None else [f"{a} {b}" for a, b in zip(split.texts, split.pairs, strict=True)]


def _logistic_regression(iterations: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=iterations)


def _answers(model: Any, examples: Any, labels: NDArray[Any], asked: Any) -> NDArray[Any]:
    return np.asarray(fit(model, examples, labels).predict(asked), dtype=labels.dtype)
