"""Dry runs from outside: the process, what a launch keeps of it, and the command."""

import json
import sys
from pathlib import Path

import pytest

from tests.stores import end_processes_of, new_store
from trainer_core import jobs
from trainer_core.cli import main
from trainer_core.config import TrainConfig
from trainer_core.errors import DataError
from trainer_core.foreseen import parse_foreseen, read_foreseen
from trainer_core.jobs.data_work import look_at_work, wait_for_work
from trainer_core.jobs.dry_run import result_of
from trainer_core.jobs.summon import supervisor_lock
from trainer_core.store import Store
from trainer_core.tracking import read, tags

SMALL = TrainConfig(hidden_sizes=(16,), epochs=2, precision="fp32")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path / "store")


def test_what_was_foreseen_is_kept_with_the_run_that_is_launched(store: Store) -> None:
    folder = jobs.start_dry_run(store, SMALL)
    wait_for_work(folder, 120)
    found = result_of(look_at_work(folder))
    assert found is not None
    assert found.fits
    assert not (folder / "run").exists()
    assert read_foreseen(store, SMALL) == found
    with supervisor_lock(store):
        run_id = jobs.launch(store, SMALL)
        other = jobs.launch(store, SMALL.model_copy(update={"learning_rate": 0.5}))
    assert parse_foreseen(read.get_run(store, run_id).tags[tags.FORESEEN]) == found
    assert tags.FORESEEN not in read.get_run(store, other).tags
    end_processes_of(store)


def test_settings_that_can_t_be_launched_can_t_be_tried(store: Store) -> None:
    with pytest.raises(DataError, match="/nowhere"):
        jobs.start_dry_run(store, SMALL.model_copy(update={"dataset": "/nowhere"}))


def test_the_command_tells_and_queues_nothing(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--store", str(store.root), "launch", "digits", "--epochs", "1", "--dry-run"]) == 0
    said = capsys.readouterr().out
    for words in ("whole run", "samples a second", "peak memory", "that are free", "disk", "measured", "Launch it: python -m"):
        assert words in said
    assert read.list_runs(store) == []
    assert list((store.root / "work").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit what is meant")
def test_what_does_not_fit_is_told_with_what_takes_less(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer_core.jobs.dry_run.available_bytes", lambda: 100_000_000)
    wide = ["--hidden-sizes", "65536", "--batch-size", "1024", "--max-steps", "4"]
    assert main(["--store", str(store.root), "launch", "digits", *wide, "--dry-run"]) == 1
    said = capsys.readouterr().out
    assert "It does not fit into memory." in said
    assert "--batch-size 512 --accumulation-steps 2  –  " in said
    assert json.loads(next((store.cache).glob("foreseen-*.json")).read_text())["fits"] is False
