"""What learns from texts in a second: naive Bayes and logistic regression for classes, ridge regression for numbers.

A text is cut into words or into characters, and one and two of them together count. Languages that write without spaces need
characters, most others words; which suits the data is found by five folds of the training rows, never on the rows that are judged.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer_core.data.splits import draw_folds, number_contents

Cut = Literal["words", "characters"]
CUTS: Mapping[Cut, Mapping[str, Any]] = {
    # Words of one letter too: the default drops them, and with them Chinese words that stand alone.
    "words": {"ngram_range": (1, 2), "token_pattern": r"(?u)\w+"},
    "characters": {"ngram_range": (1, 2), "analyzer": "char"},
}
"""How scikit-learn's vectorizers are told to cut; the first is taken where both are as good."""
TRIED_ROWS = 3_000
"""Of more training rows so many, evenly spread, choose the cut: their folds cost less than fitting all rows once more."""
_TRIED_ITERATIONS = 20


@dataclass(frozen=True)
class TextBaseline:
    """A method by its key in `baseline/KEY/...`. `make` gives an untrained pipeline for a cut and so many iterations."""

    key: str
    make: Callable[[Cut, int], Any]

    def key_of(self, cut: Cut) -> str:
        """The key that says how texts were cut: `naive_bayes` by words, as ever, `naive_bayes_characters` by characters."""
        return self.key if cut == "words" else f"{self.key}_{cut}"


def _naive_bayes(cut: Cut, _iterations: int) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    return make_pipeline(CountVectorizer(**CUTS[cut]), MultinomialNB())


def _logistic_regression(cut: Cut, iterations: int) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(TfidfVectorizer(sublinear_tf=True, **CUTS[cut]), LogisticRegression(max_iter=iterations, C=10.0))


def _ridge(cut: Cut, _iterations: int) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    return make_pipeline(TfidfVectorizer(sublinear_tf=True, **CUTS[cut]), Ridge())


OF_CLASSES = (TextBaseline("naive_bayes", _naive_bayes), TextBaseline("logistic_regression", _logistic_regression))
OF_NUMBERS = (TextBaseline("ridge", _ridge),)


def choose_cut(baseline: TextBaseline, texts: Sequence[str], labels: NDArray[Any]) -> Cut:
    """The cut whose pipeline answers better for rows of the five folds that it was not trained on.

    `labels` are int64 class numbers, judged by accuracy, or floats, by squared error.
    """
    rows = np.arange(len(texts)) if len(texts) <= TRIED_ROWS else np.linspace(0, len(texts) - 1, TRIED_ROWS).astype(np.int64)
    asked, wanted = [texts[int(row)] for row in rows], labels[rows]
    errors: dict[Cut, float] = {}
    for cut in CUTS:
        try:
            found = answer_by_folds(lambda cut=cut: baseline.make(cut, _TRIED_ITERATIONS), asked, wanted)  # type: ignore[misc]
        except ValueError:  # no text has such a part, as where all are of signs alone
            continue
        errors[cut] = float(np.mean(found != wanted)) if wanted.dtype.kind == "i" else float(np.mean((found - wanted) ** 2))
    return min(errors, key=errors.__getitem__, default="words")


def answer_by_folds(
    make: Callable[[], Any], texts: Sequence[str], labels: NDArray[Any], method: str = "predict", folds: int = 5
) -> NDArray[Any]:
    """What pipelines answer for rows that they were not trained on: [rows], or for `predict_proba` [rows, classes].

    Rows of the same text are in one fold. A class without a row outside a fold has probability 0 in it.
    """
    contents = number_contents(" ".join(text.split()).casefold() for text in texts)
    strata = labels if labels.dtype.kind == "i" else np.zeros(len(labels), dtype=np.int64)
    fold_of = draw_folds(np.asarray(strata, dtype=np.int64), contents, folds)
    answers: NDArray[Any] | None = None
    for fold in np.unique(fold_of):
        inside, outside = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
        model = fit(make(), [texts[int(row)] for row in outside], labels[outside])
        found = np.asarray(getattr(model, method)([texts[int(row)] for row in inside]))
        if method == "predict_proba":
            whole = np.zeros((len(inside), int(labels.max()) + 1))
            whole[:, model.classes_] = found
            found = whole
        if answers is None:
            answers = np.zeros((len(texts), *found.shape[1:]), dtype=found.dtype)
        answers[inside] = found
    assert answers is not None
    return answers


def fit(model: Any, examples: Any, labels: NDArray[Any]) -> Any:
    """Trains a scikit-learn model and returns it."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    # One BLAS thread: with as many as there are cores the network beside it trains at an eighth of its speed.
    with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("ignore", ConvergenceWarning)  # iterations are limited on purpose
        model.fit(examples, labels)
    return model
