"""What the journal holds arrives in MLflow once, in order."""

import math

import pytest

from tests.tracking.conftest import MakeRun
from trainer_core.store import Store
from trainer_core.tracking import read
from trainer_core.tracking.client import open_client
from trainer_core.tracking.journal import Journal
from trainer_core.tracking.ship import ship


def log(journal: Journal, steps: range) -> None:
    for step in steps:
        journal.metrics({"train/loss": 1 / (step + 1), "train/learning_rate": 0.1}, step=step, epoch=step / 10, samples=step * 32)


def points(store: Store, run_id: str, key: str) -> list[tuple[int, float]]:
    history = read.metric_history(store, [run_id], [key])
    return list(zip(history["step"], history["value"], strict=True))


def test_points_arrive_with_the_journals_time_and_step(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    journal = Journal(store.journal(run_id), clock=lambda: 1_700_000_000.25)
    log(journal, range(3))
    assert ship(store, run_id, 0) == store.journal(run_id).stat().st_size
    history = read.metric_history(store, [run_id], ["train/loss"])
    assert list(history["step"]) == [0, 1, 2]
    assert set(history["time"]) == {1_700_000_000_250}
    assert points(store, run_id, "progress/epoch") == [(0, 0.0), (1, 0.1), (2, 0.2)]
    assert points(store, run_id, "progress/samples") == [(0, 0.0), (1, 32.0), (2, 64.0)]


def test_system_records_carry_no_progress(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    Journal(store.journal(run_id)).metrics({"system/cpu_utilization_percentage": 50.0}, step=1, epoch=0.1, samples=3)
    ship(store, run_id, 0)
    assert read.metric_keys(store, [run_id]) == ["system/cpu_utilization_percentage"]


def test_records_that_do_not_tell_progress_carry_none(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    journal = Journal(store.journal(run_id))
    journal.metrics({"train/loss": 3.0}, step=1, epoch=0.1, samples=32)
    journal.metrics({"train/loss": 2.0}, step=2, epoch=0.2, samples=64, tells_progress=False)
    journal.metrics({"train/loss": 1.0}, step=3, epoch=0.3, samples=96)
    ship(store, run_id, 0)
    assert points(store, run_id, "train/loss") == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert points(store, run_id, "progress/epoch") == [(1, 0.1), (3, 0.3)]
    assert points(store, run_id, "progress/samples") == [(1, 32.0), (3, 96.0)]


@pytest.mark.parametrize("replayed_from", [0, 1])
def test_shipping_a_stretch_again_changes_nothing(store: Store, make_run: MakeRun, replayed_from: int) -> None:
    run_id = make_run()
    journal = Journal(store.journal(run_id))
    log(journal, range(600))
    journal.metrics({"train/loss": math.nan}, step=600, epoch=60, samples=0)
    journal.tags({"descent.device": "2 CPU cores"})
    journal.dataset("digits", "scikit-learn", "d" * 64, "training", {"rows": 3})
    end = ship(store, run_id, 0)
    before = read.metric_history(store, [run_id], read.metric_keys(store, [run_id]))
    log(journal, range(601, 620))
    middle = 0 if replayed_from == 0 else end // 2
    offset = middle and _line_start(store, run_id, middle)
    last = ship(store, run_id, offset)
    assert last == store.journal(run_id).stat().st_size
    after = read.metric_history(store, [run_id], read.metric_keys(store, [run_id]))
    assert len(after) == len(before) + 19 * 4
    assert not after.duplicated(["run_id", "key", "step"]).any()
    assert len(open_client(store).get_run(run_id).inputs.dataset_inputs) == 1


def _line_start(store: Store, run_id: str, offset: int) -> int:
    return store.journal(run_id).read_bytes().rindex(b"\n", 0, offset) + 1


def test_a_long_journal_can_be_shipped_in_portions(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    log(Journal(store.journal(run_id)), range(900))
    offsets = [0]
    while (offset := ship(store, run_id, offsets[-1], most=1_000)) != offsets[-1]:
        offsets.append(offset)
    assert len(offsets) > 2
    assert [step for step, _value in points(store, run_id, "train/loss")] == list(range(900))


def test_nan_and_infinity_come_back_from_mlflow(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    journal = Journal(store.journal(run_id))
    for step, value in enumerate((math.nan, math.inf, -math.inf)):
        journal.metrics({"train/loss": value}, step=step, epoch=0, samples=0)
    ship(store, run_id, 0)
    assert [str(value) for _step, value in points(store, run_id, "train/loss")] == ["nan", "inf", "-inf"]
    assert read.get_run(store, run_id).metrics["train/loss"] == -math.inf


def test_tags_params_and_datasets_are_shipped(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    journal = Journal(store.journal(run_id))
    journal.tags({"descent.device": "1 CPU core"})
    journal.tags({"descent.device": "2 CPU cores"})
    journal.params({"extra": "7"})
    journal.dataset("digits", "scikit-learn", "c5" * 32, "training", {"rows": 1_257})
    ship(store, run_id, 0)
    run = open_client(store).get_run(run_id)
    assert run.data.tags["descent.device"] == "2 CPU cores"
    assert run.data.params["extra"] == "7"
    [entry] = run.inputs.dataset_inputs
    assert entry.dataset.name == "digits"
    assert entry.dataset.digest == ("c5" * 32)[:36]
    assert [(tag.key, tag.value) for tag in entry.tags] == [("mlflow.data.context", "training")]


def test_what_mlflow_refuses_does_not_hold_up_the_rest(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    journal = Journal(store.journal(run_id))
    journal.params({"epochs": "999"})  # a param can't be changed
    journal.metrics({"train/loss": 1.0, "no such: key!": 2.0}, step=1, epoch=0, samples=0)
    journal.metrics({"train/loss": 0.5}, step=2, epoch=0, samples=0)
    assert ship(store, run_id, 0) == store.journal(run_id).stat().st_size
    assert points(store, run_id, "train/loss") == [(1, 1.0), (2, 0.5)]
    assert read.get_run(store, run_id).settings["epochs"] == 5
