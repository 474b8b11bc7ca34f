"""Texts are tokenised once: the cache answers by dataset and tokenizer, and a damaged one is made anew."""

from pathlib import Path

import numpy as np
import pytest

from trainer_core.tasks import tokens
from trainer_core.tasks.text_models import train_tokenizer
from trainer_core.tasks.tokens import Tokens, pack, pad, tokenise

TEXTS = ["The plot was dull.", "fine", "好看 😀"]


def _rows(found: Tokens) -> list[list[int]]:
    return [found[row].tolist() for row in range(len(found))]


def test_the_second_time_the_cache_answers(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(TEXTS, 300)
    first = tokenise(TEXTS, tokenizer, tmp_path, "reviews-train")
    assert len(list(tmp_path.glob("tokens-*.npz"))) == 1
    # Other texts under the same key: only a cache would answer as before.
    again = tokenise(["nothing"] * 3, tokenizer, tmp_path, "reviews-train")
    assert _rows(again) == _rows(first)
    assert first.lengths.tolist() == [len(row) for row in _rows(first)]


def test_another_dataset_or_tokenizer_is_tokenised_anew(tmp_path: Path) -> None:
    first, other = train_tokenizer(TEXTS, 300), train_tokenizer(TEXTS[:1], 290)
    tokenise(TEXTS, first, tmp_path, "a-train")
    assert _rows(tokenise(["fine"], first, tmp_path, "b-train")) == _rows(tokenise(["fine"], first))
    assert _rows(tokenise(TEXTS, other, tmp_path, "a-train")) == _rows(tokenise(TEXTS, other))
    other.add_tokens(["<label:fine>"], special_tokens=True)
    tokenise(TEXTS, other, tmp_path, "a-train")
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("damage", ["emptied", "cut", "other"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, damage: str) -> None:
    tokenizer = train_tokenizer(TEXTS, 300)
    first = tokenise(TEXTS, tokenizer, tmp_path, "a")
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    path.write_bytes({"emptied": b"", "cut": content[: len(content) // 2], "other": b"no such file"}[damage])
    assert _rows(tokenise(TEXTS, tokenizer, tmp_path, "a")) == _rows(first)


def test_progress_is_told_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_AT_ONCE", 2)
    told: list[float] = []
    found = tokenise(TEXTS, train_tokenizer(TEXTS, 300), progress=told.append)
    assert told == [2 / 3, 1.0]
    assert len(found) == 3


def test_rows_are_padded_at_the_end_and_masked() -> None:
    rows = [np.array([5, 6, 7], dtype=np.int32), np.array([8], dtype=np.int32)]
    ids, mask, ends = pad(rows, 1)
    assert (ids.tolist(), mask.tolist(), ends.tolist()) == ([[5, 6, 7], [8, 1, 1]], [[1, 1, 1], [1, 0, 0]], [2, 3])
    assert pad(rows, 1, length=4)[0].shape == (2, 4)


def test_rows_lie_end_to_end_on_lines_of_a_width() -> None:
    rows = [
        np.arange(10 * start, 10 * start + length, dtype=np.int32) for start, length in ((1, 3), (2, 2), (3, 1), (4, 6), (5, 2))
    ]
    ids, positions, ends = pack(rows, 0, 5)
    assert ids.shape == positions.shape == (3, 16)
    assert ids[:, :6].tolist() == [[40, 41, 42, 43, 44, 45], [10, 11, 12, 20, 21, 0], [50, 51, 30, 0, 0, 0]]
    assert positions[:, :6].tolist() == [[0, 1, 2, 3, 4, 5], [0, 1, 2, 0, 1, 0], [0, 1, 0, 0, 0, 0]]
    assert not ids[:, 6:].any()
    assert not positions[:, 6:].any()
    assert ids.flatten()[ends].tolist() == [12, 21, 30, 45, 51]
