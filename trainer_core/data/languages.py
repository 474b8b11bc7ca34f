"""Which language each text is in, by py3langid (Lui and Baldwin 2012, langid.py), where texts are long enough to tell."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_CHARACTERS = 20
"""Of Latin script; shorter texts are left untold."""
_SURE = 0.9
_MOST = 4_000
_LONGEST = 400


def languages_of(texts: Sequence[str], progress: Callable[[float], None] | None = None) -> NDArray[np.object_]:
    """A code such as `en` or `zh` a text, empty where it is too short or too unclear. Of long texts the start is read."""
    identifier = _identifier()
    found = np.full(len(texts), "", dtype=object)
    for index, text in enumerate(texts):
        if progress is not None and index % 500 == 0:
            progress(index / len(texts))
        head = text[:_LONGEST]
        wide = sum(character > "\u2e7f" for character in head)
        if len(head) + 4 * wide < LEAST_CHARACTERS:
            continue
        code, share = identifier.classify(head)
        if share >= _SURE:
            found[index] = code
    return found


@lru_cache(maxsize=1)
def _identifier() -> Any:
    """The model, which takes a third of a second to read; kept as long as the process."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def sample_rows(rows: int) -> NDArray[np.int64]:
    """The rows that are looked at: all, or some thousand evenly spread, since a language takes a quarter of a millisecond."""
    return np.arange(rows) if rows <= _MOST else np.linspace(0, rows - 1, _MOST).astype(np.int64)
