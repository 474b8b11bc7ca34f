"""Which worker that was asked to stop is waited for, and which is ended."""

import time
from collections.abc import Iterator

import pytest

from tests.jobs.conftest import Station
from trainer_core import jobs
from trainer_core.checkpoints import list_checkpoints
from trainer_core.jobs.processes import is_alive
from trainer_core.jobs.stopping import would_lose
from trainer_core.jobs.watching import Progress
from trainer_core.tracking import read


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A store whose supervisor has a tenth of a second of patience."""
    made = Station(tmp_path_factory.mktemp("hasty") / "store")
    try:
        made.start_supervisor(DESCENT_GRACE_SECONDS="0.1")
        yield made
    finally:
        made.close()


def stopped(station: Station, name: str, *, at_step: int = 3) -> read.RunRecord:
    run_id = station.launch(name)
    station.until_at_step(run_id, at_step)
    station.until(lambda: station.job(run_id).worker is not None)
    worker = station.job(run_id).worker
    jobs.stop(station.store, run_id)
    jobs.stop(station.store, run_id)
    run = station.until_over(run_id)
    assert run.state == "stopped"
    assert worker is not None
    assert not is_alive(worker)
    return run


@pytest.mark.parametrize("name", ["evaluating", "fitting"])
def test_a_worker_that_shows_that_it_works_is_waited_for(hasty: Station, name: str) -> None:
    run = stopped(hasty, name)  # for forty times the grace: it counts rows, or takes processor time and says nothing
    assert run.reason.startswith("Stopped at step")
    assert list_checkpoints(hasty.store, run.run_id)


def test_a_worker_that_lives_and_does_nothing_is_ended_with_a_sentence(hasty: Station) -> None:
    assert stopped(hasty, "hanging").reason == (
        "It was asked to stop and showed no sign of work for 1 s, so it was ended. "
        "Stopped before it could save its state: the work since the last checkpoint is lost."
    )


def test_a_worker_with_nothing_to_lose_is_not_waited_for(hasty: Station) -> None:
    assert stopped(hasty, "saved", at_step=10).reason == (
        "It was still busy 0.1 s after it was asked to stop, and was ended. "
        "Stopped at step 10, which is in a checkpoint: nothing is lost."
    )


def test_a_worker_that_trains_on_is_ended(hasty: Station) -> None:
    assert stopped(hasty, "stubborn").reason.startswith("It was asked to stop and trained on all the same, so it was ended. ")


def shown(**others: object) -> Progress:
    values = {"time": time.time(), "phase": "evaluating", "step": 40, "total_steps": 60, "epoch": 2.0, "epochs": 3.0, "pid": 1}
    values |= {"samples_per_second": 1.0, "seconds_left": 1.0, "started": 0.0, "saved_step": 40}
    return Progress(**(values | others))  # type: ignore[arg-type]


def test_steps_are_lost_where_they_are_in_no_checkpoint() -> None:
    assert not would_lose(None), "it never began"
    assert not would_lose(shown())
    assert would_lose(shown(phase="training")), "the next step may be done"
    assert would_lose(shown(step=41))
    assert would_lose(shown(saved_step=-1)), "of an older Descent"
    assert would_lose(shown(time=time.time() - 60)), "silent: it may have gone on since"
    assert not would_lose(shown(phase="loading data", step=0, saved_step=0))
