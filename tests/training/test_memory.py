"""A run whose memory runs out goes on with a smaller batch, to the result that it was launched for."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.trained import Train, Trained
from trainer_core.batch_in_force import halve, read_smaller
from trainer_core.config import TrainConfig
from trainer_core.jobs.summon import PROJECT_ROOT
from trainer_core.settings import read_config, write_config
from trainer_core.store import Store, write_atomically
from trainer_core.training.memory import memory_that_ran_out

SCRIPT = Path(__file__).with_name("short_of_memory.py")
CONFIG = TrainConfig(epochs=2, batch_size=48, save_steps=2, logging_steps=1, max_steps=6, precision="fp32", dropout=0.0)


def work(store: Store, config: TrainConfig, *short: str) -> tuple[Trained, str]:
    """Runs the worker's process on a new run; gives the run and what it printed."""
    run_id = "b" * 32
    store.run_folder(run_id).mkdir(parents=True)
    write_config(config, store.config_file(run_id), write_atomically)
    command = [sys.executable, str(SCRIPT), *short, "--store", str(store.root), "--run", run_id]
    done = subprocess.run(
        command,
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return Trained(store, run_id, done.returncode == 0), done.stdout + done.stderr


def outcome(run: Trained) -> tuple[str, str]:
    last = run.records()[-1]
    return last["state"], last["reason"]


def test_a_step_that_a_gpu_refuses_is_done_in_parts(store: Store, train_run: Train) -> None:
    run, printed = work(store, CONFIG, "--gpu-batch", "16")
    assert run.finished, printed
    made = read_smaller(store, run.run_id)
    # From 48 to 24 and 12, each time from the checkpoint at step 2, the last before the step that failed.
    assert [(entry.batch_size, entry.accumulation_steps, entry.step, entry.memory) for entry in made] == [
        (24, 2, 2, "gpu"),
        (12, 4, 2, "gpu"),
    ]
    assert read_config(store.config_file(run.run_id)) == CONFIG  # what was launched never changes
    assert [record["from_step"] for record in run.records() if record["kind"] == "restart"] == [2, 2]
    whole = train_run(CONFIG)
    restarted = max(index for index, record in enumerate(run.records()) if record["kind"] == "restart")
    standing = [*(run.points("train/loss")[:2]), *(point for point in after(run, restarted))]
    assert [step for step, _loss in standing] == [1, 2, 3, 4, 5, 6]
    for (_step, loss), (_same, other) in zip(standing, whole.points("train/loss"), strict=True):
        assert loss == pytest.approx(other, rel=1e-5)
    assert "Going on from step 2 with a batch of 12, 4 times a step" in printed


def after(run: Trained, index: int) -> list[tuple[int, float]]:
    records = [record for record in run.records()[index:] if record["kind"] == "metrics"]
    return [(record["step"], float(record["values"]["train/loss"])) for record in records if "train/loss" in record["values"]]


def test_a_real_limit_of_memory_is_met_with_a_smaller_batch(store: Store) -> None:
    # A batch of 1,024 takes some 32 MB for each of the values that layers this wide keep, one of 128 a few.
    wide = CONFIG.model_copy(update={"batch_size": 1024, "hidden_sizes": (8192, 64), "max_steps": 2, "eval_batch_size": 64})
    run, printed = work(store, wide, "--limit-mb", "60")
    assert run.finished, printed
    made = read_smaller(store, run.run_id)
    assert made, printed
    assert all(entry.memory == "machine" for entry in made)
    assert made[-1].batch_size * made[-1].accumulation_steps == 1024
    assert 8 <= made[-1].batch_size <= 512


def test_at_a_batch_of_one_it_ends_with_a_sentence(store: Store) -> None:
    run, printed = work(store, CONFIG.model_copy(update={"batch_size": 2}), "--gpu-batch", "0")
    assert not run.finished
    assert outcome(run) == (
        "failed",
        "The GPU's memory ran out with 1 example at a time. Close what else needs memory, or take a smaller model, shorter texts "
        "(max_length), LoRA or activation checkpointing.",
    ), printed


@pytest.mark.parametrize(
    ("before", "after_it"), [((16, 1), (8, 2)), ((9, 1), (3, 3)), ((7, 2), (2, 7)), ((31, 1), (1, 31)), ((3, 4), (1, 12))]
)
def test_the_examples_of_a_step_stay_the_same(before: tuple[int, int], after_it: tuple[int, int]) -> None:
    assert halve(*before) == after_it


@pytest.mark.parametrize(
    ("error", "whose"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), "gpu"),
        (RuntimeError("CUDA error: out of memory"), "gpu"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "gpu"),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), "gpu"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."), "machine"),
        (MemoryError(), "machine"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "machine"),
        (RuntimeError("CUDA error: device-side assert triggered"), None),
        (ValueError("out of memory"), None),
    ],
)
def test_memory_that_ran_out_is_told_from_other_errors(error: Exception, whose: str | None) -> None:
    assert memory_that_ran_out(error) == whose
