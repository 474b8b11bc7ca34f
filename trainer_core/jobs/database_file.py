"""The file of the queue: a connection a call, and reading that looks at the file only where it may have changed."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from trainer_core.errors import StoreError
from trainer_core.language import gettext as _

PATIENCE_SECONDS = 20.0
"""How long a call waits for another process to be done."""
_SETTLED_SECONDS, _SETTLED_SECONDS_COARSE = 0.2, 2.1
"""How long a file must look the same before it is believed: within a step of its file system's clock it may be written again
unseen. Such a step is some ms, or one or two seconds where times are whole seconds."""


class _State(NamedTuple):
    """What stays equal as long as nobody writes."""

    device: int
    inode: int
    size: int
    written_ns: int

    @property
    def settled_seconds(self) -> float:
        return _SETTLED_SECONDS if self.written_ns % 1_000_000_000 else _SETTLED_SECONDS_COARSE


class _Memory(NamedTuple):
    """Rows by query, read while the file looked like `state`, which it has since `since` on this machine's own clock."""

    state: _State | None
    since: float
    rows: dict[tuple[str, tuple[object, ...]], list[sqlite3.Row]]


class DatabaseFile:
    """A SQLite file in WAL mode. Each call opens it for itself, so that threads and processes may share an object.

    Every method raises StoreError where the file can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._memory = _Memory(None, 0.0, {})

    @contextlib.contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A connection; what is changed in the block is written when it ends, unless it raises."""
        with (
            as_sentences(self._path),
            contextlib.closing(sqlite3.connect(self._path, timeout=PATIENCE_SECONDS, isolation_level="IMMEDIATE")) as connection,
        ):
            connection.row_factory = sqlite3.Row
            with connection:
                yield connection

    def read(self, query: str, *values: object) -> list[sqlite3.Row]:
        """The rows of a query. They are remembered: opening takes far longer than what is asked, and a supervisor asks
        twenty times a second.
        """
        memory = self._memory_now()  # before reading: what is written meanwhile makes another state
        key = (query, values)
        if memory is not None and key in memory.rows:
            return memory.rows[key]
        with self.open() as connection:
            rows = connection.execute(query, values).fetchall()
        if memory is not None:
            memory.rows[key] = rows
        return rows

    def _memory_now(self) -> _Memory | None:
        """What is remembered of the file as it is; None where that can't be told now."""
        try:
            real = self._path.resolve()
            # Whoever is last to close writes everything into the file and removes the log; while there is one, it may hold more.
            if real.with_name(real.name + "-wal").exists():
                return None
            found = real.stat()
        except OSError:
            return None
        state, now = _State(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns), time.monotonic()
        memory = self._memory
        if memory.state != state:
            self._memory = _Memory(state, now, {})
            return None
        return memory if now - memory.since >= state.settled_seconds else None


@contextlib.contextmanager
def as_sentences(path: Path) -> Iterator[None]:
    """Makes what SQLite raises a StoreError, so that it is shown as a sentence."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(
            _(
                "The queue {file} can't be used: {cause}. Free space or mend permissions if that is it; a damaged file can be "
                "moved away, which forgets waiting runs and nothing else."
            ).format(file=path, cause=error)
        ) from error
