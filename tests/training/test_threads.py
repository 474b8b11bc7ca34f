"""One thread for small steps, all of them for large ones, and the same number each time."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny_texts import save_model, tiny, write_reviews
from trainer_core.config import TrainConfig
from trainer_core.data import load_data
from trainer_core.tasks.preparing import prepare_task
from trainer_core.training.threads import FEW, choose_threads, count_flops


def flops(config: TrainConfig, folder: Path) -> float:
    torch.manual_seed(3)
    task = prepare_task(config, load_data(config, folder), folder)
    state = torch.get_rng_state()
    found = count_flops(task, config)
    assert torch.equal(state, torch.get_rng_state())
    return found


def test_operations_are_two_for_each_weight_and_example(tmp_path: Path) -> None:
    config = TrainConfig(hidden_sizes=(32, 16), batch_size=64)
    assert flops(config, tmp_path) == 2 * (64 * 32 + 32 * 16 + 16 * 10) * 64
    assert flops(config.model_copy(update={"batch_size": 128}), tmp_path) == 2 * (64 * 32 + 32 * 16 + 16 * 10) * 128


def test_a_convolution_counts_at_each_place(tmp_path: Path) -> None:
    config = TrainConfig(model="cnn", channels=(4,), batch_size=10)
    convolution, last = 9 * 4 * 8 * 8, 4 * 4 * 4 * 10
    assert flops(config, tmp_path) == 2 * (convolution + last) * 10


@pytest.mark.parametrize("changes", [{"task": "label_token"}, {"task": "sequence_classification"}])
def test_texts_count_by_their_tokens(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = write_reviews(tmp_path / "reviews")
    config = tiny(folder, model=str(save_model("gpt2", tmp_path / "gpt2")), **changes)
    whole = flops(config, tmp_path)
    short = flops(config.model_copy(update={"max_length": 8}), tmp_path)
    assert 0 < short < whole


def test_the_number_depends_on_the_operations_alone() -> None:
    assert [choose_threads(count, 8) for count in (0, FEW - 1, FEW, 10 * FEW)] == [1, 1, 8, 8]
    assert choose_threads(10 * FEW, 1) == 1
