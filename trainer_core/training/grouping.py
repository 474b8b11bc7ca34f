"""Batches of texts of similar length, in an order that depends on seed and epoch alone, so that a resumed run goes on exactly."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

_POOL = 50
"""Batches drawn together and sorted by length; larger pools pad less and shuffle less."""


class GroupedSampler(Sampler[int]):
    """Shuffles, cuts into pools of many batches, and sorts each pool by length; then shuffles the batches.

    `epoch` tells which epoch begins. HF's own sampler draws from the global random state and does not resume exactly.
    """

    def __init__(self, lengths: NDArray[np.int64], batch_size: int, seed: int, epoch: Callable[[], int]) -> None:
        self._lengths, self._batch_size, self._seed, self._epoch = lengths, batch_size, seed, epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        draw = np.random.default_rng((self._seed, self._epoch()))
        order = draw.permutation(len(self._lengths))
        pool = self._batch_size * _POOL
        grouped = [part[np.argsort(-self._lengths[part], kind="stable")] for part in np.split(order, range(pool, len(order), pool))]
        batches = [part[start : start + self._batch_size] for part in grouped for start in range(0, len(part), self._batch_size)]
        # Batches that are not full stay last: in the middle they would shift all that follow.
        full = [batch for batch in batches if len(batch) == self._batch_size]
        rest = [batch for batch in batches if len(batch) < self._batch_size]
        shuffled = [full[index] for index in draw.permutation(len(full))]
        yield from (int(index) for batch in [*shuffled, *rest] for index in batch)
