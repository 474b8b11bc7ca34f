"""The baselines a network has to beat."""

import csv
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import shared_case, shared_data
from tests.tiny_texts import tiny, write_csv, write_reviews
from trainer_core.config import TrainConfig
from trainer_core.data import load_data, load_texts
from trainer_core.data.splits import draw_folds
from trainer_core.store import write_atomically
from trainer_core.tasks import baselines, text_baselines
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
    usual = text_baselines.fit

    def noted(model: Any, rows: Any, labels: Any) -> Any:
        fitted.append((model.max_iter, len(rows)))
        return usual(model, rows, labels)

    monkeypatch.setattr(baselines, "fit", noted)
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


CLAUSES = ("房间很干净", "下次还来", "床很硬", "不会再来", "早餐丰富", "服务热情", "隔音太差", "空调坏了", "位置方便", "前台冷漠")
GOOD = {"房间很干净", "下次还来", "早餐丰富", "服务热情", "位置方便"}


def write_chinese(folder: Path, rows: int = 240) -> Path:
    """Reviews without spaces: clauses that were never seen whole, of characters that were."""
    draw = random.Random(11)
    table = []
    for row in range(rows):
        label = row % 2
        chosen = draw.sample([clause for clause in CLAUSES if (clause in GOOD) == bool(label)], 2)
        table.append((f"{chosen[0]}第{row}回{chosen[1]}{draw.choice('的了吧呢')}{row}", label))
    for split, part in (("train", table[:160]), ("validation", table[160:200]), ("test", table[200:])):
        write_csv(folder / f"{split}.csv", ("text", "label"), part)
    return folder


def test_texts_without_spaces_are_cut_by_characters_and_words_stay_words(tmp_path: Path) -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB

    config = tiny(write_chinese(tmp_path / "chinese"), label_names=())
    found = _found(config, tmp_path)
    assert {key.partition("/")[0] for key in found} == {"majority", "naive_bayes_characters", "logistic_regression_characters"}
    data = load_texts(config)
    train, held_out = data.splits["train"], data.splits["validation"]
    accuracies = {}
    for name, how in (("words", {"token_pattern": r"(?u)\w+"}), ("characters", {"analyzer": "char"})):
        counter = CountVectorizer(ngram_range=(1, 2), **how)
        model = MultinomialNB().fit(counter.fit_transform(train.texts), train.labels)
        accuracies[name] = float((model.predict(counter.transform(held_out.texts)) == held_out.labels).mean())
    assert found["naive_bayes_characters/accuracy"] == accuracies["characters"] > accuracies["words"] + 0.2


def test_the_case_of_clauses_is_cut_by_characters() -> None:
    rows = list(csv.reader(shared_case("chinese-words.csv").open(encoding="utf-8")))[1:]
    texts, labels = [row[0] for row in rows], np.array([int(row[1]) for row in rows])
    for baseline in text_baselines.OF_CLASSES:
        by_cut = {
            cut: (text_baselines.answer_by_folds(partial(baseline.make, cut, 20), texts, labels) == labels).mean()
            for cut in text_baselines.CUTS
        }
        assert by_cut["characters"] >= by_cut["words"]
        assert text_baselines.choose_cut(baseline, texts, labels) == max(by_cut, key=by_cut.__getitem__)


def test_numbers_choose_their_cut_too(tmp_path: Path) -> None:
    draw = random.Random(3)
    rows = []
    for row in range(200):
        stars = draw.randint(1, 5)
        rows.append((f"这家酒店{'很好' * stars}{'很差' * (5 - stars)}第{row}次", stars + draw.random() / 10))
    for split, part in (("train", rows[:140]), ("validation", rows[140:170]), ("test", rows[170:])):
        write_csv(tmp_path / "stars" / f"{split}.csv", ("text", "label"), part)
    found = _found(tiny(tmp_path / "stars", task="regression", label_names=()), tmp_path)
    assert "ridge/rmse" not in found
    assert found["ridge_characters/rmse"] < 0.7 * found["mean/rmse"]


def test_the_judged_rows_have_no_part_in_the_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny(write_chinese(tmp_path / "chinese"), label_names=())
    seen: set[str] = set()
    usual = text_baselines.choose_cut

    def noted(baseline: text_baselines.TextBaseline, texts: Sequence[str], labels: Any) -> text_baselines.Cut:
        seen.update(texts)
        return usual(baseline, texts, labels)

    monkeypatch.setattr(baselines, "choose_cut", noted)
    _found(config, tmp_path)
    data = load_texts(config)
    assert seen == set(data.splits["train"].texts)


def test_what_an_earlier_method_computed_is_not_served(tmp_path: Path) -> None:
    config = tiny(write_reviews(tmp_path / "reviews"), task="sequence_classification")
    data = load_data(config)
    write_atomically(tmp_path / f"baselines-{data.digest}-{config.evaluation_split}.json", '{"naive_bayes/accuracy": 2.0}')
    assert _found(config, tmp_path)["naive_bayes/accuracy"] <= 1.0


def test_folds_hold_of_each_class_alike_many_and_copies_together() -> None:
    labels = np.array([0, 1] * 100 + [2] * 10)
    contents = np.arange(210)
    contents[1:200:20] = contents[1]  # ten copies
    fold_of = draw_folds(labels, contents)
    assert len(set(fold_of[1:200:20])) == 1
    for fold in range(5):
        counts = np.bincount(labels[fold_of == fold], minlength=3)
        assert 19 <= counts[0] <= 21
        assert counts[2] == 2
