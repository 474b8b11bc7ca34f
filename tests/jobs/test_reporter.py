"""What the supervisor's reporter tells MLflow in one pass."""

import time
from pathlib import Path
from typing import Literal

import pytest

from tests.stores import new_store
from trainer_core.jobs import reporter
from trainer_core.jobs.database import Job, JobDatabase
from trainer_core.store import Store
from trainer_core.tracking import read, ship, write
from trainer_core.tracking.client import open_client, sql_engine
from trainer_core.tracking.journal import Journal


class Run:
    """A run that the queue takes for one at work."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.queue = JobDatabase(self.store.jobs_database)
        self.run_id = write.create_run(self.store, name="run", experiment="descent", params={}, tags={})
        self.queue.add(self.run_id)
        self.queue.start(self.run_id, 0)
        self.store.run_folder(self.run_id).mkdir(parents=True, exist_ok=True)
        self.journal = Journal(self.store.journal(self.run_id))

    @property
    def job(self) -> Job:
        found = self.queue.get(self.run_id)
        assert found is not None
        return found

    def log(self, step: int) -> None:
        """Logs as a worker does."""
        self.journal.metrics({"train/loss": 1.0 / step}, step=step, epoch=step / 10, samples=step)

    def report(self) -> bool:
        """One pass."""
        return reporter.report(self.store, self.queue, self.job)

    def steps(self) -> list[int]:
        """Those that are in MLflow."""
        found: list[int] = read.metric_history(self.store, [self.run_id], ["train/loss"])["step"].tolist()
        return found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(new_store(tmp_path))


def test_a_point_that_is_logged_in_a_pass_waits_for_the_next(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.report()
    shipping = ship.ship

    def busy(*given: object, **named: object) -> int:
        offset: int = shipping(*given, **named)  # type: ignore[arg-type]
        run.log(2)
        return offset

    run.log(1)
    with monkeypatch.context() as patched:
        patched.setattr(ship, "ship", busy)
        assert not run.report()
    assert run.steps() == [1]
    assert not run.report()
    assert run.steps() == [1, 2]


def test_a_run_that_is_gone_from_mlflow_while_it_works_is_passed_over(run: Run) -> None:
    run.report()
    engine = sql_engine(open_client(run.store))
    assert engine is not None
    with engine.begin() as connection:
        for table in ("metrics", "latest_metrics", "params", "tags", "runs"):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE run_uuid = ?", (run.run_id,))  # noqa: S608
    run.log(1)
    assert not run.report()
    assert run.job.is_live
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM metrics").scalar() == 0
    run.queue.end(run.run_id, "finished", "", 1.0)
    assert not run.report()
    assert run.job.is_reported


def test_points_go_out_in_portions_but_the_first_and_the_last_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: shown[-1])
    monkeypatch.setattr(reporter, "SHIP_SECONDS", 60.0)
    reports = reporter.Reporter(run.store)
    run.journal.tags({"what": "the worker says first"})
    reports._report_all()
    shown.append(shown[-1] + reporter.PASS_SECONDS)
    run.log(1)
    reports._report_all()
    assert run.steps() == [1]
    monkeypatch.setattr(reporter, "LONGER_EACH_TIME", 60.0)
    shown.append(shown[-1] + reporter.PASS_SECONDS)
    run.log(2)
    reports._report_all()
    run.log(3)
    reports._report_all()
    assert run.steps() == [1, 2]
    shown.append(shown[-1] + 61.0)
    reports._report_all()
    assert run.steps() == [1, 2, 3]
    run.log(4)
    run.queue.end(run.run_id, "finished", "", 1.0)
    for _pass in range(3):
        reports._report_all()
    assert run.steps() == [1, 2, 3, 4]
    assert run.job.reported == "finished"


def test_how_far_a_run_is_shipped_is_noted_now_and_then_and_at_its_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: shown[-1])
    reports = reporter.Reporter(run.store)

    def passes(step: int, seconds: float) -> int:
        run.log(step)
        shown.append(shown[-1] + seconds)
        reports._report_all()
        assert run.steps() == list(range(1, step + 1))
        return run.job.shipped

    first = passes(1, 0.0)
    assert first == run.store.journal(run.run_id).stat().st_size
    assert passes(2, 2.0) == passes(3, 2.0) == first
    third = run.store.journal(run.run_id).stat().st_size
    reporter.Reporter(run.store)._report_all()  # another supervisor's, from where the last note says
    assert run.steps() == [1, 2, 3]
    assert run.job.shipped == third
    assert passes(4, 2.0) == third
    assert passes(5, reporter.NOTE_SECONDS) == run.store.journal(run.run_id).stat().st_size
    run.log(6)
    run.queue.end(run.run_id, "finished", "", 1.0)
    for _pass in range(3):
        reports._report_all()
    assert run.steps() == [1, 2, 3, 4, 5, 6]
    assert run.job.shipped == run.store.journal(run.run_id).stat().st_size


def test_behind_a_tracking_server_each_portion_is_noted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporter, "SHIP_SECONDS", 0.0)
    monkeypatch.setattr(reporter, "sql_engine", lambda _client: None)
    reports = reporter.Reporter(run.store)
    for step in (1, 2, 3):
        run.log(step)
        reports._report_all()
        assert run.steps()[-1] == step
        assert run.job.shipped == run.store.journal(run.run_id).stat().st_size


def test_what_has_piled_up_goes_out_turn_after_turn(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporter, "SHIP_SECONDS", 60.0)
    monkeypatch.setattr(reporter, "LONGER_EACH_TIME", 60.0)
    monkeypatch.setattr(reporter, "METRICS_A_TURN", 1_000)
    reports = reporter.Reporter(run.store)
    reports._report_all()
    for step in range(1, 1_001):
        run.log(step)
    turns = 1
    while reports._report_all() == 0.0:
        turns += 1
        assert turns < 20
    assert turns > 1
    assert run.steps() == list(range(1, 1_001))


def test_a_run_that_can_not_be_reported_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporter, "SHIP_SECONDS", 0.0)
    broken = Run(new_store(tmp_path))  # it comes first in each pass
    healthy = Run(broken.store)
    reports = reporter.Reporter(healthy.store)
    reports._report_all()
    broken.log(1)
    shipping = ship.ship

    def refuse(store: Store, run_id: str, *given: int, **named: int) -> int:
        if run_id == broken.run_id:
            raise OSError("no")
        return shipping(store, run_id, *given, **named)

    monkeypatch.setattr(ship, "ship", refuse)
    for step in (1, 2, 3):
        healthy.log(step)
        assert reports._report_all() == reporter.RETRY_SECONDS
        assert healthy.steps() == list(range(1, step + 1))


def stage(run: Run) -> str:
    return str(open_client(run.store).get_run(run.run_id).info.lifecycle_stage)


@pytest.mark.parametrize("state", ["finished", "failed", "stopped"])
def test_a_run_that_was_deleted_while_it_trained_has_its_end_when_it_is_restored(run: Run, state: Literal["finished"]) -> None:
    run.log(1)
    run.report()
    write.delete_run(run.store, run.run_id)
    run.log(2)
    assert not run.report()
    run.queue.end(run.run_id, state, "why it ended", time.time())
    assert not run.report()
    assert stage(run) == "deleted"
    assert run.job.is_reported
    write.undelete_run(run.store, run.run_id)
    found = read.get_run(run.store, run.run_id)
    assert (found.state, found.reason) == (state, "why it ended")
    assert run.steps() == [1, 2]


def test_a_run_that_an_earlier_version_left_standing_is_ended(run: Run) -> None:
    run.log(1)
    run.report()
    run.queue.end(run.run_id, "finished", "", time.time())
    run.queue.set_reported(run.job)  # as it was passed over, deleted; then it was restored
    assert read.get_run(run.store, run.run_id).state == "running"
    reporter.report_again(run.store, run.queue)
    while run.report():
        pass
    assert read.get_run(run.store, run.run_id).state == "finished"
    reporter.report_again(run.store, run.queue)
    assert run.job.is_reported, "what has its end is left alone"
