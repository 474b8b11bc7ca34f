"""Which rows are empty, short, unlabelled or oddly labelled: asked by the checks, and by the steps that mend it."""

import math
from collections import Counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer_core.data import alike
from trainer_core.data.alike import labels_of

Examples = pd.DataFrame


def empty_rows(examples: Examples) -> NDArray[np.int64]:
    """Positions of rows without a text, or with a picture of one shade."""
    if "image" in examples:
        from trainer_core.data.squares import picture_of

        return np.flatnonzero([np.ptp(picture_of(png)) == 0 for png in examples["image"]])
    columns = [name for name in ("text", "pair") if name in examples]
    missing = np.zeros(len(examples), dtype=bool)
    for name in columns:
        missing |= np.array([not str(value).strip() for value in examples[name].tolist()])
    return np.flatnonzero(missing)


def word_counts(examples: Examples) -> NDArray[np.int64]:
    """Words of each text; a Chinese character counts as one."""
    return np.array([len(alike.words_of(str(text))) for text in examples["text"].tolist()], dtype=np.int64)


def character_counts(examples: Examples) -> NDArray[np.int64]:
    """Characters of each text, both of a pair."""
    lengths = np.array([len(str(text)) for text in examples["text"].tolist()], dtype=np.int64)
    return (
        lengths + np.array([len(str(text)) for text in examples["pair"].tolist()], dtype=np.int64)
        if "pair" in examples
        else lengths
    )


def unlabelled_rows(examples: Examples) -> NDArray[np.int64]:
    """Positions of rows whose label is missing or blank."""
    return np.flatnonzero([not label for label in labels_of(examples)])


def not_numbers(examples: Examples) -> NDArray[np.int64]:
    """Positions of rows with a label that is no finite number."""

    def is_number(label: str) -> bool:
        try:
            return math.isfinite(float(label))
        except ValueError:
            return False

    return np.flatnonzero([bool(label) and not is_number(label) for label in labels_of(examples)])


def label_variants(examples: Examples) -> dict[str, str]:
    """Labels that differ from a commoner one by case or space alone, and that commoner one."""
    ways: dict[str, Counter[str]] = {}
    for label, count in examples["label"].dropna().value_counts(sort=False).items():
        if str(label).strip():
            ways.setdefault(alike.plain(str(label)), Counter())[str(label)] = int(count)
    merged: dict[str, str] = {}
    for counted in ways.values():
        # Of equally common ways the one without space around it, then the first by the alphabet.
        best = min(counted, key=lambda way: (-counted[way], way != way.strip(), way))
        merged |= {way: best.strip() for way in counted if way != best.strip()}
    return merged
