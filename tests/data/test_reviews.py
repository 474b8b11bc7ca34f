"""The grammar's reviews: many, balanced, none twice, and no word outside the verdict that gives the label away."""

from collections import Counter
from pathlib import Path

import pytest

from tests.tiny_texts import tiny
from trainer_core.data import check, load_texts, reviews
from trainer_core.data.reviews import make_reviews


@pytest.fixture(scope="module")
def made() -> list[tuple[str, int]]:
    return list(zip(*make_reviews(), strict=True))


def test_there_are_enough_none_twice_and_half_of_each_label(made: list[tuple[str, int]]) -> None:
    assert len(made) >= 4_000
    assert len({text for text, _label in made}) == len(made)
    assert Counter(label for _text, label in made) == {0: len(made) // 2, 1: len(made) // 2}


def test_the_same_seed_gives_the_same_reviews_and_another_gives_others() -> None:
    assert make_reviews(200) == make_reviews(200)
    assert make_reviews(200, seed=1) != make_reviews(200, seed=2)
    assert make_reviews(200)[0] == make_reviews(400)[0][:200]


def _counts(made: list[tuple[str, int]], phrase: str) -> Counter[int]:
    return Counter(label for text, label in made if phrase.lower() in text.lower())


def test_no_noun_belongs_to_one_label(made: list[tuple[str, int]]) -> None:
    for noun in reviews._NOUNS:
        counts = _counts(made, noun)
        assert 0.42 < counts[1] / counts.total() < 0.58, (noun, counts)


def test_no_template_belongs_to_one_label(made: list[tuple[str, int]]) -> None:
    for template in (*reviews._PLAIN, *reviews._CONTRAST):
        # The longest piece of fixed words names the template, near enough.
        pieces = [piece.split("}")[-1].strip() for piece in template.split("{")]
        counts = _counts(made, max(pieces, key=len))
        assert counts.total() > 50, template
        assert 0.42 < counts[1] / counts.total() < 0.58, (template, counts)


def test_no_word_of_praise_or_blame_decides_alone(made: list[tuple[str, int]]) -> None:
    for word in (*reviews._GOOD, *reviews._BAD):
        counts = _counts(made, word)
        assert 0.1 < counts[1] / counts.total() < 0.9, (word, counts)


def test_negation_and_contrast_are_in_a_good_part_of_them(made: list[tuple[str, int]]) -> None:
    negated = sum(any(f" {form.split()[0]} " in f" {text}" for form in reviews._NEGATIONS) for text, _label in made)
    contrasted = sum(any(word in text for word in (" but ", "Although", "even if", " yet ", "Despite")) for text, _label in made)
    assert negated > 0.3 * len(made)
    assert contrasted > 0.3 * len(made)


def test_the_dataset_says_that_it_is_synthetic() -> None:
    config = tiny(Path("reviews"), label_names=())
    summary = check(config)
    assert summary is not None
    assert summary.synthetic
    assert summary.label_names == ("negative", "positive")
    assert sum(summary.rows.values()) >= 4_000
    named = load_texts(config.model_copy(update={"label_names": ("bad", "good")}))
    assert named.label_names == ("bad", "good")
