"""Runs read back as they were written: states, settings, last and best values, restarts and names."""

import json
import math
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from tests.tracking.conftest import MakeRun
from trainer_core.config import TrainConfig
from trainer_core.errors import RunError
from trainer_core.store import Store
from trainer_core.tracking import read, write
from trainer_core.tracking.client import open_client
from trainer_core.tracking.journal import Journal
from trainer_core.tracking.names import new_name
from trainer_core.tracking.records import RunRecord
from trainer_core.tracking.ship import ship


def log(store: Store, run_id: str, at: float, steps: range, loss: float) -> None:
    journal = Journal(store.journal(run_id), clock=lambda: at)
    for step in steps:
        journal.metrics(
            {"train/loss": loss, "eval/loss": loss + step / 100, "eval/accuracy": step / 100}, step=step, epoch=0, samples=0
        )
    ship(store, run_id, 0)


def test_a_new_run_is_queued_with_typed_settings(store: Store, make_run: MakeRun) -> None:
    run = read.get_run(store, make_run("calm-otter-3", recipe="digits", cloned_from="0" * 32))
    assert (run.name, run.state, run.experiment, run.recipe, run.cloned_from) == (
        "calm-otter-3",
        "queued",
        "descent",
        "digits",
        "0" * 32,
    )
    assert run.settings["hidden_sizes"] == (128,)
    assert run.settings["max_steps"] is None
    assert run.config() == TrainConfig(rules=()), "it was launched before there were any"
    assert run.started is None
    assert run.duration_seconds is None
    assert run.is_ours
    assert not run.is_over
    assert run.created is not None
    assert abs((datetime.now(UTC) - run.created).total_seconds()) < 60


@pytest.mark.parametrize("state", read.RUN_STATES)
def test_every_state_is_read_back(store: Store, make_run: MakeRun, state: read.RunState) -> None:
    run_id = make_run()
    write.set_state(store, run_id, state, tags={"descent.reason": "Why."}, ended=1_700_000_000)
    run = read.get_run(store, run_id)
    assert (run.state, run.reason) == (state, "Why.")
    assert run.ended == (datetime.fromtimestamp(1_700_000_000, UTC) if run.is_over else None)


def test_runs_are_listed_newest_first_without_archived_and_foreign_ones(store: Store, make_run: MakeRun) -> None:
    first, second = make_run("first"), make_run("second")
    client = open_client(store)
    stranger = client.create_run(client.get_experiment_by_name("descent").experiment_id, run_name="stranger").info.run_id
    write.set_tags(store, first, {"descent.archived": "true"})
    assert [run.run_id for run in read.list_runs(store)] == [second]
    assert {run.run_id for run in read.list_runs(store, archived=True)} == {first, second}
    assert [run.name for run in read.list_runs(store, foreign=True)] == ["stranger", "second"]
    assert not read.get_run(store, stranger).is_ours
    write.set_tags(store, first, {"descent.archived": ""})
    assert [run.name for run in read.list_runs(store)] == ["second", "first"]


def test_a_deleted_run_is_gone(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    open_client(store).delete_run(run_id)
    assert read.list_runs(store) == []
    with pytest.raises(RunError, match="deleted"):
        read.get_run(store, run_id)


def test_last_and_best_values_come_with_the_run(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    log(store, run_id, 1_000.0, range(10, 40, 10), loss=0.5)
    run = read.get_run(store, run_id)
    assert run.metrics["eval/accuracy"] == 0.3
    assert run.best == {"eval/accuracy": 0.3, "eval/loss": 0.6}


def test_superseded_points_are_dropped_from_history_last_and_best_values(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    log(store, run_id, 1_000.0, range(10, 60, 10), loss=0.5)
    write.set_tags(store, run_id, {"descent.restarts": json.dumps([{"at": 2_000_000, "from_step": 20}])})
    history = read.metric_history(store, [run_id], ["train/loss"])
    assert list(history["step"]) == [10, 20]
    run = read.get_run(store, run_id)
    assert run.metrics["eval/accuracy"] == 0.2
    assert run.best["eval/accuracy"] == 0.2
    log(store, run_id, 3_000.0, range(30, 50, 10), loss=0.1)
    history = read.metric_history(store, [run_id], ["train/loss"])
    assert list(zip(history["step"], history["value"], strict=True)) == [(10, 0.5), (20, 0.5), (30, 0.1), (40, 0.1)]
    [run] = read.list_runs(store)
    assert (run.metrics["train/loss"], run.metrics["eval/accuracy"], run.best["eval/accuracy"]) == (0.1, 0.4, 0.4)
    assert [(restart.at, restart.from_step) for restart in run.restarts] == [(2_000_000, 20)]


def test_history_holds_many_runs_and_keys_ordered_by_step(store: Store, make_run: MakeRun) -> None:
    runs = [make_run(), make_run()]
    for run_id in runs:
        log(store, run_id, 1_000.0, range(3), loss=0.5)
    history = read.metric_history(store, runs, ["train/loss", "eval/accuracy"])
    assert list(history.columns) == ["run_id", "key", "step", "time", "value"]
    assert len(history) == 12
    assert history["step"].is_monotonic_increasing
    assert read.metric_keys(store, runs) == ["eval/accuracy", "eval/loss", "progress/epoch", "progress/samples", "train/loss"]


def test_history_of_nothing_is_an_empty_table_with_its_columns(store: Store) -> None:
    history = read.metric_history(store, [], ["train/loss"])
    assert list(history.columns) == ["run_id", "key", "step", "time", "value"]
    assert str(history["value"].dtype) == "float64"


def test_a_run_is_found_by_name_by_the_start_of_its_id_and_as_last(store: Store, make_run: MakeRun) -> None:
    first, second = make_run("calm-otter-3"), make_run("bold-heron-7")
    assert read.find_run(store, "calm-otter-3").run_id == first
    assert read.find_run(store, "last").run_id == second
    assert read.find_run(store, first[:12]).run_id == first
    assert read.find_run(store, second.upper()).run_id == second


def test_an_unknown_run_names_the_nearest(store: Store, make_run: MakeRun) -> None:
    make_run("calm-otter-3")
    with pytest.raises(RunError, match=r"no run “calm-oter-3”.*calm-otter-3"):
        read.find_run(store, "calm-oter-3")


def test_an_ambiguous_name_names_the_candidates(store: Store, make_run: MakeRun) -> None:
    ids = [make_run("twin"), make_run("twin")]
    with pytest.raises(RunError, match="fits 2 runs") as caught:
        read.find_run(store, "twin")
    assert all(run_id[:12] in str(caught.value) for run_id in ids)


def test_an_empty_store_says_how_to_start(store: Store) -> None:
    with pytest.raises(RunError, match="launch digits"):
        read.find_run(store, "last")


def test_minutes_leave_out_the_pauses_between_workers() -> None:
    tags = {"descent.segments": json.dumps([[10_000, 40_000], [100_000, None]]), "descent.recipe": "digits"}
    run = RunRecord("0" * 32, "name", "running", "descent", None, None, {}, tags)
    assert run.active_seconds(9_000) == 0
    assert run.active_seconds(25_000) == 15
    assert run.active_seconds(70_000) == 30
    assert run.active_seconds(110_000) == 40
    assert run.started == datetime.fromtimestamp(10, UTC)


def test_old_runs_open_whatever_their_params_and_tags_say() -> None:
    tags = {"descent.restarts": "{broken", "descent.segments": '["x"]'}
    run = RunRecord("0" * 32, "name", "finished", "descent", None, None, {"epochs": "many", "gone": "1"}, tags, {"a": math.nan})
    assert run.restarts == ()
    assert run.segments == ()
    assert run.settings == {"epochs": "many", "gone": "1"}
    assert run.config() is None


def test_importing_the_reader_imports_neither_mlflow_nor_pandas() -> None:
    code = "import sys, trainer_core.tracking.read; print([name for name in ('mlflow', 'pandas') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_new_names_are_two_words_and_a_number_and_never_taken() -> None:
    taken: set[str] = set()
    for _index in range(2_000):
        name = new_name(taken)
        assert name not in taken
        assert [part.isalpha() for part in name.split("-")] == [True, True, False]
        taken.add(name)
