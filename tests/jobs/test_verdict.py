"""Each end that a worker did not tell itself gets the right name."""

import signal

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
    ("status", "rebooted", "sentence"),
    [
        (
            {"code": -signal.SIGKILL, "killed_for_memory": True},
            False,
            "The system ended the worker: the machine's memory ran out.",
        ),
        (
            {"code": -signal.SIGKILL, "killed_for_memory": False},
            False,
            "killed from outside by signal 9 (SIGKILL). Resume the run",
        ),
        ({"code": -signal.SIGSEGV}, False, "killed from outside by signal 11 (SIGSEGV)"),
        ({"code": 3}, False, "ended with exit code 3 and did not say how the run went"),
        ({"code": None, "error": "no such file"}, False, "could not be started: no such file"),
        (None, False, "The worker and its watcher were killed from outside"),
        (None, True, "The machine was restarted while the run was at work"),
    ],
)
def test_an_end_without_a_last_word_is_named(
    store: Store, job: Job, status: dict[str, object] | None, rebooted: bool, sentence: str
) -> None:
    state, reason = judge(store, job, status, rebooted=rebooted)
    assert state == "failed"
    assert sentence in reason
    assert "log" in reason.lower()
