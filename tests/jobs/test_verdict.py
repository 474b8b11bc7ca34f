"""Each end that a worker did not tell itself gets the right name."""

import signal
import time

import pytest

from trainer_core.jobs.database import Job, JobDatabase
from trainer_core.jobs.verdict import judge
from trainer_core.store import Store

RUN = "a" * 32


@pytest.fixture
def job(store: Store) -> Job:
    jobs = JobDatabase(store.jobs_database)
    jobs.add(RUN)
    assert jobs.start(RUN, 0)
    found = jobs.get(RUN)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("status", "booted", "sentence"),
    [
        (
            {"code": -signal.SIGKILL, "killed_for_memory": True},
            -100.0,
            "The system ended the worker: the machine's memory ran out.",
        ),
        (
            {"code": -signal.SIGKILL, "killed_for_memory": False},
            -100.0,
            "killed from outside by signal 9 (SIGKILL). Resume the run",
        ),
        ({"code": -signal.SIGSEGV}, -100.0, "killed from outside by signal 11 (SIGSEGV)"),
        ({"code": 3}, -100.0, "ended with exit code 3 and did not say how the run went"),
        ({"code": None, "error": "no such file"}, -100.0, "could not be started: no such file"),
        (None, -100.0, "The worker and its watcher were killed from outside"),
        (None, 100.0, "The machine was restarted while the run was at work"),
    ],
)
def test_an_end_without_a_last_word_is_named(
    store: Store, job: Job, status: dict[str, object] | None, booted: float, sentence: str
) -> None:
    state, reason = judge(store, job, status, time.time() + booted)
    assert state == "failed"
    assert sentence in reason
    assert "log" in reason.lower()
