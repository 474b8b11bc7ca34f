"""Connections to jobs.db: one a call, or one that is kept, for a process that looks many times a second."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from trainer_core.errors import StoreError
from trainer_core.language import gettext as _

_PATIENCE_SECONDS = 20.0


class Connections:
    """Opens the database at `path`. Threads and processes may share an object.

    Opening, and closing as the last, which writes everything back into the file, take ten times as long as what is asked
    between them. With `keep` the connection stays; it is given up where the file is another one by now.
    """

    def __init__(self, path: Path, *, keep: bool) -> None:
        self._path, self._keep = path, keep
        self._lock = threading.Lock()
        self._kept: tuple[sqlite3.Connection, tuple[int, int] | None] | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction, which is written unless the block raises. Raises StoreError for what SQLite raises."""
        with as_sentences(self._path):
            if not self._keep:
                with contextlib.closing(_connect(self._path)) as connection, connection:
                    yield connection
                return
            with self._lock:
                connection = self._current()
                try:
                    with connection:
                        yield connection
                except sqlite3.Error:
                    self._give_up()
                    raise

    def close(self) -> None:
        """Gives up a kept connection; the next call opens another."""
        with self._lock:
            self._give_up()

    def _current(self) -> sqlite3.Connection:
        if self._kept is not None and self._kept[1] != place_of(self._path):
            self._give_up()
        if self._kept is None:
            connection = _connect(self._path)
            self._kept = connection, place_of(self._path)
        return self._kept[0]

    def _give_up(self) -> None:
        if self._kept is not None:
            self._kept[0].close()
            self._kept = None


def _connect(path: Path) -> sqlite3.Connection:
    # A kept one is used by one thread at a time, but not always by the same.
    connection = sqlite3.connect(path, timeout=_PATIENCE_SECONDS, isolation_level="IMMEDIATE", check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def place_of(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to now; None where it leads nowhere."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


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
