"""Rows that say the same: exactly, up to case and space, or nearly, by the words they share.

Near ones are found by MinHash (Broder 1997) through rensa, and each pair that it suggests is then held to the true share of
words and pairs of words in common (Jaccard), so that none is called alike by chance.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer_core.data.labels import label_text

Progress = Callable[[float], None]
SIMILAR = 0.8
"""The share of words and pairs of words in common from which two texts are called near duplicates."""
_LEAST_WORDS = 5
"""Texts of fewer words are alike too easily."""
_HASHES, _BANDS = 60, 12
_MOST_WORDS = 2_000
# Scripts that put no space between words (Thai, Lao, Tibetan, Burmese, Khmer, Chinese, Japanese), and Korean, whose words are long:
# each sign counts as a word, with the vowels and tones that are written around it. So 5星酒店 is 5, 星, 酒 and 店.
_SPACELESS = (
    r"\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fff\u3005-\u3007\u3021-\u30ff\u3100-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f"
    r"\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_MARKS = "".join(
    sign for code in (*range(0x0E00, 0x10A0), *range(0x1780, 0x1800), *range(0x3000, 0x3100), 0xFF9E, 0xFF9F)
    if unicodedata.category(sign := chr(code))[0] == "M" or code in (0x30FC, 0xFF70, 0xFF9E, 0xFF9F)
)  # fmt: skip
_WORD = re.compile(rf"(?=\w)[{_SPACELESS}][{_MARKS}]*|[^\W{_SPACELESS}]+")


@dataclass(frozen=True)
class Near:
    """Two rows, by position, and the share of words that they have in common, 0 to 1."""

    first: int
    second: int
    similarity: float


def contents(examples: pd.DataFrame) -> NDArray[np.int64]:
    """A number a row, the same for the same content: texts up to case and space, pictures by their pixels. -1: empty."""
    if "image" in examples:
        keys: list[object] = list(examples["image"])
    else:
        keys = [plain(text) for text in examples["text"].tolist()]
        if "pair" in examples:
            keys = [f"{text}\0{plain(pair)}" if text or pair else "" for text, pair in zip(keys, examples["pair"], strict=True)]
    numbers, _values = pd.factorize(pd.Series(keys, dtype=object))
    numbers = numbers.astype(np.int64)
    numbers[[index for index, key in enumerate(keys) if not key]] = -1
    return np.asarray(numbers)


def plain(text: str) -> str:
    """A text without what does not count: case, and space beyond one blank."""
    return " ".join(str(text).split()).casefold()


def words_of(text: str) -> list[str]:
    """Words in small letters; where a script puts no space between them, each of its signs."""
    return _WORD.findall(text.casefold())


def near_pairs(texts: Iterable[str], progress: Progress | None = None) -> list[Near]:
    """Pairs of rows that are nearly alike, each row beside the first it resembles. The result depends on the texts alone."""
    sets: list[set[str]] = []
    kept: list[int] = []
    everything = list(texts)
    for index, text in enumerate(everything):
        words = words_of(text)[:_MOST_WORDS]
        if len(words) >= _LEAST_WORDS:
            kept.append(index)
            sets.append({*words, *(f"{a} {b}" for a, b in pairwise(words))})
        if progress is not None and index % 2_000 == 0:
            progress(0.4 * index / len(everything))
    if len(sets) < 2:
        return []
    from rensa import RMinHash

    hashes = np.array(RMinHash.digest_matrix_from_token_sets([list(one) for one in sets], _HASHES, 1).to_rows(), dtype=np.uint64)
    if progress is not None:
        progress(0.7)
    candidates: set[tuple[int, int]] = set()
    rows = _HASHES // _BANDS
    for band in range(_BANDS):
        part = np.ascontiguousarray(hashes[:, band * rows : (band + 1) * rows])
        bucket, _values = pd.factorize(pd.Series(list(map(bytes, part))))
        order = np.argsort(bucket, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(bucket[order]) > 0])
        for start, end in zip(starts, np.r_[starts[1:], len(order)], strict=True):
            if end - start > 1:
                members = order[start:end]
                # Each with the first and with the one before: enough to join a group, and never quadratic.
                candidates.update((int(members[0]), int(other)) for other in members[1:])
                candidates.update((int(one), int(other)) for one, other in pairwise(members[1:]))
        if progress is not None:
            progress(0.7 + 0.2 * (band + 1) / _BANDS)
    best: dict[int, Near] = {}
    for first, second in sorted(candidates):
        if second in best:
            continue
        common = len(sets[first] & sets[second])
        similarity = common / (len(sets[first]) + len(sets[second]) - common)
        if similarity >= SIMILAR:
            best[second] = Near(kept[first], kept[second], similarity)
    return [best[second] for second in sorted(best)]


def near_examples(examples: pd.DataFrame, progress: Progress | None = None, numbers: NDArray[np.int64] | None = None) -> list[Near]:
    """Nearly alike rows of texts, by position, leaving out those with the same content. [] for pictures."""
    if "image" in examples:
        return []
    numbers = contents(examples) if numbers is None else numbers
    _distinct, first = np.unique(numbers, return_index=True)
    first = np.sort(first[numbers[first] >= 0])
    texts = examples["text"].to_numpy()[first]
    if "pair" in examples:
        pairs = examples["pair"].to_numpy()[first]
        texts = np.array([f"{text} {pair}" for text, pair in zip(texts, pairs, strict=True)], dtype=object)
    return [Near(int(first[one.first]), int(first[one.second]), one.similarity) for one in near_pairs(texts, progress)]


def later_copies(examples: pd.DataFrame, numbers: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Positions of rows whose content and label stand in an earlier row of the same split."""
    numbers = contents(examples) if numbers is None else numbers
    frame = pd.DataFrame({"split": examples["split"].to_numpy(), "content": numbers, "label": labels_of(examples)})
    again = frame.duplicated().to_numpy() & (numbers >= 0)
    return np.flatnonzero(again)


def contradictions(examples: pd.DataFrame, numbers: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Positions of rows whose content stands elsewhere with another label, whatever the split."""
    numbers = contents(examples) if numbers is None else numbers
    frame = pd.DataFrame({"content": numbers, "label": labels_of(examples)})
    frame = frame[(frame["content"] >= 0) & (frame["label"] != "")]
    several = frame.groupby("content")["label"].transform("nunique") > 1
    return np.asarray(frame.index[several].to_numpy(), dtype=np.int64)


def leaks(examples: pd.DataFrame, numbers: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Positions of rows of train whose content stands in validation or test too, and of validation in test: those to take out."""
    numbers = contents(examples) if numbers is None else numbers
    splits = examples["split"].to_numpy()
    in_test = set(numbers[splits == "test"]) - {-1}
    held_out = in_test | (set(numbers[splits == "validation"]) - {-1})
    found = [
        index
        for index, (number, split) in enumerate(zip(numbers, splits, strict=True))
        if (split == "train" and number in held_out) or (split == "validation" and number in in_test)
    ]
    return np.array(found, dtype=np.int64)


def near_copies(examples: pd.DataFrame, found: Iterable[Near]) -> NDArray[np.int64]:
    """Of nearly alike rows of one split with one label the later ones: those to take out."""
    splits, labels = examples["split"].to_numpy(), labels_of(examples)
    later = {one.second for one in found if splits[one.first] == splits[one.second] and labels[one.first] == labels[one.second]}
    return np.array(sorted(later), dtype=np.int64)


def near_leaks(examples: pd.DataFrame, found: Iterable[Near]) -> NDArray[np.int64]:
    """Of nearly alike rows in two splits the one nearer to training: those to take out."""
    rank = {"train": 0, "validation": 1, "test": 2}
    splits = examples["split"].to_numpy()
    taken = {
        min((one.first, one.second), key=lambda row: rank[str(splits[row])])
        for one in found
        if splits[one.first] != splits[one.second]
    }
    return np.array(sorted(taken), dtype=np.int64)


def labels_of(examples: pd.DataFrame) -> list[str]:
    """Each row's label without space around it; empty where there is none."""
    return [label_text(label) for label in examples["label"].tolist()]
