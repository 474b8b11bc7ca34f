"""Runs work at once where there is room for them, each on a device or a share of the cores of its own."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.jobs.conftest import Station
from tests.stores import end_processes_of, new_store
from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.errors import ConfigError
from trainer_core.jobs.database import JobDatabase
from trainer_core.jobs.devices import find_gpus, make_slots
from trainer_core.store import Store
from trainer_core.tracking import read, tags


def overlap(first: read.RunRecord, second: read.RunRecord) -> bool:
    (one,), (other,) = first.segments, second.segments
    assert one.ended is not None
    assert other.ended is not None
    return one.started < other.ended and other.started < one.ended


@pytest.mark.parametrize(
    ("environment", "gpus", "expected"),
    [
        ({}, [], [{}]),
        ({"DESCENT_SLOTS": "2"}, [], [{"OMP_NUM_THREADS": "4"}, {"OMP_NUM_THREADS": "4"}]),
        ({"DESCENT_SLOTS": "2", "OMP_NUM_THREADS": "3"}, [], [{}, {}]),
        ({}, ["0"], [{"CUDA_VISIBLE_DEVICES": "0"}]),
        (
            {},
            ["0", "1"],
            [{"CUDA_VISIBLE_DEVICES": "0", "OMP_NUM_THREADS": "4"}, {"CUDA_VISIBLE_DEVICES": "1", "OMP_NUM_THREADS": "4"}],
        ),
        ({"DESCENT_SLOTS": "1"}, ["0", "1"], [{"CUDA_VISIBLE_DEVICES": "0"}]),
    ],
)
def test_a_slot_has_a_device_or_a_share_of_the_cores(
    environment: dict[str, str], gpus: list[str], expected: list[dict[str, str]]
) -> None:
    slots = make_slots(environment, cores=8, gpus=lambda _environment: gpus)
    assert [dict(slot.environment) for slot in slots] == expected
    assert [slot.number for slot in slots] == list(range(len(expected)))


def test_more_slots_than_gpus_share_them_in_turn() -> None:
    slots = make_slots({"DESCENT_SLOTS": "3"}, cores=8, gpus=lambda _environment: ["4", "7"])
    assert [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in slots] == ["4", "7", "4"]


@pytest.mark.parametrize(("value", "expected"), [("0,2", ["0", "2"]), ("", []), ("-1", []), ("GPU-8a1,-1,3", ["GPU-8a1"])])
def test_gpus_are_those_that_cuda_may_see(value: str, expected: list[str]) -> None:
    assert find_gpus({"CUDA_VISIBLE_DEVICES": value}) == expected


@pytest.mark.parametrize("value", ["0", "two", "1.5", "65"])
def test_a_number_of_slots_that_is_none_is_refused_before_a_run_waits(
    store: Store, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("DESCENT_SLOTS", value)
    with pytest.raises(ConfigError, match="a whole number from 1 to 64"):
        jobs.launch(store, TrainConfig())
    assert read.list_runs(store) == []


def test_two_runs_work_at_once_and_the_third_takes_the_first_free_device(quiet_station: Station) -> None:
    station = quiet_station
    station.start_supervisor(DESCENT_SLOTS="2", CUDA_VISIBLE_DEVICES="3,5")
    runs = [station.launch(name) for name in ("device-150", "device-40", "device-41")]
    first, second, third = (station.until_over(run_id) for run_id in runs)
    assert overlap(first, second)
    assert overlap(first, third)
    assert not overlap(second, third)
    share = str(max(1, (os.cpu_count() or 1) // 2))
    told = [jobs.log_tail(station.store, run_id)[1] for run_id in runs]
    assert told == [f"3 {share}", f"5 {share}", f"5 {share}"]


def test_a_supervisor_that_is_replaced_leaves_taken_slots_taken(quiet_station: Station) -> None:
    station = quiet_station
    station.start_supervisor(DESCENT_SLOTS="2", CUDA_VISIBLE_DEVICES="3,5")
    runs = [station.launch(name) for name in ("device-150", "device-151")]
    for run_id in runs:
        station.until_at_step(run_id, 2)
    station.kill_supervisor()
    waiting = station.launch_without_supervisor("device-3")
    station.start_supervisor(DESCENT_SLOTS="1", CUDA_VISIBLE_DEVICES="3,5")
    time.sleep(1.0)
    assert station.job(waiting).state == "queued"
    records = [station.until_over(run_id) for run_id in (*runs, waiting)]
    assert [run.state for run in records] == ["finished"] * 3
    assert not any(overlap(records[2], other) for other in records[:2])


def test_a_queue_from_before_slots_still_opens(store: Store) -> None:
    run_id = "f" * 32
    JobDatabase(store.jobs_database).add(run_id)
    with closing(sqlite3.connect(store.jobs_database)) as connection, connection:
        connection.execute("ALTER TABLE jobs DROP COLUMN slot")
    found = JobDatabase(store.jobs_database).get(run_id)
    assert found is not None
    assert (found.state, found.slot) == ("queued", 0)


@pytest.fixture
def real_store(tmp_path: Path) -> Iterator[Store]:
    store = new_store(tmp_path / "store")
    yield store
    end_processes_of(store)


def test_two_real_runs_train_at_once_each_with_its_share_of_the_cores(real_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_SLOTS", "2")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    runs = [jobs.launch(real_store, TrainConfig(max_steps=400, logging_steps=50)) for _number in range(2)]
    end = time.monotonic() + 120
    while not all(jobs.state_of(real_store, run_id)[1] for run_id in runs):
        assert time.monotonic() < end
        time.sleep(0.1)
    first, second = (read.get_run(real_store, run_id) for run_id in runs)
    assert (first.state, second.state) == ("finished", "finished"), (first.reason, second.reason)
    assert overlap(first, second)
    assert {run.tags[tags.THREADS] for run in (first, second)} == {str(max(1, (os.cpu_count() or 1) // 2))}
    assert first.metrics["train/loss"] == second.metrics["train/loss"]
