"""What the supervisor's reporter tells MLflow in one pass."""

from pathlib import Path

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

    def __init__(self, folder: Path) -> None:
        self.store: Store = new_store(folder)
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
    return Run(tmp_path)


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


def test_a_journal_longer_than_a_turn_is_gone_on_with_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.report()
    monkeypatch.setattr(reporter, "METRICS_A_TURN", 1_000)
    monkeypatch.setattr(ship, "METRICS_PER_CALL", 1_000)
    for step in range(1, 1_001):
        run.log(step)
    turns = 1
    while run.report():
        turns += 1
    assert turns > 1
    assert run.steps() == list(range(1, 1_001))


def test_a_run_that_is_gone_from_mlflow_while_it_works_is_passed_over(run: Run) -> None:
    run.report()
    engine = sql_engine(open_client(run.store))
    assert engine is not None
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        for table in ("metrics", "latest_metrics", "params", "tags", "runs"):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE run_uuid = ?", (run.run_id,))  # noqa: S608
    run.log(1)
    assert not run.report()
    assert run.job.is_live
    run.queue.end(run.run_id, "finished", "", 1.0)
    assert not run.report()
    assert run.job.is_reported


def test_the_points_of_a_run_that_has_worked_for_a_while_go_out_with_each_third_pass(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.report()
    reports = reporter.Reporter(run.store)
    run.log(1)
    reports._report_all()
    assert run.steps() == [1]  # it is young
    monkeypatch.setattr(reporter, "YOUNG_SECONDS", -1.0)
    waited = 0
    run.log(2)
    while run.steps() == [1]:
        reports._report_all()
        waited += 1
        assert waited <= reporter.SHIP_EVERY
    run.log(3)
    for _pass in range(reporter.SHIP_EVERY - 1):
        reports._report_all()
    assert run.steps() == [1, 2]
    run.queue.end(run.run_id, "finished", "", 1.0)
    while run.job.reported != "finished":
        reports._report_all()
    assert run.steps() == [1, 2, 3]
