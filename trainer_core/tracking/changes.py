"""Whether a SQLite database has changed, told in microseconds: what was read from it need not be read again meanwhile."""

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from cachetools import LRUCache

if TYPE_CHECKING:
    from sqlalchemy import Engine


class _Watched:
    """One database file, through a connection of its own: SQLite's `data_version` moves when any other one has written."""

    def __init__(self, path: str) -> None:
        self.identity = _identity(path)
        self._connection = sqlite3.connect(path, timeout=1.0, check_same_thread=False)

    def version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        self._connection.close()


class _FewWatched(LRUCache[str, _Watched]):
    """Closes what it lets go."""

    def popitem(self) -> tuple[str, _Watched]:
        path, watched = super().popitem()
        watched.close()
        return path, watched


_WATCHED = _FewWatched(maxsize=4)
_LOCK = threading.Lock()


def version_of(engine: "Engine") -> tuple[int, ...] | None:
    """What stays equal as long as the database stays as it is; None where that can't be told.

    Ask before reading: what is written meanwhile makes another version.
    """
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path:
        return None
    with _LOCK, contextlib.suppress(sqlite3.Error, OSError):
        watched = _WATCHED.get(path)
        if watched is None or watched.identity != _identity(path):  # another file may stand in its place
            if watched is not None:
                watched.close()
            watched = _WATCHED[path] = _Watched(path)
        return (*watched.identity, id(watched), watched.version())
    return None


def _identity(path: str) -> tuple[int, int]:
    found = Path(path).stat()
    return found.st_dev, found.st_ino
