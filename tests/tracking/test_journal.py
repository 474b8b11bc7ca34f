"""The journal keeps what was logged, whatever becomes of the worker."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import orjson
import pytest

from trainer_core.tracking.journal import Journal, decode, read_records


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journals" / "run.jsonl"


def log(journal: Journal, step: int, **values: float) -> None:
    journal.metrics({f"train/{name}": value for name, value in values.items()}, step=step, epoch=step / 10, samples=step * 32)


def test_a_metrics_record_holds_time_step_epoch_and_samples(path: Path) -> None:
    journal = Journal(path, clock=lambda: 1_000.5)
    log(journal, 20, loss=0.25)
    [(record, end)] = read_records(path)
    assert record == {
        "kind": "metrics",
        "time": 1_000_500,
        "step": 20,
        "epoch": 2.0,
        "samples": 640,
        "values": {"train/loss": 0.25},
    }
    assert end == path.stat().st_size


def test_nan_and_infinity_come_back_as_logged(path: Path) -> None:
    journal = Journal(path)
    log(journal, 1, loss=float("nan"), up=float("inf"), down=float("-inf"))
    [(record, _end)] = read_records(path)
    assert {key: str(decode(value)) for key, value in record["values"].items()} == {
        "train/loss": "nan",
        "train/up": "inf",
        "train/down": "-inf",
    }


def test_every_kind_of_record_is_read_back_in_order(path: Path) -> None:
    journal = Journal(path)
    journal.params({"a": "1"})
    journal.tags({"b": "2"})
    journal.dataset("digits", "scikit-learn", "abc", "training", {"rows": 3})
    journal.outcome("failed", "The loss is not a number.")
    journal.close()
    records = [record for record, _end in read_records(path)]
    assert [record["kind"] for record in records] == ["params", "tags", "dataset", "outcome"]
    assert records[3]["reason"] == "The loss is not a number."


def test_what_was_logged_survives_sigkill_right_after_the_call(path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from trainer_core.tracking.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1])); journal.metrics({'train/loss': 1.0}, step=7, epoch=0, samples=0)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert [record["step"] for record, _end in read_records(path)] == [7]


def test_a_torn_last_line_is_left_for_later(path: Path) -> None:
    journal = Journal(path)
    log(journal, 1, loss=1.0)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    records = list(read_records(path))
    assert [end for _record, end in records] == [len(whole)]
    path.write_bytes(whole + whole)
    assert len(list(read_records(path, records[0][1]))) == 1


def test_a_torn_line_in_the_middle_is_skipped_and_spoils_nothing_after_it(path: Path) -> None:
    log(Journal(path), 1, loss=1.0)
    with path.open("ab") as file:
        file.write(b'{"kind":"metrics","step":2,"val')
    log(Journal(path), 3, loss=1.0)
    assert [record["step"] for record, _end in read_records(path)] == [1, 3]


def test_threads_never_mix_their_lines(path: Path) -> None:
    journal = Journal(path)

    def work(thread: int) -> None:
        for step in range(200):
            log(journal, step, **{f"of_{thread}": float(step)})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(1 for _record in read_records(path)) == 800


def test_time_never_runs_backwards(path: Path) -> None:
    times = iter([5.0, 3.0, 6.0])
    journal = Journal(path, clock=lambda: next(times))
    for step in range(3):
        log(journal, step, loss=0.0)
    assert [record["time"] for record, _end in read_records(path)] == [5_000, 5_000, 6_000]


def test_each_call_is_one_line_on_disk_at_once(path: Path) -> None:
    journal = Journal(path)
    for step in range(3):
        log(journal, step, loss=0.5)
        assert [orjson.loads(line)["step"] for line in path.read_bytes().splitlines()] == list(range(step + 1))


def test_a_missing_journal_has_no_records(path: Path) -> None:
    assert list(read_records(path)) == []
    assert not path.exists()


def test_time_goes_on_from_the_last_record_when_the_clock_was_set_back(path: Path) -> None:
    first = Journal(path, clock=lambda: 2_000.0)
    log(first, 1, loss=0.5)
    log(first, 2, loss=0.4)
    first.close()
    with path.open("ab") as file:
        file.write(b'{"kind": "metrics", "ti')  # torn
    second = Journal(path, clock=lambda: 1_000.0)
    second.restart(1)
    log(second, 2, loss=0.45)
    times = [record["time"] for record, _end in read_records(path)]
    assert times == [2_000_000, 2_000_000, 2_000_001, 2_000_001]


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EROFS])
def test_records_wait_for_a_disk_that_is_away(path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(path)
    log(journal, 1, loss=0.5)
    write = os.write

    def fail(*_arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", fail)
    log(journal, 2, loss=0.4)
    assert not journal.settle(0.0)
    monkeypatch.setattr(os, "write", write)
    log(journal, 3, loss=0.3)
    assert not journal.is_waiting
    assert [record["step"] for record, _end in read_records(path)] == [1, 2, 3]


def test_the_last_word_waits_however_much_waits_already(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(path)

    def fail(*_arguments: object) -> int:
        raise OSError(errno.EIO, "away")

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(OSError, match="away"):
        journal.tags({"long": "x" * (17 * 2**20)})
    journal.outcome("failed", "The disk is away.")
    monkeypatch.undo()
    assert journal.settle(1.0)
    assert [record["kind"] for record, _end in read_records(path)] == ["outcome"]


def test_only_one_process_writes_a_run_s_journal(path: Path) -> None:
    journal = Journal(path)
    assert journal.claim()
    other = "import sys; from pathlib import Path; from trainer_core.tracking.journal import Journal;"
    ask = [sys.executable, "-c", f"{other} print(Journal(Path(sys.argv[1])).claim())", str(path)]
    assert subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip() == "False"
    journal.close()
    assert subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip() == "True"
