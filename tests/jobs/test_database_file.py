"""What is remembered of jobs.db, and when it is looked at again."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from trainer_core.errors import StoreError
from trainer_core.jobs.database import JobDatabase
from trainer_core.jobs.database_file import DatabaseFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A queue with one run that nobody has written to for a while."""
    path = tmp_path / "jobs.db"
    JobDatabase(path).add("a")
    _age(path)
    return path


def _age(path: Path) -> None:
    os.utime(path, ns=(time.time_ns(), time.time_ns() - 10**9))


def _opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Fills with each connection that is opened from now on."""
    opened: list[object] = []
    connect = sqlite3.connect

    def counted(*given: object, **named: object) -> sqlite3.Connection:
        opened.append(given)
        return connect(*given, **named)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite3, "connect", counted)
    return opened


def _live(queue: JobDatabase) -> list[str]:
    return [job.run_id for job in queue.live()]


def test_a_queue_that_nobody_changes_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = JobDatabase(path)
    opened = _opened(monkeypatch)
    for _look in range(10):
        assert _live(queue) == ["a"]
        assert queue.unreported()[0].run_id == "a"
        assert queue.abandoned_launches() == []
    assert len(opened) == 3


def test_what_another_writes_is_seen_at_once(path: Path) -> None:
    queue, other = JobDatabase(path), JobDatabase(path)
    for number in range(200):  # faster than a file system tells the time
        assert len(_live(queue)) == 1 + number
        other.add(f"run {number}")
    _age(path)
    assert len(_live(queue)) == 201
    other.set_shipped("a", 17)
    found = queue.get("a")
    assert found is not None
    assert found.shipped == 17


def test_what_stands_in_the_log_of_a_connection_that_is_open_is_seen(path: Path) -> None:
    queue = JobDatabase(path)
    assert _live(queue) == ["a"]
    with closing(sqlite3.connect(path)) as other:
        with other:
            other.execute("UPDATE jobs SET shipped = 5")
        assert (path.parent / "jobs.db-wal").exists()
        assert queue.live()[0].shipped == 5
        with other:
            other.execute("UPDATE jobs SET shipped = 6")
        assert queue.live()[0].shipped == 6


def test_a_file_that_took_the_place_of_another_is_read(path: Path, tmp_path: Path) -> None:
    queue = JobDatabase(path)
    assert _live(queue) == ["a"]
    JobDatabase(tmp_path / "other.db").add("b")
    (tmp_path / "other.db").replace(path)
    _age(path)
    assert _live(queue) == ["b"]


def test_a_file_that_can_not_be_read_is_told_and_read_again_when_it_can(path: Path, tmp_path: Path) -> None:
    queue = JobDatabase(path)
    assert _live(queue) == ["a"]
    whole = path.rename(tmp_path / "aside.db")
    path.write_bytes(b"no database at all")
    _age(path)
    for _look in range(2):
        with pytest.raises(StoreError, match="can't be used"):
            queue.live()
    whole.replace(path)
    assert _live(queue) == ["a"]


def test_a_change_that_fails_half_way_leaves_nothing_behind(path: Path) -> None:
    file = DatabaseFile(path)

    def fail() -> None:
        with file.open() as connection:
            connection.execute("UPDATE jobs SET shipped = 9")
            connection.execute("no such thing")

    with pytest.raises(StoreError):
        fail()
    assert [row["shipped"] for row in file.read("SELECT shipped FROM jobs")] == [0]
