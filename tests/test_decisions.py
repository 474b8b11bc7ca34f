"""A threshold kept with a checkpoint: what it decides, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from trainer_core.decisions import DECISION, decide, drop_threshold, keep_threshold, read_threshold
from trainer_core.errors import CheckpointError

SHARES = np.array([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]], dtype=np.float32)


def test_without_one_the_likelier_class_wins_and_with_one_the_second_from_there_on() -> None:
    assert decide(SHARES).tolist() == [0, 0, 1]
    assert decide(SHARES, 0.4).tolist() == [0, 1, 1]
    assert decide(SHARES, 0.95).tolist() == [0, 0, 0]
    three = np.array([[0.2, 0.5, 0.3]], dtype=np.float32)
    assert decide(three, 0.9).tolist() == [1]


def test_it_is_kept_beside_the_weights_and_let_go(tmp_path: Path) -> None:
    assert read_threshold(tmp_path) is None
    keep_threshold(tmp_path, 0.37)
    assert read_threshold(tmp_path) == 0.37
    drop_threshold(tmp_path)
    drop_threshold(tmp_path)
    assert read_threshold(tmp_path) is None


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_what_is_no_probability_is_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(CheckpointError, match="from 0 to 1"):
        keep_threshold(tmp_path, value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "{", "[]", '{"threshold": "x"}', '{"threshold": 7}', '{"threshold": null}'])
def test_a_damaged_file_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / DECISION).write_text(content, encoding="utf-8")
    assert read_threshold(tmp_path) is None


def test_a_checkpoint_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="could not be kept"):
        keep_threshold(tmp_path / "gone", 0.5)
