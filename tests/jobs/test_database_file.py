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

NOW = 1_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """This machine's own clock; its last entry is what it shows."""
    shown = [NOW]
    monkeypatch.setattr(time, "monotonic", lambda: shown[-1])
    return shown


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A queue with one run."""
    path = tmp_path / "jobs.db"
    JobDatabase(path).add("a")
    return path


def _set_time(path: Path, nanoseconds: int) -> None:
    """When the file was written, as its file system tells it."""
    os.utime(path, ns=(nanoseconds, nanoseconds))


def _opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Fills with each connection that is opened from now on."""
    opened: list[object] = []
    connect = sqlite3.connect

    def counted(*given: object, **named: object) -> sqlite3.Connection:
        opened.extend(given[:1] if given[0] == path else [])
        return connect(*given, **named)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite3, "connect", counted)
    return opened


def _live(queue: JobDatabase) -> list[str]:
    return [job.run_id for job in queue.live()]


def _shipped(queue: JobDatabase) -> int:
    return queue.live()[0].shipped


def test_a_queue_that_nobody_changes_is_read_once(path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    _set_time(path, 123_456_789)
    queue = JobDatabase(path)
    assert _live(queue) == ["a"]
    clock.append(NOW + 1)
    opened = _opened(path, monkeypatch)
    for _look in range(10):
        assert _live(queue) == ["a"]
        assert queue.unreported()[0].run_id == "a"
        assert queue.abandoned_launches() == []
    assert len(opened) == 3


def test_what_another_writes_is_seen_at_once(path: Path) -> None:
    queue, other = JobDatabase(path), JobDatabase(path)
    for number in range(100):
        assert len(_live(queue)) == 1 + number
        other.add(f"run {number}")


def test_what_changes_neither_size_nor_place_is_seen_by_its_time(path: Path, clock: list[float]) -> None:
    _set_time(path, 1_500_000_000)
    queue = JobDatabase(path)
    for shipped in (0, 17, 18):
        assert _shipped(queue) == shipped
        clock.append(clock[-1] + 10)
        assert _shipped(queue) == shipped  # from now on from memory
        assert _shipped(queue) == shipped
        JobDatabase(path).set_shipped("a", shipped + 1 if shipped else 17)


@pytest.mark.parametrize(("written", "unsure", "sure"), [(1_500_000_000, 0.1, 0.3), (2_000_000_000, 1.9, 2.2)])
def test_a_second_write_within_a_step_of_the_file_systems_clock_is_seen(
    path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch, written: int, unsure: float, sure: float
) -> None:
    queue, other = JobDatabase(path), JobDatabase(path)
    _set_time(path, written)
    assert _shipped(queue) == 0
    clock.append(NOW + unsure)
    assert _shipped(queue) == 0
    other.set_shipped("a", 17)
    _set_time(path, written)
    assert _shipped(queue) == 17
    clock.append(NOW + sure)
    assert _shipped(queue) == 17
    opened = _opened(path, monkeypatch)
    assert _shipped(queue) == 17
    assert opened == []


def test_what_stands_in_the_log_of_a_connection_that_is_open_is_seen(path: Path, clock: list[float]) -> None:
    queue = JobDatabase(path)
    assert _live(queue) == ["a"]
    clock.append(NOW + 10)
    assert _live(queue) == ["a"]
    with closing(sqlite3.connect(path)) as other:
        for shipped in (5, 6):
            with other:
                other.execute("UPDATE jobs SET shipped = ?", (shipped,))
            assert (path.parent / "jobs.db-wal").exists()
            assert _shipped(queue) == shipped


def test_a_log_is_looked_for_beside_the_file_that_a_link_leads_to(path: Path, clock: list[float]) -> None:
    (path.parent / "elsewhere").mkdir()
    link = path.parent / "elsewhere" / "jobs.db"
    link.symlink_to(path)
    queue = JobDatabase(link)
    assert _live(queue) == ["a"]
    clock.append(NOW + 10)
    assert _live(queue) == ["a"]
    with closing(sqlite3.connect(path)) as other:
        with other:
            other.execute("UPDATE jobs SET shipped = 5")
        assert _shipped(queue) == 5


def test_a_file_that_took_the_place_of_another_is_read(path: Path, tmp_path: Path, clock: list[float]) -> None:
    queue = JobDatabase(path)
    assert _live(queue) == ["a"]
    clock.append(NOW + 10)
    assert _live(queue) == ["a"]
    JobDatabase(tmp_path / "other.db").add("b")
    (tmp_path / "other.db").replace(path)
    assert _live(queue) == ["b"]


def test_a_file_that_can_not_be_read_is_told_and_read_again_when_it_can(path: Path, tmp_path: Path, clock: list[float]) -> None:
    queue = JobDatabase(path)
    assert _live(queue) == ["a"]
    whole = path.rename(tmp_path / "aside.db")
    path.write_bytes(b"no database at all")
    for _look in range(3):
        with pytest.raises(StoreError, match="can't be used"):
            queue.live()
        clock.append(clock[-1] + 10)
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
