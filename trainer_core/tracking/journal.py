"""The worker's side of tracking: one JSON record a line, appended with one write, safe against SIGKILL.

While the disk is full or away, records wait in memory, in order, and are written with the first call that finds it again.
The supervisor ships the records to MLflow (ship.py). Nothing heavy is imported here: a logging call costs microseconds.
"""

import contextlib
import errno
import fcntl
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import orjson

from trainer_core.store import AWAY, NO_ROOM

_MOST_WAITING = 16 * 2**20
_RETRY_SECONDS = 1.0
_TAIL_BYTES = 65_536
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
Outcome = Literal["finished", "failed", "stopped"]


class Journal:
    """Appends records to one run's journal. Threads may share it."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._open()
        size = os.fstat(self._file).st_size
        tail = os.pread(self._file, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        # A worker that was killed in mid-write leaves a torn line; ending it keeps it apart from what is written now.
        self._waiting = b"\n" if tail and not tail.endswith(b"\n") else b""
        # Time goes on from the last record's, whatever has become of the clock: readers order by it what was computed twice.
        self._time = _last_time(tail)

    def claim(self) -> bool:
        """Makes this process the only one that writes here, for as long as it lives; False where another one is."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            return True
        return True

    def metrics(self, values: Mapping[str, float], *, step: int, epoch: float, samples: int, tells_progress: bool = True) -> None:
        """Logs values at a step, after `epoch` passes and `samples` rows trained on. NaN and inf are kept.

        Without `tells_progress` MLflow does not get the two: each is one more row a step there.
        """
        numbers: Mapping[str, float | str] = values
        if not math.isfinite(sum(values.values())):  # as it is not where one of them is not
            numbers = {key: _encode(float(value)) for key, value in values.items()}
        record = {"kind": "metrics", "step": step, "epoch": epoch, "samples": samples, "values": numbers}
        if not tells_progress:
            record["tells_progress"] = False
        self._append(record)

    def tags(self, values: Mapping[str, str]) -> None:
        """Sets tags on the run; a later value replaces an earlier one."""
        self._append({"kind": "tags", "values": {key: str(value) for key, value in values.items()}})

    def params(self, values: Mapping[str, str]) -> None:
        """Adds params to the run; a param can't be changed once it is set."""
        self._append({"kind": "params", "values": {key: str(value) for key, value in values.items()}})

    def dataset(self, name: str, source: str, digest: str, context: str, profile: Mapping[str, Any]) -> None:
        """Records what the run reads as an MLflow dataset input. `context` says what for, such as training."""
        self._append(
            {"kind": "dataset", "name": name, "source": source, "digest": digest, "context": context, "profile": dict(profile)}
        )

    def restart(self, from_step: int) -> None:
        """The run goes on from a step: what was logged above it until now is computed anew."""
        with self._lock:
            self._time = max(self._time + 1, int(self._clock() * 1000))  # later than any point it supersedes
        self._append({"kind": "restart", "from_step": from_step})

    def outcome(self, state: Outcome, reason: str = "") -> None:
        """How the run ended: the worker's last word. It waits for the disk however much waits already."""
        self._append({"kind": "outcome", "state": state, "reason": reason}, most=None)

    def close(self) -> None:
        """Closes the file. What was logged is there whether or not this is called."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    @property
    def is_waiting(self) -> bool:
        """Whether records wait in memory for the disk."""
        return bool(self._waiting)

    def settle(self, seconds: float) -> bool:
        """Waits until every record is on the disk; whether that came to be in time."""
        end = time.monotonic() + seconds
        while True:
            with self._lock:
                self._write(b"", None)
                if not self._waiting:
                    return True
            if time.monotonic() >= end:
                return False
            time.sleep(_RETRY_SECONDS)

    def _append(self, record: dict[str, Any], most: int | None = _MOST_WAITING) -> None:
        with self._lock:
            # Time never runs backwards within a journal: readers order the points of one step by it.
            now = int(self._clock() * 1000)
            if now > self._time:
                self._time = now
            record["time"] = self._time
            self._write(orjson.dumps(record, option=_OPTIONS), most)

    def _write(self, line: bytes, most: int | None) -> None:
        """Writes a line, or keeps it, whole or the rest of it, while the disk is full or away: training goes on meanwhile.

        Raises OSError for anything else, and for that too once more than `most` bytes wait.
        """
        left = self._waiting + line if self._waiting else line
        try:
            while left:  # only want of room or a signal cuts a write short
                left = left[os.write(self._file, left) :]
        except OSError as error:
            if error.errno == errno.ESTALE:  # a server of files that came back knows nothing of what was open
                with contextlib.suppress(OSError):
                    file = self._open()
                    os.close(self._file)
                    self._file = file
            if error.errno not in (*NO_ROOM, *AWAY) or (most is not None and len(left) > most):
                raise
        self._waiting = left

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _last_time(tail: bytes) -> int:
    """The time of the last whole record in the end of a journal, 0 where there is none."""
    for line in reversed(tail.splitlines()):
        try:
            return int(orjson.loads(line)["time"])
        except (ValueError, KeyError, TypeError):
            continue
    return 0


def read_records(path: Path, offset: int = 0) -> Iterator[tuple[dict[str, Any], int]]:
    """The journal's records from a byte offset, each with the offset after it.

    A last line that is not whole yet is left for later; a torn line in the middle, left by a crash, is skipped.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(record, dict) and "kind" in record:
                yield record, offset


def read_standing(path: Path, step: int) -> tuple[frozenset[str], str]:
    """What the journal of a run that is resumed at a step has: the metrics of evaluations and of the final test at that step, and
    how the run ended last, empty where it never said so.
    """
    names: set[str] = set()
    outcome = ""
    for record, _end in read_records(path):
        match record["kind"]:
            case "outcome":
                outcome = str(record["state"])
            case "restart" if record["from_step"] < step:  # what was logged at the step is computed anew
                names.clear()
            case "metrics" if record["step"] == step:
                names.update(name for name in record["values"] if name.startswith(("eval/", "test/")))
    return frozenset(names), outcome


def decode(value: float | str) -> float:
    """A metric's value as `Journal.metrics` wrote it; NaN and inf are written as text because JSON has no word for them."""
    return float(value)


def _encode(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
