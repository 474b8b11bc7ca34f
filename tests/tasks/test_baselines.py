"""The baselines a network has to beat."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import shared_data
from tests.tiny_texts import tiny, write_reviews
from trainer_core.config import TrainConfig
from trainer_core.data import load_data, load_texts
from trainer_core.store import write_atomically
from trainer_core.tasks import baselines
from trainer_core.tasks.baselines import compute_baselines, rehearse_baselines

DIGITS = TrainConfig(input_mean=0.305, input_std=0.376)


def _found(config: TrainConfig, cache: Path) -> dict[str, float]:
    parts = compute_baselines(load_data(config), config, cache, write_atomically)
    return {name: value for part in parts for name, value in part.items()}


def test_digits_baselines_are_computed_once_and_then_read(tmp_path: Path) -> None:
    data = load_data(DIGITS)
    found = list(compute_baselines(data, DIGITS, tmp_path, write_atomically))
    assert found[0]["majority/accuracy"] == pytest.approx(0.1, abs=0.01)
    assert 0.93 < found[1]["logistic_regression/accuracy"] < 0.99
    assert 0.93 < found[1]["logistic_regression/f1_macro"] < 0.99
    (stored,) = compute_baselines(data, DIGITS, tmp_path, write_atomically)
    assert stored == found[0] | found[1]
    tested = DIGITS.model_copy(update={"evaluation_split": "test"})
    assert len(list(compute_baselines(data, tested, tmp_path, write_atomically))) == 2


def test_a_rehearsal_fits_the_same_data_for_a_moment_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[tuple[int, int]] = []
    usual = baselines._fit

    def noted(model: Any, rows: Any, *more: Any) -> Any:
        fitted.append((model.max_iter, len(rows)))
        return usual(model, rows, *more)

    monkeypatch.setattr(baselines, "_fit", noted)
    data = load_data(DIGITS)
    rehearse_baselines(data, DIGITS, tmp_path)
    assert fitted == [(11, len(data.splits["train"]))]
    assert not list(tmp_path.iterdir())
    list(compute_baselines(data, DIGITS, tmp_path, write_atomically))
    rehearse_baselines(data, DIGITS, tmp_path)
    assert fitted[1:] == [(50, len(data.splits["train"]))], "what is known is not computed again"


def test_texts_are_rehearsed_too_where_there_is_something_to_learn(tmp_path: Path) -> None:
    folder = write_reviews(tmp_path / "reviews")
    for task in ("label_token", "sequence_classification"):
        config = tiny(folder, task=task)
        rehearse_baselines(load_data(config), config, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_words_beat_the_majority_on_real_reviews_as_was_measured(tmp_path: Path) -> None:
    config = tiny(shared_data("rotten_tomatoes"), label_names=("neg", "pos"))
    found = _found(config, tmp_path)
    assert found["majority/accuracy"] == pytest.approx(0.5, abs=0.01)
    assert found["naive_bayes/accuracy"] == pytest.approx(0.775, abs=0.01)
    assert 0.74 < found["logistic_regression/accuracy"] < 0.80
    assert _found(config, tmp_path) == found
    assert len(list(tmp_path.iterdir())) == 1


def test_pairs_are_read_as_one_text(tmp_path: Path) -> None:
    config = tiny(write_reviews(tmp_path / "reviews"), task="sequence_classification", pair_column="other")
    found = _found(config, tmp_path)
    assert set(found) == {
        f"{name}/{what}" for name in ("majority", "naive_bayes", "logistic_regression") for what in ("accuracy", "f1_macro")
    }
    plain = load_texts(config.model_copy(update={"pair_column": ""}))
    assert plain.digest != load_texts(config).digest  # so that neither's figures answer for the other
