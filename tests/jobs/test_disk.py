"""What runs take is told, deleting can be undone, and freeing frees."""

import pytest

from tests.jobs.conftest import Station
from trainer_core import jobs
from trainer_core.checkpoints import list_checkpoints
from trainer_core.errors import RunError
from trainer_core.tracking import read


def make_heavy(station: Station, run_id: str) -> None:
    """Gives each checkpoint a kilobyte of weights, and says that the first is the best."""
    found = list_checkpoints(station.store, run_id)
    for checkpoint in found:
        (checkpoint.path / "model.safetensors").write_bytes(b"x" * 1_000)
    (station.store.checkpoints(run_id) / "best.json").write_text(f'{{"step": {found[0].step}}}')


def test_a_deleted_run_comes_back_with_all_it_had(station: Station) -> None:
    run = station.until_over(station.launch("steps-20"))
    jobs.delete(station.store, run.run_id)
    assert run.run_id not in {other.run_id for other in read.list_runs(station.store, archived=True)}
    assert [other.name for other in read.list_deleted(station.store) if other.run_id == run.run_id] == [run.name]
    jobs.undelete(station.store, run.run_id)
    back = read.get_run(station.store, run.run_id)
    assert (back.state, back.metrics) == (run.state, run.metrics)
    assert len(list_checkpoints(station.store, run.run_id)) == 2


def test_purging_frees_all_that_a_deleted_run_took(station: Station) -> None:
    kept, gone = (station.until_over(station.launch(name)).run_id for name in ("steps-11", "steps-30"))
    make_heavy(station, gone)
    with pytest.raises(RunError, match="delete it first"):
        jobs.purge(station.store, [gone])
    jobs.delete(station.store, gone)
    (space,) = jobs.measure_space(station.store, read.list_deleted(station.store))
    assert space.bytes > 3_000
    assert jobs.purge(station.store, [gone]) == space.bytes
    assert read.list_deleted(station.store) == []
    assert station.jobs.get(gone) is None
    left = [str(path) for path in station.store.root.rglob("*") if gone in path.name]
    assert left == []
    assert read.metric_history(station.store, [gone], ["train/loss"]).empty
    assert read.get_run(station.store, kept).state == "finished"
    with pytest.raises(RunError, match="no deleted run"):
        jobs.undelete(station.store, gone)


def test_an_archived_run_can_keep_its_best_checkpoint_alone(station: Station) -> None:
    run_id = station.until_over(station.launch("steps-40")).run_id
    make_heavy(station, run_id)
    with pytest.raises(RunError, match="not archived"):
        jobs.keep_best_only(station.store, run_id)
    jobs.archive(station.store, run_id)
    (space,) = jobs.measure_space(station.store, [read.get_run(station.store, run_id)])
    assert jobs.keep_best_only(station.store, run_id) == space.beside_best > 3_000
    assert [checkpoint.step for checkpoint in list_checkpoints(station.store, run_id)] == [10]
    assert len(read.metric_history(station.store, [run_id], ["train/loss"])) == 40


def test_a_live_run_is_not_deleted(station: Station) -> None:
    run_id = station.launch("steps-5000")
    station.until_at_step(run_id, 2)
    with pytest.raises(RunError, match="stop it before deleting"):
        jobs.delete(station.store, run_id)
    jobs.stop(station.store, run_id)
    station.until_over(run_id)
