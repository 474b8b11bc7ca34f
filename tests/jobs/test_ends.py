"""Ends that a real worker meets, through the queue: each is stored with a sentence that says what to do, within seconds."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores import end_processes_of, new_store
from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.jobs.summon import supervisor_lock
from trainer_core.settings import build_config
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord, get_run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = new_store(tmp_path / "store")
    yield made
    end_processes_of(made)


def write_texts(folder: Path) -> None:
    folder.mkdir()
    rows = [f"a {word} film number {number},{label}" for number in range(40) for word, label in (("good", 1), ("bad", 0))]
    (folder / "train.csv").write_text("\n".join(["text,label", *rows]) + "\n")


def until_over(store: Store, run_id: str) -> RunRecord:
    end = time.monotonic() + 120
    while not jobs.state_of(store, run_id)[1]:
        assert time.monotonic() < end
        time.sleep(0.1)
    return get_run(store, run_id)


def test_a_dataset_that_vanished_before_its_run_started_is_named(store: Store, tmp_path: Path) -> None:
    write_texts(tmp_path / "films")
    config = build_config(
        {"dataset": str(tmp_path / "films"), "task": "sequence_classification", "model": "small_gpt", "batch_size": 8}
    )
    with supervisor_lock(store):
        run_id = jobs.launch(store, config)
    (tmp_path / "films").rename(tmp_path / "elsewhere")
    jobs.ensure_supervisor(store)
    run = until_over(store, run_id)
    assert run.state == "failed"
    assert str(tmp_path / "films") in run.reason
    assert "Give" in run.reason  # what is accepted
    assert "Traceback" not in run.reason
    (tmp_path / "elsewhere").rename(tmp_path / "films")
    jobs.resume(store, run_id)  # mended, it starts again under the same name
    time.sleep(1.0)
    jobs.stop(store, run_id)
    assert until_over(store, run_id).state in ("stopped", "finished")


def test_a_loss_that_is_no_number_ends_the_run_naming_step_and_learning_rate(store: Store) -> None:
    run = until_over(store, jobs.launch(store, TrainConfig(learning_rate=1e9, epochs=10)))
    assert run.state == "failed"
    assert "The likely cause is the learning rate, 1e9" in run.reason
    assert int(run.reason.split("at step ")[1].split(".")[0]) <= 50


def test_settings_that_were_damaged_end_the_run_with_a_sentence(store: Store) -> None:
    with supervisor_lock(store):
        run_id = jobs.launch(store, TrainConfig())
    store.config_file(run_id).write_text('{"learning_rate": ')
    jobs.ensure_supervisor(store)
    run = until_over(store, run_id)
    assert run.state == "failed"
    assert "config.json" in run.reason, run.reason
    assert "Traceback" not in run.reason
