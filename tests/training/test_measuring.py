"""A dry run does real steps, an evaluation and a checkpoint, and reckons the run from them."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from tests.tiny_texts import tiny, write_reviews
from trainer_core.config import TrainConfig
from trainer_core.errors import ModelError
from trainer_core.foreseen import Foreseen
from trainer_core.jobs.summon import PROJECT_ROOT
from trainer_core.store import Store
from trainer_core.training import measuring
from trainer_core.training.measuring import count_events, mean_range, measure
from trainer_core.training.trainer import DescentTrainer

SMALL = TrainConfig(hidden_sizes=(32,), batch_size=64, epochs=3, precision="fp32")


def dry_run(store: Store, config: TrainConfig, folder: Path, *, spare: bool = False) -> Foreseen:
    told: list[float] = []
    found = measure(store, config, folder / "run", 1e12, lambda share, _what: told.append(share), beside=False, spare=spare)
    assert told == sorted(told)
    return found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (3, 3, 3)),
        ({"eval_steps": 10}, (6, 3, 6)),
        ({"save_steps": 7}, (3, 9, 11)),
        ({"eval_steps": 10, "save_steps": 10, "max_steps": 25}, (3, 3, 3)),
    ],
)
def test_evaluations_and_checkpoints_are_counted_as_the_run_makes_them(
    changes: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    config = SMALL.model_copy(update=changes)
    assert count_events(config, config.max_steps or 60, 20) == expected


def test_where_a_worker_waits_its_imports_are_not_likely_to_be_needed(store: Store, tmp_path: Path) -> None:
    cold, warm = (dry_run(store, SMALL, tmp_path / str(spare), spare=spare) for spare in (False, True))
    assert cold.seconds is not None
    assert warm.seconds is not None
    process = time.time() - psutil.Process().create_time()  # what a new one would need is taken to be this one's age
    assert cold.seconds[1] > process / 2 > 0
    assert warm.seconds[1] < cold.seconds[1]
    assert warm.seconds[2] - warm.seconds[1] > process / 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="what is foreseen is the GPU's memory")
def test_memory_that_baselines_take_beside_training_is_counted(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rehearse(*_given: object) -> None:
        taken = b"x" * 400_000_000
        time.sleep(0.5)
        assert taken

    monkeypatch.setattr(measuring, "rehearse_baselines", lambda *_given: None)
    without = dry_run(store, SMALL, tmp_path / "without").peak_bytes
    monkeypatch.setattr(measuring, "rehearse_baselines", rehearse)
    # This process has seen its peak: what comes on top is the baselines'.
    assert dry_run(store, SMALL, tmp_path / "with").peak_bytes[2] - without[2] == pytest.approx(400_000_000, rel=0.2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="what is foreseen is the GPU's memory")
def test_baselines_that_fail_end_no_dry_run(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_given: object) -> None:
        raise ValueError("empty vocabulary; perhaps the documents only contain stop words")

    def too_large(*_given: object) -> None:
        raise MemoryError

    monkeypatch.setattr(measuring, "rehearse_baselines", fail)
    assert not dry_run(store, SMALL, tmp_path / "failed").is_tight
    monkeypatch.setattr(measuring, "rehearse_baselines", too_large)
    found = dry_run(store, SMALL, tmp_path / "large")
    assert found.fits
    assert found.is_tight


def test_the_mean_lies_in_its_range_which_narrows_with_more_steps() -> None:
    few, many = mean_range([0.1, 0.2, 0.3]), mean_range([0.1, 0.2, 0.3] * 30)
    assert few[1] == pytest.approx(0.2)
    assert many[1] == pytest.approx(0.2)
    assert few[0] < few[1] < few[2]
    assert many[2] - many[0] < (few[2] - few[0]) / 3
    assert mean_range([0.2]) == (0.2, 0.2, 0.2)


def test_the_range_holds_what_comes_nine_times_in_ten_on_a_machine_that_is_slower_at_times() -> None:
    draws = np.random.default_rng(0)
    held = 0
    for _turn in range(300):
        # Of each half second the steps are as fast as the machine then was.
        speeds = np.repeat(draws.normal(1.0, 0.1, size=18), 20)
        steps = draws.normal(0.03, 0.004, size=360) * speeds
        low, _likely, high = mean_range(steps[:300].tolist())
        held += low <= steps[300:].mean() <= high
    assert 0.85 < held / 300 < 0.95


@pytest.mark.skipif(sys.platform != "linux", reason="other systems limit no process's memory")
def test_a_model_that_is_larger_than_memory_is_told_before_it_is_loaded(store: Store, tmp_path: Path) -> None:
    config = SMALL.model_copy(update={"hidden_sizes": (40_000, 40_000)})  # 6.4 GB of weights
    code = f"""
import sys
from pathlib import Path
from trainer_core.settings import build_config
from trainer_core.store import open_store
from trainer_core.training.measuring import measure
config = build_config({config.model_dump(mode="json")!r})
store, home = open_store({str(store.root)!r}), Path({str(tmp_path / "run")!r})
found = measure(store, config, home, 1e9, lambda *_told: None, beside=False, spare=False)
print(found.fits, found.steps, found.available)
"""
    # A process of its own: the limit stays for as long as it lives.
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT_ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.stdout.split() == ["False", "0", "1000000000.0"]


def test_figures_are_ranges_of_the_run_s_own_steps(store: Store, tmp_path: Path) -> None:
    found = dry_run(store, SMALL, tmp_path)
    assert found.fits
    assert (found.total_steps, found.evaluations, found.checkpoints) == (60, 3, (3, 3))
    assert found.steps == 58  # all of them: the run is shorter than what is measured, and two do not count
    assert found.seconds is not None
    assert 0 < found.seconds[0] <= found.seconds[1] <= found.seconds[2]
    assert found.samples_per_second is not None
    assert 0 < found.samples_per_second[0] <= found.samples_per_second[1] <= found.samples_per_second[2]
    assert found.disk_bytes is not None
    weights = 4 * (64 * 32 + 32 + 32 * 10 + 10)
    assert found.disk_bytes[0] > 2 * 3 * weights  # two checkpoints, with Adam's state
    assert 1e8 < found.peak_bytes[0] <= found.peak_bytes[2]


def test_weights_that_do_not_fit_while_they_are_read_are_no_fault_of_the_model(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_others: Any) -> None:
        try:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory")
        except RuntimeError as error:
            raise ModelError("gpt2-xl can't be loaded.") from error

    monkeypatch.setattr(measuring, "build", read)
    found = dry_run(store, SMALL, tmp_path)
    assert not found.fits
    assert found.peak_bytes[0] >= found.available


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_run_of_few_steps_is_foreseen_from_all_of_them(store: Store, tmp_path: Path, steps: int) -> None:
    found = dry_run(store, SMALL.model_copy(update={"max_steps": steps}), tmp_path)
    assert found.samples_per_second is not None
    assert found.samples_per_second[0] > 0
    assert found.steps == max(0, steps - 2)


def test_texts_are_tried_at_their_longest_and_nothing_is_left_but_tokens(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(write_reviews(tmp_path / "reviews"), task="label_token", padding="longest", max_length=30)
    widths: list[int] = []
    step = DescentTrainer.training_step

    def spy(self: DescentTrainer, model: Any, inputs: Any, *rest: Any) -> torch.Tensor:
        widths.append(inputs["input_ids"].shape[1])
        return step(self, model, inputs, *rest)

    monkeypatch.setattr(DescentTrainer, "training_step", spy)
    found = dry_run(store, config, tmp_path)
    assert found.fits
    assert widths[-1] == max(widths)
    assert len(widths) == found.steps + measuring.FIRST + 1
    assert list(store.artifacts.iterdir()) == []
    assert list(store.journals.iterdir()) == []
    assert list(store.cache.glob("tokens-*"))


def test_memory_that_runs_out_is_told_with_how_far_it_got(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = DescentTrainer.training_step

    def fail(self: DescentTrainer, *arguments: Any) -> torch.Tensor:
        if self.state.global_step >= 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return step(self, *arguments)

    monkeypatch.setattr(DescentTrainer, "training_step", fail)
    found = dry_run(store, SMALL, tmp_path)
    assert not found.fits
    assert found.is_tight
    assert (found.seconds, found.steps, found.total_steps) == (None, 3, 60)
    assert found.peak_bytes[0] > 0
