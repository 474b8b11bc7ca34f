"""How right answers are: the one declaration of every measure, and their figures, which are scikit-learn's.

What reads a run (pages, the command line, the best checkpoint) asks here whether lower or higher is better and how it is shown.
"""

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer_core.language import gettext as _
from trainer_core.language import mark

Kind = Literal["classes", "number", "text", "chat"]
KIND_OF_TASK: Mapping[str, Kind] = {"regression": "number", "language_modelling": "text", "chat": "chat"}
"""Other tasks tell classes apart."""


@dataclass(frozen=True)
class Measure:
    """A measure: of which kinds of task, its name for people, whether lower is better, whether it is a share of one, and whether
    it is computed for every run of its kind or only where the setting `measures` names it."""

    kinds: tuple[Kind, ...]
    named: str
    lower: bool = False
    share: bool = False
    always: bool = True

    @property
    def label(self) -> str:
        """Its name for people, in the language that is wanted."""
        return _(self.named)


MEASURES: Mapping[str, Measure] = {
    "accuracy": Measure(("classes",), mark("accuracy"), share=True),
    "f1_macro": Measure(("classes",), mark("F1, all classes alike"), share=True),
    "balanced_accuracy": Measure(("classes",), mark("balanced accuracy"), share=True, always=False),
    "mcc": Measure(("classes",), mark("Matthews correlation"), always=False),
    "roc_auc": Measure(("classes",), mark("area under the ROC curve"), share=True, always=False),
    "log_loss": Measure(("classes",), mark("log loss"), lower=True, always=False),
    "f1_per_class": Measure(("classes",), mark("F1 of each class"), share=True, always=False),
    "rmse": Measure(("number",), mark("RMSE"), lower=True),
    "mae": Measure(("number",), mark("MAE"), lower=True),
    "r2": Measure(("number",), mark("explained variance (R²)")),
    "perplexity": Measure(("text", "chat"), mark("perplexity"), lower=True),
    "token_accuracy": Measure(("text", "chat"), mark("next tokens right"), share=True),
    "slot_f1": Measure(("chat",), mark("slots of searches, F1"), share=True),
    "slot_precision": Measure(("chat",), mark("slots of searches, precision"), share=True),
    "slot_recall": Measure(("chat",), mark("slots of searches, recall"), share=True),
    "exact_match": Measure(("chat",), mark("searches exactly right"), share=True),
    "valid_json": Measure(("chat",), mark("searches that are valid JSON"), share=True),
    "bleu4": Measure(("chat",), mark("BLEU-4 of answers"), share=True),
    "names_returned": Measure(("chat",), mark("named hotels that were returned"), share=True),
}
MORE = tuple(name for name, measure in MEASURES.items() if not measure.always)
"""Those that the setting `measures` can name."""
_MAIN: Mapping[Kind, tuple[str, ...]] = {
    "classes": ("eval/accuracy",),
    "number": ("eval/rmse",),
    "text": ("eval/perplexity",),
    "chat": ("eval/slot_f1", "eval/loss"),
}
"""The metric that says most of a task's runs, and what does where that is not measured: dialogues without calls have no slots."""


def kind_of(task: object) -> Kind:
    """What a task's answers are."""
    return KIND_OF_TASK.get(str(task), "classes")


def main_metric(task: object, measured: Container[str] | None = None) -> str:
    """The metric that says most of a task's runs: `eval/accuracy`, `eval/rmse`, `eval/perplexity`, or `eval/slot_f1`.

    `measured` are the metrics that the run has: a chat model whose dialogues call nothing is told by its `eval/loss`.
    """
    candidates = _MAIN[kind_of(task)]
    return next((key for key in candidates if measured is None or key in measured), candidates[0])


def measure_label(key: str) -> str:
    """A metric's name within a sentence: `eval/slot_f1` as “slots of searches, F1”; one that is not ours by the end of its key."""
    name = key.rpartition("/")[2]
    return MEASURES[name].label if name in MEASURES else _("loss") if name == "loss" else name.replace("_", " ")


def first_best(values: Sequence[float], key: str, losses: Sequence[float] = ()) -> int | None:
    """Where the best value of the metric stands; None where none is a finite number. Of equals the first, or, where `losses` are
    given, the one of the lowest loss.

    This is how training chooses the checkpoint it keeps, so whoever looks for the kept one asks here too.
    """
    finite = [place for place, value in enumerate(values) if math.isfinite(value)]
    sign = -1.0 if is_lower_better(key) else 1.0
    return max(finite, key=lambda place: (sign * values[place], -losses[place] if losses else 0.0), default=None)


def is_lower_better(key: str) -> bool:
    """Whether a smaller value of the metric is the better one."""
    name = key.rpartition("/")[2]
    return name.endswith("loss") or (name in MEASURES and MEASURES[name].lower)


def is_share(key: str) -> bool:
    """Whether the metric is a share of one, shown in per cent."""
    name = key.rpartition("/")[2]
    return name.startswith("f1_class_") or (name in MEASURES and MEASURES[name].share)


def measured(task: str, more: Sequence[str]) -> tuple[str, ...]:
    """The metrics of a task's evaluations, `eval/loss` first."""
    kind = kind_of(task)
    names = [name for name, one in MEASURES.items() if kind in one.kinds and (one.always or name in more)]
    return ("eval/loss", *(f"eval/{name}" for name in names if name != "f1_per_class"))


def of_classes(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], names: Sequence[str] = (), logits: Any = None, more: Sequence[str] = ()
) -> dict[str, float]:
    """`accuracy` and `f1_macro` (the mean of each class's F1, for classes that occur), and what `more` names.

    Args:
        labels: True classes, [rows].
        predicted: Answered classes, [rows].
        names: The classes' names, for `f1_per_class`.
        logits: float [rows, classes], for measures of probabilities.
        more: Names of further measures. What can't be computed, such as ROC AUC where a class is missing, is left out.
    """
    from sklearn import metrics

    found = {
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "f1_macro": float(metrics.f1_score(labels, predicted, average="macro", zero_division=0.0)),
    }
    if "balanced_accuracy" in more:
        recalls = metrics.recall_score(labels, predicted, labels=np.unique(labels), average=None, zero_division=0.0)
        found["balanced_accuracy"] = float(np.mean(recalls))
    if "mcc" in more:
        found["mcc"] = float(metrics.matthews_corrcoef(labels, predicted))
    if "f1_per_class" in more:
        each = metrics.f1_score(labels, predicted, labels=np.arange(len(names)), average=None, zero_division=0.0)
        found |= {f"f1_class_{name_for_key(name)}": float(value) for name, value in zip(names, each, strict=True)}
    if logits is not None and {"roc_auc", "log_loss"} & set(more):
        shares = _softmax(np.asarray(logits, dtype=np.float64))
        classes = np.arange(shares.shape[1])
        if "log_loss" in more:
            found["log_loss"] = float(metrics.log_loss(labels, shares, labels=classes))
        if "roc_auc" in more and len(np.unique(labels)) == len(classes):
            two = shares.shape[1] == 2
            score = metrics.roc_auc_score(
                labels, shares[:, 1] if two else shares, multi_class="ovr", labels=None if two else classes
            )
            found["roc_auc"] = float(score)
    return found


def of_numbers(labels: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float]:
    """`rmse` and `mae` in the labels' own unit, and `r2` (1 is perfect, 0 as good as always saying the mean)."""
    from sklearn import metrics

    found = {
        "rmse": float(metrics.root_mean_squared_error(labels, predicted)),
        "mae": float(metrics.mean_absolute_error(labels, predicted)),
    }
    if len(labels) > 1 and np.ptp(labels) > 0:
        found["r2"] = float(metrics.r2_score(labels, predicted))
    return found


def of_texts(sums: NDArray[np.float64]) -> dict[str, float]:
    """`perplexity` and `token_accuracy` of [texts, 3]: summed negative log likelihood, tokens, and those that were right."""
    loss, tokens, right = (float(value) for value in np.asarray(sums, dtype=np.float64).sum(axis=0))
    return {"perplexity": math.exp(min(loss / max(1.0, tokens), 700.0)), "token_accuracy": right / max(1.0, tokens)}


def name_for_key(name: str) -> str:
    """A class's name as a metric's key may have it: letters of any script, digits, dashes, points and spaces."""
    return "".join(character if character.isalnum() or character in "-. " else "_" for character in name)[:80] or "_"


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
