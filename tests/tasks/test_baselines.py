"""The baselines a network has to beat."""

from pathlib import Path

import pytest

from trainer_core.config import TrainConfig
from trainer_core.data import load_data
from trainer_core.store import write_atomically
from trainer_core.tasks.baselines import compute_baselines


def test_digits_baselines_are_computed_once_and_then_read(tmp_path: Path) -> None:
    data = load_data(TrainConfig())
    found = list(compute_baselines(data, "validation", 0.305, 0.376, tmp_path, write_atomically))
    assert found[0]["majority/accuracy"] == pytest.approx(0.1, abs=0.01)
    assert 0.93 < found[1]["logistic_regression/accuracy"] < 0.99
    assert 0.93 < found[1]["logistic_regression/f1_macro"] < 0.99
    (stored,) = compute_baselines(data, "validation", 0.305, 0.376, tmp_path, write_atomically)
    assert stored == found[0] | found[1]
    assert len(list(compute_baselines(data, "test", 0.305, 0.376, tmp_path, write_atomically))) == 2
