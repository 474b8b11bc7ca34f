"""What a model that calls tools must beat: rules over keywords, with a vocabulary from the training split. No model, no torch.

A text value that training calls asked for is asked for again where a user says it; prices and ratings are read by patterns; what
the last call of the dialogue asked for stays unless it is said anew.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from trainer_core.tasks.chat_measures import Example, examples_in, measure_searches
from trainer_core.tasks.chat_reply import Reply

_DIGITS = {character: number for number, character in enumerate("零一二三四五六七八九")} | {"两": 2}
_NUMBER = r"(\d+(?:\.\d+)?)"
_RANGE = re.compile(_NUMBER + r"(?:元|块)?\s*(?:-|~|—|到|至)\s*" + _NUMBER)
_HUNDREDS = re.compile(r"([一二三四五六七八九])([一二三四五六七八九])百")
_RATED = re.compile(_NUMBER + r"分(?:以上)?|评分[^\d，。]{0,8}" + _NUMBER)
_PRICED = re.compile(_NUMBER + r"\s*(?:元|块)?(以上|以下|以内|之内|左右)?")
_LOW = re.compile(r"以上|高于|超过|不低于|不少于|大于|起|最低|贵")
_HIGH = re.compile(r"以下|以内|之内|低于|不超过|不高于|少于|小于|便宜|最多|最高|低")
_NOT = re.compile(r"不超过|不高于|不低于|不少于")
_AROUND = 7
"""Characters before and behind a number in which a word tells whether it is the least or the most."""


class Keywords:
    """The rules, with the values that the calls in the training dialogues have."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts: dict[str, Counter[str]] = {}
        self._lists: set[str] = set()
        self._names: set[str] = set()
        tools: Counter[str] = Counter()
        for example in examples_in(texts):
            call = example.wanted.call
            if call is None:
                continue
            tools[call[0]] += 1
            for name, value in call[1].items():
                if isinstance(value, list):
                    self._lists.add(name)
                elif isinstance(value, int | float):
                    self._names.add(name)
                for one in value if isinstance(value, list) else [value]:
                    if isinstance(one, str) and len(one) > 1:
                        counts.setdefault(name, Counter())[one] += 1
        self.tool = tools.most_common(1)[0][0] if tools else ""
        self._words = {name: _spoken(found) for name, found in counts.items()}

    def call(self, example: Example) -> dict[str, Any]:
        """The arguments for the turn that is to be written."""
        before = example.dialogue.turns[: example.place]
        last = next((turn.call[1] for turn in reversed(before) if turn.call is not None), {})
        said = next((turn.content for turn in reversed(before) if turn.role == "user"), "")
        arguments: dict[str, Any] = dict(last)
        for name, words in self._words.items():
            found = _find(said, words)
            if found:
                arguments[name] = found if name in self._lists else found[0]
        for name, value in _limits(said).items():
            column = name.partition("_range_")[0]
            if f"{column}_range_lower" in self._names or f"{column}_range_upper" in self._names:
                if not any(key.startswith(f"{column}_range_") and key in _limits(said) for key in arguments):
                    arguments = {key: kept for key, kept in arguments.items() if not key.startswith(f"{column}_range_")}
                arguments[name] = value
        return arguments


def measure_keywords(train: Sequence[str], held_out: Sequence[str]) -> dict[str, float]:
    """`slot_precision`, `slot_recall`, `slot_f1` and `exact_match` of the rules on the held-out calls; {} where there are none."""
    rules = Keywords(train)
    examples = [example for example in examples_in(held_out) if example.wanted.call is not None]
    if not rules.tool or not examples:
        return {}
    said = [Reply("", (rules.tool, rules.call(example))) for example in examples]
    found = measure_searches([example.wanted for example in examples], said)
    return {name: found[name] for name in ("slot_precision", "slot_recall", "slot_f1", "exact_match")}


def _spoken(values: Mapping[str, int]) -> dict[str, str]:
    """How people say each value, longest first: as it is, and a kind such as 舒适型 without its last letter."""
    words = {value: value for value in values}
    words |= {value[:-1]: value for value in values if value.endswith("型") and len(value) > 2}
    return dict(sorted(words.items(), key=lambda item: -len(item[0])))


def _find(said: str, words: Mapping[str, str]) -> list[str]:
    """The values that are said, in order; a word inside a longer one does not count."""
    found: list[tuple[int, str]] = []
    for word, value in words.items():
        place = said.find(word)
        if place >= 0:
            found.append((place, value))
            said = said.replace(word, "\0" * len(word))
    return list(dict.fromkeys(value for _place, value in sorted(found)))


def _limits(said: str) -> dict[str, float]:
    found: dict[str, float] = {}
    text = _HUNDREDS.sub(lambda match: f"{_DIGITS[match[1]]}00-{_DIGITS[match[2]]}00", said)
    for match in _RATED.finditer(text):
        value = float(match[1] or match[2])
        if value > 5:
            continue
        around = text[max(0, match.start() - _AROUND) : match.end() + _AROUND // 2]
        is_high = _HIGH.search(_NOT.sub("", around)) is not None and "不低于" not in around
        if is_high or "不高于" in around or "不超过" in around:
            found["rating_range_upper"] = value
        else:
            found["rating_range_lower"] = value
            if value == 5:
                found["rating_range_upper"] = value
    text = _RATED.sub(lambda match: match[0] if float(match[1] or match[2]) > 5 else "", text)
    ranged = _RANGE.search(text)
    if ranged is not None:
        return found | {"price_range_lower": float(ranged[1]), "price_range_upper": float(ranged[2])}
    for match in _PRICED.finditer(text):
        value = float(match[1])
        if value < 50:
            continue
        before, behind = text[max(0, match.start() - _AROUND) : match.start()], text[match.end(1) : match.end(1) + _AROUND // 2]
        if (
            re.search(r"以下|以内|之内", behind)
            or re.search(r"不超过|不高于|低于(?<!不低于)|少于(?<!不少于)|小于|最高|最多", before)
            or "低" in behind
        ):
            found["price_range_upper"] = value
        elif _LOW.search(behind) or _LOW.search(before):
            found["price_range_lower"] = value
    return found
