"""How a text becomes the tokens a model reads, without torch: training, questions and the preview on Train share it."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Encode = Callable[[str], list[int]]
"""From a text to its tokens, without special ones."""
LINE = 512
"""Tokens on a line of texts that lie end to end, see `tokens.pack`. Attention looks over whole lines: longer ones cost more than
the padding that they save."""
ROUND = 16
"""Lines are filled up to a multiple of it: processors like that, and oneDNN keeps a program for each width that it meets."""


def question(text: NDArray[np.int32], start: NDArray[np.int32], end: int, max_length: int) -> NDArray[np.int32]:
    """What the model of `label_token` reads before it writes the label: the text's tail and EOS, with room for one token more.

    `start` is what the tokenizer puts before a text: nothing for GPT-2, as in the course; a model that has always met its
    start token, as Llama has, needs it.
    """
    room = max(0, max_length - 2 - len(start))
    return np.concatenate([start, _tail(text, room), [end]]).astype(np.int32)[-(max_length - 1) :]


def choose_label_tokens(names: Sequence[str], encode: Encode) -> list[int]:
    """A token for each label in the order of `names`: the first of its own that no other label has; -1 where one must be added."""
    encoded = [encode(name) for name in names]
    ids = []
    for index, own in enumerate(encoded):
        others = {token for other, tokens in enumerate(encoded) if other != index for token in tokens}
        ids.append(next((token for token in own if token not in others), -1))
    return ids


class Frame:
    """The special tokens that a tokenizer puts around one text and between two, found by asking it once.

    `whole` gives the tokens of one text or a pair with all special tokens; `end` stands between a pair where the tokenizer
    itself puts nothing, since the two would read as one text.
    """

    def __init__(self, encode: Encode, whole: Callable[..., list[int]], end: int, pair: bool, has_types: bool) -> None:
        mark = encode("x")
        framed = whole("x", "x") if pair else whole("x")
        first = _find(framed, mark, 0)
        second = _find(framed, mark, first + len(mark)) if pair else len(framed)
        after = second + len(mark) if pair else first + len(mark)
        self.before = np.asarray(framed[:first], dtype=np.int32)
        self.between = np.asarray((framed[first + len(mark) : second] or [end]) if pair else [], dtype=np.int32)
        self.after = np.asarray(framed[after:], dtype=np.int32)
        self.special = len(self.before) + len(self.between) + len(self.after)
        self.has_types = has_types

    def put(self, text: NDArray[np.int32], other: NDArray[np.int32] | None, max_length: int) -> tuple[NDArray[np.int32], int]:
        """The framed tokens, and how many of them belong to the first text: `max_length` at the most.

        Of what is too long the tail is kept; of a pair the longer text gives way first.
        """
        room = max(1, max_length - self.special)
        if other is None:
            row = np.concatenate([self.before, _tail(text, room), self.after])[-max_length:]
            return row, len(row)
        second = min(len(other), max(room // 2, room - len(text)))
        text, other = _tail(text, room - second), _tail(other, second)
        first = np.concatenate([self.before, text, self.between])
        return np.concatenate([first, other, self.after])[-max_length:], min(len(first), max_length)


def _tail(row: NDArray[np.int32], length: int) -> NDArray[np.int32]:
    return row[max(0, len(row) - length) :]


def _find(whole: list[int], part: list[int], start: int) -> int:
    for index in range(start, len(whole) - len(part) + 1):
        if whole[index : index + len(part)] == part:
            return index
    return len(whole)
