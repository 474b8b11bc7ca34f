"""How well a chat model does: the slots of its searches, and its answers beside those that were wanted. Without torch."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer_core.data.dialogues import Call, Dialogue, Turn, from_text, records_of
from trainer_core.tasks.chat_reply import Reply

Slots = set[tuple[str, str]]


@dataclass(frozen=True)
class Example:
    """One turn that a model is to write: the dialogue, the turn's place in it, and the split's row."""

    dialogue: Dialogue
    place: int
    row: int

    @property
    def wanted(self) -> Turn:
        """The turn as it stands in the data."""
        return self.dialogue.turns[self.place]


def examples_in(texts: Sequence[str], most: int | None = None) -> list[Example]:
    """The learned turns of a split's dialogues, see `dialogues.as_text`; of more than `most`, evenly spread ones."""
    found = []
    for row, text in enumerate(texts):
        dialogue = from_text(text)
        found += [Example(dialogue, place, row) for place in dialogue.learned]
    if most is None or len(found) <= most:
        return found
    return [found[number * len(found) // most] for number in range(most)]


def slots_of(call: Call | None) -> Slots:
    """What a call asks for, each element of a list a slot of its own, as the course counts."""
    found: Slots = set()
    for name, value in (call[1] if call is not None else {}).items():
        for one in value if isinstance(value, list) else [value]:
            is_number = isinstance(one, int | float) and not isinstance(one, bool)
            written = repr(float(one)) if is_number and abs(one) < 1e300 else json.dumps(one, ensure_ascii=False, sort_keys=True)
            found.add((str(name), written))
    return found


def measure_searches(wanted: Sequence[Turn], said: Sequence[Reply]) -> dict[str, float]:
    """Figures of the turns where a call is wanted or was written; {} where neither is.

    `slot_precision`, `slot_recall` and `slot_f1` count the slots of all wanted calls together; `exact_match` is the share of them
    that is met entirely; `valid_json` the share of all written calls that can be read.
    """
    right = asked = there = exact = calls = 0
    written = readable = 0
    for turn, reply in zip(wanted, said, strict=True):
        is_call = reply.call is not None or bool(reply.broken)
        written += is_call
        readable += reply.call is not None
        if turn.call is None:
            continue
        calls += 1
        want = slots_of(turn.call)
        got = slots_of(reply.call) if reply.call is not None and reply.call[0] == turn.call[0] else set()
        right, asked, there = right + len(want & got), asked + len(got), there + len(want)
        exact += got == want and reply.call is not None
    if not calls:
        return {}
    precision, recall = right / max(1, asked), right / max(1, there)
    return {
        "slot_precision": precision,
        "slot_recall": recall,
        "slot_f1": 2 * precision * recall / max(1e-12, precision + recall),
        "exact_match": exact / calls,
        # A model that writes none has none that is wrong, and is none the better for it.
        "valid_json": readable / written if written else 0.0,
    }


def measure_answers(wanted: Sequence[Turn], said: Sequence[Reply]) -> dict[str, float]:
    """`bleu4` of the answers in words: BLEU up to four characters in a row, smoothed by method 3, the mean over the answers.

    Source: Papineni et al. 2002; smoothing: Chen and Cherry 2014. A call where an answer is wanted counts as nothing.
    """
    pairs = [(turn.content, reply.content) for turn, reply in zip(wanted, said, strict=True) if turn.call is None]
    if not pairs:
        return {}
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    smoothing = SmoothingFunction().method3
    scores = [
        float(sentence_bleu([list(want)], list(answer), smoothing_function=smoothing)) if want and answer else 0.0
        for want, answer in pairs
    ]
    return {"bleu4": sum(scores) / len(scores)}


def measure_names(examples: Sequence[Example], said: Sequence[Reply], names: Iterable[str]) -> dict[str, float]:
    """`names_returned`: of the names in the answers, the share that a tool gave in the same dialogue; {} where none is named.

    `names` are all that are known, see `names_in`. A name within a longer one that stands there too does not count.
    """
    known = [name for name in names if len(name) > 1]
    if not known:
        return {}
    pattern = re.compile("|".join(re.escape(name) for name in sorted(known, key=len, reverse=True)))
    named = met = 0
    for example, reply in zip(examples, said, strict=True):
        if reply.call is not None or reply.broken:
            continue
        before = example.dialogue.turns[: example.place]
        given = {name for turn in before if turn.role == "tool" for name in _names(records_of(turn))}
        # What the user named may be repeated.
        told = " ".join(turn.content for turn in before if turn.role == "user")
        for name in set(pattern.findall(reply.content)):
            named += 1
            met += name in given or name in told
    return {"names_returned": met / named} if named else {}


def names_in(texts: Iterable[str]) -> set[str]:
    """The names in all records of the dialogues."""
    return {name for text in texts for turn in from_text(text).turns if turn.role == "tool" for name in _names(records_of(turn))}


def _names(records: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(record["name"]) for record in records if record.get("name")]
