"""Texts as tokens: read once in batches, kept by dataset and tokenizer, padded batch by batch."""

import hashlib
import logging
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer_core.language import gettext as _
from trainer_core.tasks.text_format import ROUND

logger = logging.getLogger("descent.worker")
_AT_ONCE = 2_000
"""Texts tokenised between two lines of progress."""


class Tokens:
    """The tokens of many texts in one array: text `i` is `ids[offsets[i]:offsets[i + 1]]`."""

    def __init__(self, ids: NDArray[np.int32], offsets: NDArray[np.int64]) -> None:
        self.ids, self.offsets = ids, offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray[np.int32]:
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text."""
        return np.diff(self.offsets)


def tokenise(
    texts: Sequence[str], tokenizer: Any, cache: Path | None = None, key: str = "", progress: Callable[[float], None] | None = None
) -> Tokens:
    """The texts as tokens, without special tokens and uncut.

    `key` says which texts they are. With the tokenizer's own digest it names a file in `cache` that answers the next run;
    `progress` is told the share that is done, 0 to 1.
    """
    path = None if cache is None else cache / f"tokens-{key}-{tokenizer_digest(tokenizer)}.npz"
    if path is not None:
        try:
            with np.load(path, allow_pickle=False) as stored:
                return Tokens(stored["ids"], stored["offsets"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass  # not there yet, or cut short: made anew below
    pieces: list[NDArray[np.int32]] = []
    for start in range(0, len(texts), _AT_ONCE):
        pieces += bare_tokens(texts[start : start + _AT_ONCE], tokenizer)
        if progress is not None:
            progress(len(pieces) / len(texts))
        if len(texts) > _AT_ONCE:
            logger.info(_("Tokenised {done:,} of {all:,} texts.").format(done=len(pieces), all=len(texts)))
    offsets = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])]).astype(np.int64)
    tokens = Tokens(np.concatenate(pieces) if pieces else np.zeros(0, np.int32), offsets)
    if path is not None:
        aside = path.with_suffix(f".{os.getpid()}.part.npz")  # two runs may read the same texts at once
        np.savez(aside, ids=tokens.ids, offsets=tokens.offsets)
        aside.replace(path)
    return tokens


def bare_tokens(texts: Sequence[str], tokenizer: Any) -> list[NDArray[np.int32]]:
    """The tokens of each text, uncut and without special ones: what transformers' own call gives, in two thirds of its time."""
    backend = tokenizer.backend_tokenizer
    if backend.truncation is not None:
        backend.no_truncation()
    if backend.padding is not None:
        backend.no_padding()
    return [np.asarray(one.ids, dtype=np.int32) for one in backend.encode_batch_fast(list(texts), add_special_tokens=False)]


def tokenizer_digest(tokenizer: Any) -> str:
    """blake2 of everything that decides its tokens, 16 hexadecimal digits."""
    return hashlib.blake2b(tokenizer.backend_tokenizer.to_str().encode(), digest_size=8).hexdigest()


def pad(rows: Sequence[NDArray[np.int32]], value: int, length: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """int64 ids [rows, longest], filled up at the end with `value`; their mask (1 where a token stands); and where each row
    ends, int64 [rows], as an index into the flattened ids.

    `length` pads to a fixed length in place of the longest row's.
    """
    width = length or max((len(row) for row in rows), default=0)
    ids = np.full((len(rows), width), value, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    ends = np.arange(len(rows)) * width + np.array([len(row) - 1 for row in rows], dtype=np.int64)
    return torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(ends)


def pack(rows: Sequence[NDArray[np.int32]], value: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """The rows end to end on lines of at most `width` tokens, or of one row where that is longer. The longest come first, so that
    those of one length are neighbours: attention takes them together.

    Gives int64 ids [lines, longest], `longest` up to a multiple of ROUND; positions of the same shape, which begin anew with each
    row; and where each row ends, int64 [rows] in the rows' own order, as an index into the flattened ids. Only what a line has left
    over is filled up with `value`.
    """
    lines: list[list[NDArray[np.int32]]] = [[]]
    taken, starts = 0, [(0, 0)] * len(rows)
    for index in sorted(range(len(rows)), key=lambda index: -len(rows[index])):
        row = rows[index]
        if taken and taken + len(row) > width:
            lines.append([])
            taken = 0
        lines[-1].append(row)
        starts[index] = (len(lines) - 1, taken)
        taken += len(row)
    longest = max(sum(len(row) for row in line) for line in lines)
    longest += -longest % ROUND
    ids = np.full((len(lines), longest), value, dtype=np.int64)
    positions = np.zeros((len(lines), longest), dtype=np.int64)
    ends = np.empty(len(rows), dtype=np.int64)
    for index, (row, (line, start)) in enumerate(zip(rows, starts, strict=True)):
        ids[line, start : start + len(row)] = row
        positions[line, start : start + len(row)] = np.arange(len(row))
        ends[index] = line * longest + start + len(row) - 1
    return torch.from_numpy(ids), torch.from_numpy(positions), torch.from_numpy(ends)
