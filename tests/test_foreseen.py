"""What a dry run foresaw is kept by settings, read back as written, and what takes less memory is offered in order."""

from dataclasses import replace

import pytest

from trainer_core.config import TrainConfig
from trainer_core.foreseen import Foreseen, format_foreseen, parse_foreseen, read_foreseen, remedies, write_foreseen
from trainer_core.store import Store

FOUND = Foreseen(
    fits=True,
    steps=40,
    total_steps=1_000,
    evaluations=5,
    checkpoints=(5, 7),
    samples_per_second=(10.0, 11.0, 12.0),
    seconds=(90.0, 100.0, 110.0),
    peak_bytes=(2e9, 2.5e9, 2.5e9),
    disk_bytes=(1e9, 2e9, 3e9),
    available=4e9,
)
TEXT = TrainConfig(task="label_token", dataset="reviews", model="gpt2", batch_size=16)


def test_it_is_read_back_as_written_and_damaged_text_is_nothing() -> None:
    short = replace(FOUND, fits=False, samples_per_second=None, seconds=None, disk_bytes=None)
    assert parse_foreseen(format_foreseen(FOUND)) == FOUND
    assert parse_foreseen(format_foreseen(short)) == short
    for text in ("", "{", "[]", "null", "{}", format_foreseen(FOUND).replace("[10.0", '["x"')):
        assert parse_foreseen(text) is None


def test_it_is_kept_for_the_settings_whatever_the_run_is_called(store: Store) -> None:
    write_foreseen(store, TEXT, FOUND)
    assert read_foreseen(store, TEXT.model_copy(update={"name": "bold-heron-7", "experiment": "mine"})) == FOUND
    assert read_foreseen(store, TEXT.model_copy(update={"learning_rate": 0.5})) is None


@pytest.mark.parametrize(("peak", "fits", "tight"), [(3e9, True, False), (3.7e9, True, True), (1e9, False, True)])
def test_what_comes_near_the_memory_left_is_tight(peak: float, fits: bool, tight: bool) -> None:
    assert replace(FOUND, peak_bytes=(1e9, peak, peak), fits=fits).is_tight == tight


def test_the_gentlest_remedy_comes_first_and_none_is_offered_twice() -> None:
    exact = TEXT.model_copy(update={"precision": "fp32"})
    offered = [dict(remedy.changes) for remedy in remedies(exact, on_gpu=True)]
    assert offered == [
        {"batch_size": 8, "accumulation_steps": 2},
        {"eval_batch_size": 16},
        {"activation_checkpointing": "on"},
        {"precision": "bf16"},
        {"adapter": "lora"},
    ]
    everything = {name: value for changes in offered for name, value in changes.items()}
    once = TEXT.model_copy(update=everything | {"batch_size": 1, "eval_batch_size": 1, "accumulation_steps": 16})
    assert remedies(once, on_gpu=True) == []
    for config, on_gpu in ((exact, False), (TEXT, True)):  # a GPU that has bf16 takes it by itself
        assert {"precision": "bf16"} not in [dict(remedy.changes) for remedy in remedies(config, on_gpu)]
    assert [dict(remedy.changes) for remedy in remedies(TrainConfig(batch_size=1, eval_batch_size=1), on_gpu=False)] == []
