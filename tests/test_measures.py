"""Measures are scikit-learn's own, know which way is better, and a run measures what its settings name."""

import math

import numpy as np
import pytest
from sklearn import metrics

from trainer_core import measures
from trainer_core.errors import ConfigError
from trainer_core.settings import build_config

LABELS = np.array([0, 0, 0, 1, 1, 2])
LOGITS = np.array([[3, 1, 0], [0, 2, 1], [2, 0, 0], [0, 3, 1], [1, 0, 2], [0, 0, 3]], dtype=np.float64)


def test_classes_are_measured_as_scikit_learn_measures_them() -> None:
    predicted = LOGITS.argmax(axis=1)
    found = measures.of_classes(LABELS, predicted, ("a", "b", "c/d"), LOGITS, measures.MORE)
    shares = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["balanced_accuracy"] == metrics.balanced_accuracy_score(LABELS, predicted)
    assert found["mcc"] == metrics.matthews_corrcoef(LABELS, predicted)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(LABELS, shares))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(LABELS, shares, multi_class="ovr"))
    assert found["f1_class_a"] == metrics.f1_score(LABELS, predicted, average=None)[0]
    assert "f1_class_c_d" in found


def test_roc_auc_is_left_out_where_a_class_is_missing() -> None:
    found = measures.of_classes(LABELS[:5], LOGITS[:5].argmax(axis=1), ("a", "b", "c"), LOGITS[:5], ("roc_auc", "log_loss"))
    assert "roc_auc" not in found
    assert math.isfinite(found["log_loss"])


def test_numbers_and_texts_are_measured() -> None:
    found = measures.of_numbers(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 4.0]))
    assert found["mae"] == pytest.approx(1 / 3)
    assert found["rmse"] == pytest.approx(math.sqrt(1 / 3))
    assert found["r2"] == pytest.approx(metrics.r2_score([1, 2, 4], [1, 3, 4]))
    told = measures.of_texts(np.array([[math.log(4) * 2, 2, 1], [math.log(4) * 6, 6, 3]]))
    assert told == {"perplexity": pytest.approx(4), "token_accuracy": 0.5}


def test_each_metric_knows_which_way_is_better() -> None:
    lower = ("eval/loss", "eval/log_loss", "test/rmse", "eval/mae", "eval/perplexity", "baseline/mean/rmse")
    assert all(measures.is_lower_better(key) for key in lower)
    assert not any(measures.is_lower_better(key) for key in ("eval/accuracy", "eval/mcc", "eval/r2", "eval/f1_class_a"))


@pytest.mark.parametrize(
    ("task", "model", "by", "before"),
    [
        ("image_classification", "cnn", "eval/accuracy", "eval/accuracy"),
        ("sequence_classification", "small_gpt", "eval/accuracy", "eval/accuracy"),
        ("regression", "small_gpt", "eval/rmse", "eval/loss"),
        ("language_modelling", "small_gpt", "eval/perplexity", "eval/loss"),
        ("chat", "small_gpt", "eval/slot_f1", "eval/loss"),
    ],
)
def test_auto_keeps_by_the_main_metric_and_of_runs_of_before_by_accuracy_or_the_loss(
    task: str, model: str, by: str, before: str
) -> None:
    values = {"task": task, "model": model}
    assert build_config(values).best_by == by
    assert build_config({**values, "rules": ()}).best_by == before
    assert build_config({**values, "best_metric": "eval/loss"}).best_by == "eval/loss"


def test_the_best_is_the_first_of_equals_in_the_metrics_own_direction_and_never_what_is_no_number() -> None:
    assert measures.first_best([0.5, 0.9, 0.9, math.nan], "eval/accuracy") == 1
    assert measures.first_best([math.nan, 0.5, 0.4, 0.4], "eval/loss") == 2
    assert measures.first_best([math.nan, math.inf], "eval/rmse") is None
    assert measures.first_best([], "eval/rmse") is None
    assert measures.first_best([0.0, 0.0, 0.0], "eval/slot_f1", [3.0, 2.0, 2.5]) == 1, "the loss tells equals apart"
    assert measures.first_best([0.1, 0.0], "eval/slot_f1", [3.0, 2.0]) == 0


def test_a_chat_model_without_searches_is_told_by_its_loss() -> None:
    assert measures.main_metric("chat", {"eval/loss", "eval/bleu4"}) == "eval/loss"
    assert measures.main_metric("chat", {"eval/loss", "eval/slot_f1"}) == "eval/slot_f1"
    assert measures.main_metric("chat") == "eval/slot_f1"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"measures": "accuracy_of_all"}, "has “accuracy_of_all”; it takes balanced_accuracy"),
        ({"best_metric": "eval/mcc"}, "does not measure.*Add mcc to measures"),
        ({"best_metric": "eval/rmse"}, "does not measure. It takes auto, eval/loss, eval/accuracy"),
        ({"task": "regression", "model": "small_gpt", "best_metric": "eval/accuracy"}, "It takes auto, eval/loss, eval/rmse"),
    ],
)
def test_a_measure_that_does_not_fit_is_refused(values: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        build_config(values)
