"""The file of the queue: a connection a call, and reading that looks at the file only where it may have changed."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from trainer_core.errors import StoreError
from trainer_core.language import gettext as _

PATIENCE_SECONDS = 20.0
"""How long a call waits for another process to be done."""
_FRESH_NS = 200_000_000
"""File systems tell when a file was written in steps of some ms: within them it may be written again unseen."""
_Place = tuple[int, int, int, int]


class DatabaseFile:
    """A SQLite file in WAL mode. Each call opens it for itself, so that threads and processes may share an object.

    Every method raises StoreError where the file can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._log = path, path.with_name(path.name + "-wal")
        self._read: dict[tuple[str, tuple[object, ...]], tuple[_Place, list[sqlite3.Row]]] = {}

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
        """The rows of a query. They are remembered: opening takes twenty times as long as what is asked, and a supervisor asks
        twenty times a second.
        """
        state = self._state()
        known = self._read.get((query, values))
        if state is not None and known is not None and known[0] == state:
            return known[1]
        with self.open() as connection:
            rows = connection.execute(query, values).fetchall()
        if state is not None:
            self._read[query, values] = state, rows
        return rows

    def _state(self) -> _Place | None:
        """What stays equal as long as nobody writes; None where that can't be told now.

        Ask before reading: what is written meanwhile makes another state.
        """
        # Whoever is last to close writes everything into the file and removes the log; while there is one, it may hold more.
        if self._log.exists():
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        is_fresh = abs(time.time_ns() - found.st_mtime_ns) < _FRESH_NS
        return None if is_fresh else (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


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
