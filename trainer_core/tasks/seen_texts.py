"""What the page Train shows of texts before anything is launched, as plain data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SeenText:
    """One example as the model sees it. `pieces` are the tokens' texts in order; `learned` says which one it learns to write
    (None for a classifier, whose head learns `label`); `cut` is how many tokens were dropped at the start."""

    text: str
    pair: str | None
    label: str
    pieces: tuple[str, ...]
    learned: int | None
    cut: int
    written: tuple[bool, ...] = ()
    """Of a dialogue: for each token whether it is learned; () for other texts."""


@dataclass(frozen=True)
class TextPreview:
    """Examples of the training split, and how long its texts are: `lengths` in tokens, of which `room` fit beside the special
    ones; `cut_share` is the part that is cut, 0 to 1; `vocabulary` counts the tokens, those added for labels among them."""

    examples: tuple[SeenText, ...]
    lengths: NDArray[np.int64]
    room: int
    cut_share: float
    vocabulary: int
    parts: float = 1.0
    """Training examples that a row makes, on the average: of dialogues that are long more than one."""
    note: str = ""
    """A sentence on how dialogues are read, empty for other texts."""
