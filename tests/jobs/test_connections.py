"""Connections to jobs.db that are kept from one call to the next."""

import threading
from pathlib import Path

import pytest

from trainer_core.errors import StoreError
from trainer_core.jobs.database import JobDatabase


def test_what_others_wrote_is_seen_by_who_keeps_the_file_open(tmp_path: Path) -> None:
    kept, other = JobDatabase(tmp_path / "jobs.db", keep_open=True), JobDatabase(tmp_path / "jobs.db")
    assert kept.live() == []
    other.add("a")
    assert [job.run_id for job in kept.live()] == ["a"]
    kept.set_shipped("a", 17)
    found = other.get("a")
    assert found is not None
    assert found.shipped == 17
    kept.close()
    assert [job.run_id for job in kept.live()] == ["a"]
    kept.close()


def test_a_file_that_took_the_place_of_another_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    kept = JobDatabase(path, keep_open=True)
    kept.add("before")
    path.rename(tmp_path / "aside.db")
    JobDatabase(path).add("after")
    assert [job.run_id for job in kept.live()] == ["after"]
    kept.close()


def test_a_kept_file_that_fails_once_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    kept = JobDatabase(path, keep_open=True)
    kept.add("a")
    kept.close()  # which writes everything into the one file
    assert len(kept.live()) == 1
    whole = path.rename(tmp_path / "aside.db")
    path.write_bytes(b"no database")
    with pytest.raises(StoreError, match="can't be used"):
        kept.live()
    path.unlink()
    whole.rename(path)
    assert [job.run_id for job in kept.live()] == ["a"]
    kept.close()


def test_a_write_that_fails_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    kept = JobDatabase(tmp_path / "jobs.db", keep_open=True)
    kept.add("a")
    with pytest.raises(StoreError):  # it is there already
        kept.add("a")
    assert [job.run_id for job in kept.live()] == ["a"]
    kept.add("b")
    assert [job.run_id for job in JobDatabase(tmp_path / "jobs.db").live()] == ["a", "b"]
    kept.close()


def test_threads_share_what_is_kept(tmp_path: Path) -> None:
    kept = JobDatabase(tmp_path / "jobs.db", keep_open=True)
    threads = [threading.Thread(target=lambda number=number: kept.add(f"run {number}")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(job.run_id for job in kept.live()) == [f"run {number}" for number in range(8)]
    kept.close()
