"""The own sampler: every row once an epoch, the same order for the same seed and epoch, and less padding."""

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer_core.training.grouping import GroupedSampler

BATCH = 8


def _order(lengths: NDArray[np.int64], seed: int = 1, epoch: int = 0, batch: int = BATCH) -> list[int]:
    return list(GroupedSampler(lengths, batch, seed, lambda: epoch))


def _padding(lengths: NDArray[np.int64], order: list[int]) -> int:
    batches = [lengths[order[start : start + BATCH]] for start in range(0, len(order), BATCH)]
    return int(sum((batch.max() - batch).sum() for batch in batches))


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 400, 401, 1_003])
def test_every_row_comes_once(rows: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 60, rows)
    assert sorted(_order(lengths)) == list(range(rows))
    assert len(GroupedSampler(lengths, BATCH, 1, lambda: 0)) == rows


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 500)
    first = _order(lengths)
    np.random.seed(123)
    np.random.random(10)
    assert _order(lengths) == first
    assert _order(lengths, epoch=1) != first
    assert _order(lengths, seed=2) != first
    sampler = GroupedSampler(lengths, BATCH, 1, iter([0, 1, 0]).__next__)
    assert [list(sampler) for _epoch in range(3)] == [first, _order(lengths, epoch=1), first]


def test_there_is_less_padding_than_in_a_plain_shuffle() -> None:
    draw = np.random.default_rng(0)
    lengths = draw.integers(1, 60, 2_000)
    shuffled = draw.permutation(2_000).tolist()
    assert _padding(lengths, _order(lengths)) < 0.2 * _padding(lengths, shuffled)


def test_long_and_short_batches_are_mixed_over_the_epoch() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 2_000)
    order = _order(lengths)
    halves = [float(lengths[part].mean()) for part in (order[:1_000], order[1_000:])]
    assert halves[0] == pytest.approx(halves[1], rel=0.15)


def test_only_the_last_batch_is_not_full() -> None:
    lengths = np.arange(401)
    order = _order(lengths)
    # Were the odd row in the middle, batches would hold rows of two groups.
    spreads = [np.ptp(lengths[order[start : start + BATCH]]) for start in range(0, 400, BATCH)]
    assert max(spreads) < 60
