"""Work on datasets in a process of its own: it answers, fails with a sentence, and ends when it is called off."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.tiny_texts import write_reviews
from trainer_core.data import library
from trainer_core.errors import DataError
from trainer_core.jobs.data_work import cancel_work, look_at_work, start_work, wait_for_work
from trainer_core.store import Store


def processes_of(folder: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter(["cmdline"]) if str(folder) in (process.info["cmdline"] or [])]


def test_a_source_is_looked_at_saved_fixed_and_undone(store: Store, tmp_path: Path) -> None:
    source = str(write_reviews(tmp_path / "reviews", train=40, held_out=10))
    look = wait_for_work(start_work(store, {"do": "look", "source": source}))
    assert look["reading"]["label_column"] == "label"
    assert look["rows"] == {"train": 40, "validation": 10, "test": 10}
    assert look["problems"] == {}
    saved = wait_for_work(start_work(store, {"do": "save", "source": source, "reading": look["reading"], "name": look["name"]}))
    assert saved["reference"] == "reviews@1"
    step = {"do": "drop_rows", "options": {"rows": [0]}}
    fixed = wait_for_work(start_work(store, {"do": "fix", "reference": "reviews@1", "step": step}))
    assert fixed["inspection"]["rows"]["train"] == 39
    with pytest.raises(DataError, match="reviews has a newer version, 2"):
        wait_for_work(start_work(store, {"do": "fix", "reference": "reviews@1", "step": step}))
    with pytest.raises(DataError, match="Nothing to do"):
        wait_for_work(start_work(store, {"do": "fix", "reference": "reviews@2", "step": step}))
    assert wait_for_work(start_work(store, {"do": "undo", "name": "reviews"}))["reference"] == "reviews@3"
    assert library.find(store.datasets, "reviews").steps == ()


def test_an_end_without_an_answer_is_told(store: Store, tmp_path: Path) -> None:
    folder = start_work(store, {"do": "look", "source": str(tmp_path)})
    for process in processes_of(folder):
        os.kill(process.pid, signal.SIGKILL)
        process.wait(5)
    assert "The work ended early" in look_at_work(folder).error


def test_called_off_it_leaves_no_process_and_no_folder(store: Store, tmp_path: Path) -> None:
    folder = start_work(store, {"do": "look", "source": str(tmp_path)})
    cancel_work(folder)
    end = time.monotonic() + 5
    while processes_of(folder) and time.monotonic() < end:
        time.sleep(0.05)
    assert not processes_of(folder)
    assert not folder.exists()
