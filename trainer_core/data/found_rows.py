"""Rows of a dataset as a finding shows them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from trainer_core.data.findings import SHOWN_ROWS, FoundRow

SHOWN_CHARACTERS = 400


def shown(examples: pd.DataFrame, rows: Any, notes: Sequence[str] = ()) -> tuple[FoundRow, ...]:
    """Some of the rows at these positions, as they are shown."""
    chosen = examples.iloc[np.asarray(rows[:SHOWN_ROWS], dtype=np.int64)]
    told = [*notes, *[""] * (len(chosen) - len(notes))]
    texts = texts_of(chosen)
    return tuple(
        FoundRow(int(row), str(split), "" if label is None or label != label else str(label), text, note)
        for row, split, label, text, note in zip(chosen["row"], chosen["split"], chosen["label"], texts, told, strict=True)
    )


def texts_of(chosen: pd.DataFrame) -> list[str]:
    """The texts of rows as they are shown, cut where they are long; empty for pictures."""
    if "text" not in chosen:
        return [""] * len(chosen)
    texts = [str(text)[:SHOWN_CHARACTERS] for text in chosen["text"]]
    if "pair" in chosen:
        texts = [f"{text} ‖ {str(pair)[:SHOWN_CHARACTERS]}" for text, pair in zip(texts, chosen["pair"], strict=True)]
    return texts
