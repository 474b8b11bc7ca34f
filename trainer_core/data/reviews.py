"""Synthetic film reviews from a seeded grammar: a dataset of texts that is there without a network.

Each review is praise or blame by what it means, not by its words: praise may say “not dull”, blame “far from gripping”, and where
a review says both, its main clause decides. Every noun and every template serves both labels alike, so that counting words is
not enough.
"""

import random
from collections.abc import Sequence

LABELS = ("negative", "positive")
REVIEWS = 6_000
_SEED = 1_729

_NOUNS = (
    "plot", "cast", "script", "ending", "camera work", "music", "dialogue", "pacing", "opening", "humour", "story", "lead actor",
    "soundtrack", "finale",
)  # fmt: skip
_GOOD = (
    "gripping", "charming", "brilliant", "moving", "clever", "fresh", "superb", "witty", "memorable", "elegant",
)  # fmt: skip
_BAD = (
    "dull", "clumsy", "tedious", "predictable", "lifeless", "shallow", "awkward", "messy", "bland", "hollow",
)  # fmt: skip
_DEGREES = ("", "", "", "really ", "truly ", "quite ", "surprisingly ", "rather ")
_NEGATIONS = ("not {}", "never {}", "far from {}", "anything but {}", "hardly {}")
_TIMES = ("last night", "on a rainy Sunday", "with my sister", "at the festival", "twice", "on the plane", "without a plan")
_OPENINGS = ("", "", "", "I watched it {time}. ", "We saw this {time}. ", "A friend took me along {time}. ")
_PLAIN = (
    "The {noun} was {main}.",
    "I found the {noun} {main}.",
    "If you ask me, the {noun} is {main}.",
    "Let me be brief: the {noun} felt {main}.",
    "The {noun} was {main} and the {other} was {same}.",
    "Both the {noun} and the {other} were {main}.",
    "My whole row agreed that the {noun} was {main}.",
)
_CONTRAST = (
    "The {other} was {against}, but the {noun} was {main}.",
    "Although the {other} was {against}, the {noun} was {main}.",
    "The {noun} was {main}, even if the {other} was {against}.",
    "People say the {other} is {against}; what counts is that the {noun} is {main}.",
    "I expected it to be {against}, yet the {noun} was {main}.",
    "Despite {a_other} that was {against}, the {noun} stayed {main}.",
)


def make_reviews(count: int = REVIEWS, seed: int = _SEED) -> tuple[list[str], list[int]]:
    """`count` different reviews and their labels (1 praise, 0 blame), half of each, the same ones for the same seed."""
    draw = random.Random(seed)  # noqa: S311 - a grammar needs no secrets
    texts: dict[str, int] = {}
    while len(texts) < count:
        label = len(texts) % 2
        texts.setdefault(_review(draw, bool(label)), label)
    return list(texts), list(texts.values())


def _review(draw: random.Random, praise: bool) -> str:
    noun, other = draw.sample(_NOUNS, 2)
    template = draw.choice(_PLAIN if draw.random() < 0.5 else _CONTRAST)
    opening = draw.choice(_OPENINGS).format(time=draw.choice(_TIMES))
    return opening + template.format(
        noun=noun,
        other=other,
        a_other=f"{'an' if other[0] in 'aeiou' else 'a'} {other}",
        main=_verdict(draw, praise),
        same=_verdict(draw, praise),
        against=_verdict(draw, not praise),
    )


def _verdict(draw: random.Random, praise: bool) -> str:
    negated = draw.random() < 0.4
    words: Sequence[str] = _GOOD if praise != negated else _BAD
    if negated:
        return draw.choice(_NEGATIONS).format(draw.choice(words))
    return draw.choice(_DEGREES) + draw.choice(words)
