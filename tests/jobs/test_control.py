"""Stop, resume, archive, restore, rename and reorder, each with what it refuses."""

import json
import time
import uuid

import pytest

from tests.jobs.conftest import Station
from trainer_core import jobs
from trainer_core.checkpoints import list_checkpoints
from trainer_core.errors import CheckpointError, RunError
from trainer_core.jobs.processes import is_alive
from trainer_core.settings import read_config
from trainer_core.tracking import read, tags, write
from trainer_core.tracking.client import open_client
from trainer_core.tracking.journal import Journal


@pytest.fixture(scope="module")
def stopped(station: Station) -> read.RunRecord:
    """A run that was stopped after some thirty of its sixty steps."""
    run_id = station.launch("steps-60")
    station.until_at_step(run_id, 25)
    jobs.stop(station.store, run_id)
    jobs.stop(station.store, run_id)
    return station.until_over(run_id)


def test_a_stopped_run_saved_a_checkpoint_first(station: Station, stopped: read.RunRecord) -> None:
    assert stopped.state == "stopped"
    assert stopped.reason.startswith("Stopped at step")
    last = max(path.name for path in station.store.checkpoints(stopped.run_id).iterdir())
    history = read.metric_history(station.store, [stopped.run_id], ["train/loss"])
    assert int(last.removeprefix("step-")) == history["step"].max()


def test_stopping_a_run_that_has_ended_is_harmless(station: Station, stopped: read.RunRecord) -> None:
    jobs.stop(station.store, stopped.run_id)
    assert jobs.state_of(station.store, stopped.run_id) == ("stopped", True)


def test_a_resumed_run_goes_on_and_drops_what_it_computes_anew(station: Station, stopped: read.RunRecord) -> None:
    jobs.resume(station.store, stopped.run_id, 10)
    assert read.get_run(station.store, stopped.run_id).state in ("queued", "running")
    with pytest.raises(RunError, match="only a run that has ended can be resumed"):
        jobs.resume(station.store, stopped.run_id, 10)
    run = station.until_over(stopped.run_id)
    assert (run.state, run.reason) == ("finished", "")
    assert [restart.from_step for restart in run.restarts] == [10]
    assert len(run.segments) == 2
    history = read.metric_history(station.store, [run.run_id], ["train/loss"])
    assert list(history["step"]) == list(range(1, 61))
    anew = history[history["step"] > 10]
    assert (anew["time"] >= run.restarts[0].at).all()
    assert run.duration_seconds is not None
    assert run.ended is not None
    assert run.started is not None
    assert run.duration_seconds < (run.ended - run.started).total_seconds()


def test_resuming_from_a_checkpoint_that_is_not_there_names_those_that_are(station: Station, stopped: read.RunRecord) -> None:
    with pytest.raises(CheckpointError, match="10, 20"):
        jobs.resume(station.store, stopped.run_id, 7)


def test_a_run_that_has_done_all_its_steps_has_nothing_to_resume(station: Station) -> None:
    run = station.until_over(station.launch("steps-20"))
    write.set_tags(station.store, run.run_id, {tags.TOTAL_STEPS: "20"})
    with pytest.raises(RunError, match="has finished all its 20 steps"):
        jobs.resume(station.store, run.run_id)
    jobs.resume(station.store, run.run_id, 10)
    assert station.until_over(run.run_id).state == "finished"


def test_a_live_run_can_be_neither_resumed_nor_archived(station: Station) -> None:
    run_id = station.launch("steps-5000")
    station.until_at_step(run_id, 1)
    station.until(lambda: read.get_run(station.store, run_id).state == "running")
    with pytest.raises(RunError, match="is running"):
        jobs.resume(station.store, run_id)
    with pytest.raises(RunError, match="stop it before"):
        jobs.archive(station.store, run_id)
    jobs.stop(station.store, run_id)
    station.until_over(run_id)


def test_a_run_that_waits_is_taken_off_the_queue(station: Station) -> None:
    blocker = station.launch("steps-5000")
    waiting = station.launch("steps-5")
    assert [job.run_id for job in jobs.queue(station.store)] == [blocker, waiting]
    jobs.stop(station.store, waiting)
    run = read.get_run(station.store, waiting)
    assert (run.state, run.started) == ("stopped", None)
    assert "before it started" in run.reason
    with pytest.raises(RunError, match="does not wait"):
        jobs.move_first(station.store, waiting)
    station.until_at_step(blocker, 1)
    jobs.stop(station.store, blocker)
    assert station.until_over(blocker).state == "stopped"
    assert not station.store.journal(waiting).exists()


def test_a_run_that_waits_again_ends_with_all_that_it_had_logged(quiet_station: Station) -> None:
    store = quiet_station.store
    run_id = quiet_station.launch_without_supervisor("steps-5")  # as one does whose batch is made smaller
    Journal(store.journal(run_id)).metrics({"train/loss": 0.5}, step=1, epoch=0.1, samples=32)
    jobs.stop(store, run_id)
    assert read.get_run(store, run_id).state == "stopped", "nobody else would tell"
    assert list(read.metric_history(store, [run_id], ["train/loss"])["value"]) == [0.5]


def test_a_resumption_that_is_called_off_leaves_the_run_as_it_was(station: Station) -> None:
    run_id = station.launch("steps-20")
    before = station.until_over(run_id)
    blocker = station.launch("steps-5000")
    station.until_at_step(blocker, 1)
    config = read_config(station.store.config_file(run_id))
    jobs.resume(station.store, run_id, 10, epochs=config.epochs + 3)
    assert read.get_run(station.store, run_id).state == "queued"
    jobs.stop(station.store, run_id)
    after = read.get_run(station.store, run_id)
    assert (after.state, after.reason, after.restarts) == ("finished", "", ())
    assert after.best == before.best
    assert after.ended == before.ended
    assert after.settings["epochs"] == config.epochs == read_config(station.store.config_file(run_id)).epochs
    assert len(read.metric_history(station.store, [run_id], ["train/loss"])) == 20
    jobs.stop(station.store, blocker)
    station.until_over(blocker)
    assert jobs.resume(station.store, run_id) == 20  # from its last checkpoint, as if nothing had been
    assert station.until_over(run_id).state == "finished"


def test_resuming_passes_over_a_damaged_checkpoint(station: Station) -> None:
    run_id = station.launch("steps-30")
    station.until_over(run_id)
    store = station.store
    last, before = (store.checkpoints(run_id) / f"step-{step:08d}" for step in (30, 20))
    (last / "weights").write_text("wrong")
    manifest = json.loads((last / "descent.json").read_text()) | {"files": {"weights": {"bytes": 5, "sha256": "0" * 64}}}
    (last / "descent.json").write_text(json.dumps(manifest))
    assert before.is_dir()
    assert [checkpoint.step for checkpoint in list_checkpoints(store, run_id)] == [10, 20, 30]
    assert jobs.resume(store, run_id) == 20
    run = station.until_over(run_id)
    assert [restart.from_step for restart in run.restarts] == [20]


@pytest.mark.parametrize("manifest", ["{}", "[]", "null", '{"step": "x"}', '{"files": {"weights": {"bytes": 5}}}', ""])
def test_a_checkpoint_whose_manifest_is_damaged_is_not_offered(station: Station, manifest: str) -> None:
    run_id = uuid.uuid4().hex
    folder = station.store.checkpoints(run_id) / "step-00000010"
    folder.mkdir(parents=True)
    (folder / "descent.json").write_text(manifest)
    assert list_checkpoints(station.store, run_id) == []


def test_a_worker_that_ignores_the_request_is_ended_after_the_grace_period(station: Station) -> None:
    run_id = station.launch("stubborn")
    station.until_at_step(run_id, 3)
    station.until(lambda: station.job(run_id).worker is not None)
    worker = station.job(run_id).worker
    jobs.stop(station.store, run_id)
    began = time.monotonic()
    run = station.until_over(run_id)
    assert run.state == "stopped"
    assert "since the last checkpoint is lost" in run.reason
    assert time.monotonic() - began > 0.5
    assert worker is not None
    assert not is_alive(worker)


def test_an_archived_run_leaves_the_list_and_can_come_back(station: Station, stopped: read.RunRecord) -> None:
    jobs.archive(station.store, stopped.run_id)
    assert stopped.run_id not in {run.run_id for run in read.list_runs(station.store)}
    jobs.restore(station.store, stopped.run_id)
    assert stopped.run_id in {run.run_id for run in read.list_runs(station.store)}


def test_a_run_takes_a_new_name_but_no_empty_one(station: Station, stopped: read.RunRecord) -> None:
    jobs.rename(station.store, stopped.run_id, " new name ")
    assert read.get_run(station.store, stopped.run_id).name == "new name"
    with pytest.raises(RunError, match="1 to 200 characters"):
        jobs.rename(station.store, stopped.run_id, "  ")


def test_a_foreign_run_is_never_changed(station: Station, stopped: read.RunRecord) -> None:
    client = open_client(station.store)
    foreign = client.create_run(client.get_experiment_by_name(stopped.experiment).experiment_id, run_name="stranger").info.run_id
    for change in (jobs.stop, jobs.resume, jobs.archive, jobs.restore):
        with pytest.raises(RunError, match="not launched by Descent"):
            change(station.store, foreign)
    client.set_terminated(foreign, "FINISHED")


def test_an_unknown_run_is_refused_with_a_sentence(station: Station) -> None:
    for change in (jobs.stop, jobs.resume, jobs.archive, jobs.move_first):
        with pytest.raises(RunError, match="no run"):
            change(station.store, "0" * 32)


def test_a_run_without_a_checkpoint_starts_again_and_is_one_curve(station: Station) -> None:
    run = station.until_over(station.launch("killed"))
    assert run.state == "failed"
    jobs.resume(station.store, run.run_id)
    station.until(lambda: _failed_again(station, run.run_id))
    assert [restart.from_step for restart in read.get_run(station.store, run.run_id).restarts] == [0]


def _failed_again(station: Station, run_id: str) -> bool:
    job = station.job(run_id)
    return job.attempt == 2 and job.state == "failed" and job.is_reported
