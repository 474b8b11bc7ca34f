"""While the disk is full training goes on, and nothing that was logged is lost once there is room again."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trained import Trained
from trainer_core.config import TrainConfig
from trainer_core.jobs.summon import PROJECT_ROOT
from trainer_core.settings import write_config
from trainer_core.store import Store, is_full, why_not_written, write_atomically
from trainer_core.tracking.journal import read_records

CONFIG = TrainConfig(max_steps=60, save_steps=10, eval_steps=20, logging_steps=1, checkpoints_kept=10, precision="fp32")
JOURNAL = """
import resource, sys
from pathlib import Path
from trainer_core.tracking.journal import Journal
journal = Journal(Path(sys.argv[1]))
for step in range(1, 301):
    if step in (100, 200):
        room = 5_000 if step == 100 else resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    journal.metrics({"train/loss": 1 / step}, step=step, epoch=step / 10, samples=step)
    if step == 150:
        assert journal.is_waiting
        assert not journal.settle(0.0)
assert not journal.is_waiting
"""


def work(store: Store, start: int, end: int) -> tuple[Trained, int, str]:
    """A run of the real worker without room from one step to another: the run, its exit status, what it printed."""
    run_id = "d" * 32
    store.run_folder(run_id).mkdir(parents=True)
    write_config(CONFIG, store.config_file(run_id), write_atomically)
    script = Path(__file__).with_name("short_of_room.py")
    done = subprocess.run(
        [sys.executable, str(script), str(start), str(end), "--store", str(store.root), "--run", run_id],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT), "DESCENT_ROOM_SECONDS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return Trained(store, run_id, done.returncode == 0), done.returncode, done.stdout + done.stderr


def test_records_wait_in_order_and_arrive_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    subprocess.run([sys.executable, "-c", JOURNAL, str(path)], cwd=PROJECT_ROOT, check=True, timeout=60)
    assert [record["step"] for record, _end in read_records(path)] == list(range(1, 301))


def test_a_run_outlasts_a_full_disk(store: Store) -> None:
    run, _status, printed = work(store, 25, 45)
    assert run.finished, printed
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [10, 20, 50, 60]
    assert "the checkpoint of step 30 could not be saved. Training goes on" in printed
    assert [step for step, _loss in run.points("train/loss")] == list(range(1, 61))
    assert run.records()[-1]["state"] == "finished"
    aside = store.checkpoints(run.run_id) / ".writing"
    assert not aside.exists()
    # A supervisor that was asked to stop the run has more patience while it saves.
    assert "saving" in json.loads(store.progress(run.run_id).read_text(encoding="utf-8"))["phases"]


def test_a_disk_that_stays_full_ends_the_run_with_a_sentence(store: Store) -> None:
    run, status, printed = work(store, 25, 1_000)
    assert not run.finished
    # Not even the last word could be written, so the exit status says why.
    assert status == os.EX_IOERR, printed
    assert "The disk is full: the checkpoint of step 60 could not be saved. Mend that, then resume the run" in printed
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [10, 20]


def test_a_folder_with_room_is_not_full(tmp_path: Path) -> None:
    assert not is_full(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "The disk is full"),  # as safetensors says it
        (OSError(errno.EIO, "Input/output error"), "The disk of the store does not answer (Input/output error)"),
        (RuntimeError("Error: Stale file handle"), "The disk of the store does not answer (Stale file handle)"),
        (OSError(errno.EACCES, "Permission denied"), None),
        (RuntimeError("shapes do not fit"), None),
    ],
)
def test_what_the_disk_did_not_take_is_told_from_other_errors(tmp_path: Path, error: Exception, wanted: str | None) -> None:
    assert why_not_written(error, tmp_path) == wanted
