"""The queue of one store, jobs.db: order, state, process identities and how far each journal is shipped at least.

What a run computed lives in MLflow. This holds only what running it needs; SQLite's locks let pages, the command line and
the supervisor share it.
"""

import contextlib
import fcntl
import sqlite3
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from trainer_core.jobs.database_file import PATIENCE_SECONDS, DatabaseFile, as_sentences
from trainer_core.jobs.processes import Identity, is_alive, this_host

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    run_id TEXT PRIMARY KEY,
    position REAL NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 1,
    added REAL NOT NULL,
    resume_from INTEGER,
    stop_requested REAL,
    stop_sent REAL,
    started REAL,
    ended REAL,
    reason TEXT NOT NULL DEFAULT '',
    host TEXT NOT NULL DEFAULT '',
    boot TEXT NOT NULL DEFAULT '',
    shim_pid INTEGER,
    shim_started REAL,
    worker_pid INTEGER,
    worker_started REAL,
    journal_start INTEGER NOT NULL DEFAULT 0,
    slot INTEGER NOT NULL DEFAULT 0,
    spare INTEGER NOT NULL DEFAULT 0,
    shipped INTEGER NOT NULL DEFAULT 0,
    reported TEXT NOT NULL DEFAULT '',
    epochs INTEGER,
    was_state TEXT NOT NULL DEFAULT '',
    was_reason TEXT NOT NULL DEFAULT '',
    was_ended REAL
);
CREATE TABLE IF NOT EXISTS launches (
    token TEXT PRIMARY KEY,
    begun REAL NOT NULL,
    host TEXT NOT NULL,
    boot TEXT NOT NULL DEFAULT '',
    pid INTEGER NOT NULL,
    started REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, position);
"""

# Added since the first stores were written: (table, column, type).
_ADDED = (
    ("jobs", "slot", "INTEGER NOT NULL DEFAULT 0"),
    ("jobs", "spare", "INTEGER NOT NULL DEFAULT 0"),
    ("jobs", "boot", "TEXT NOT NULL DEFAULT ''"),
    ("jobs", "epochs", "INTEGER"),
    ("jobs", "was_state", "TEXT NOT NULL DEFAULT ''"),
    ("jobs", "was_reason", "TEXT NOT NULL DEFAULT ''"),
    ("jobs", "was_ended", "REAL"),
    ("launches", "boot", "TEXT NOT NULL DEFAULT ''"),
)
_NOT_STARTED = (
    "stop_requested = NULL, stop_sent = NULL, started = NULL, ended = NULL, reason = '', host = '', boot = '',"
    " shim_pid = NULL, shim_started = NULL, worker_pid = NULL, worker_started = NULL, spare = 0, reported = ''"
)
LIVE = ("queued", "running")
# A launch takes seconds. Whether its process lives can only be seen on its own machine.
_LAUNCH_SECONDS_ELSEWHERE = 600.0


@dataclass(frozen=True)
class Job:
    """A run as the queue knows it. Times are seconds since 1970; `state` is one of tracking's run states.

    `added` is when it was queued last; `reported` is the state that MLflow has been told; `attempt` counts the starts; `epochs`
    are those that a resumed run is to be trained to, where they are more than before; `slot` is where it works, see devices;
    `spare` says that its worker had waited for it, see spare; `journal_start` is where this attempt's records begin, `shipped`
    how far they are in MLflow at least, both in bytes.
    """

    run_id: str
    position: float
    state: str
    attempt: int
    added: float
    resume_from: int | None
    epochs: int | None
    stop_requested: float | None
    stop_sent: float | None
    started: float | None
    ended: float | None
    reason: str
    shim: Identity | None
    worker: Identity | None
    journal_start: int
    slot: int
    spare: bool
    shipped: int
    reported: str

    @property
    def is_live(self) -> bool:
        """Whether the run waits or works."""
        return self.state in LIVE

    @property
    def is_reported(self) -> bool:
        """Whether MLflow knows all there is to know until something happens again."""
        return self.reported == self.state


class JobDatabase:
    """Reads and writes jobs.db. Threads and processes may share an object.

    Every method raises StoreError where the file can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, DatabaseFile(path)
        if not path.exists():
            # Changing the journal mode does not wait for other connections: one process at a time creates the file.
            with path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._create()
        else:
            self._create()

    def _create(self) -> None:
        with as_sentences(self._path), contextlib.closing(sqlite3.connect(self._path, timeout=PATIENCE_SECONDS)) as connection:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_SCHEMA)
            known = {(table, row[1]) for table in ("jobs", "launches") for row in connection.execute(f"PRAGMA table_info({table})")}
            for table, column, kind in _ADDED:
                if (table, column) not in known:
                    with contextlib.suppress(sqlite3.OperationalError):  # another process was quicker
                        connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")

    def begin_launch(self, launcher: Identity) -> str:
        """Notes, before MLflow creates a run, who is about to queue it; gives the token that the run's tag carries."""
        token = uuid.uuid4().hex
        with self._file.open() as connection:
            values = (token, time.time(), launcher.host, launcher.boot, launcher.pid, launcher.started)
            connection.execute("INSERT INTO launches (token, begun, host, boot, pid, started) VALUES (?, ?, ?, ?, ?, ?)", values)
        return token

    def end_launch(self, token: str) -> None:
        """The launch came to nothing, and its run, if there is one, says so."""
        with self._file.open() as connection:
            connection.execute("DELETE FROM launches WHERE token = ?", (token,))

    def abandoned_launches(self) -> list[str]:
        """The tokens of launches whose process ended before it could queue the run."""
        return [
            row["token"]
            for row in self._file.read("SELECT * FROM launches")
            if (
                not is_alive(Identity(row["host"], row["pid"], row["started"], row["boot"]))
                if row["host"] == this_host()
                else time.time() - row["begun"] > _LAUNCH_SECONDS_ELSEWHERE
            )
        ]

    def add(self, run_id: str, token: str = "") -> None:
        """Queues a run at the end and closes its launch, both or neither. MLflow knows it as queued already."""
        with self._file.open() as connection:
            connection.execute("DELETE FROM launches WHERE token = ?", (token,))
            connection.execute(
                "INSERT INTO jobs (run_id, position, state, added, reported)"
                " SELECT ?, COALESCE(MAX(position), 0) + 1, 'queued', ?, 'queued' FROM jobs",
                (run_id, time.time()),
            )

    def add_over(self, run_id: str, state: str) -> None:
        """Notes a run that is over and that the queue does not know, as in a store whose jobs.db was lost."""
        with self._file.open() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO jobs (run_id, position, state, added, reported)"
                " SELECT ?, COALESCE(MAX(position), 0) + 1, ?, ?, ? FROM jobs",
                (run_id, state, time.time(), state),
            )

    def get(self, run_id: str) -> Job | None:
        """The job of a run, None where the queue does not know it."""
        found = self._select("WHERE run_id = ?", run_id)
        return found[0] if found else None

    def live(self) -> list[Job]:
        """Running and queued jobs, in order."""
        return self._select("WHERE state IN ('queued', 'running') ORDER BY state = 'queued', position")

    def unreported(self) -> list[Job]:
        """Jobs of which MLflow does not know the end yet, and all live ones."""
        return self._select("WHERE state IN ('queued', 'running') OR reported != state ORDER BY position")

    def move_first(self, run_id: str) -> bool:
        """Puts a waiting run before all others; False where it does not wait."""
        return self._update(
            "position = (SELECT MIN(position) - 1 FROM jobs WHERE state = 'queued')", "run_id = ? AND state = 'queued'", run_id
        )

    def requeue(self, run_id: str, resume_from: int, epochs: int | None = None) -> bool:
        """Queues a run that is over once more, from a step, for `epochs` in total where they are more; False where it is live."""
        return self._update(
            "was_state = state, was_reason = reason, was_ended = ended, state = 'queued', attempt = attempt + 1, added = ?, "  # noqa: S608
            "resume_from = ?, epochs = ?, position = (SELECT MAX(position) + 1 FROM jobs), " + _NOT_STARTED,
            "run_id = ? AND state NOT IN ('queued', 'running')",
            time.time(),
            resume_from,
            epochs,
            run_id,
        )

    def start_again(self, run_id: str, resume_from: int) -> bool:
        """Queues a run whose worker has just ended before all others; False where its user wants it stopped."""
        return self._update(
            "was_state = '', state = 'queued', attempt = attempt + 1, added = ?, resume_from = ?, "  # noqa: S608
            "position = (SELECT MIN(position) - 1 FROM jobs), " + _NOT_STARTED,
            "run_id = ? AND state = 'running' AND stop_requested IS NULL",
            time.time(),
            resume_from,
            run_id,
        )

    def request_stop(self, run_id: str) -> None:
        """Asks for a running job's end; asking again changes nothing."""
        self._update("stop_requested = ?", "run_id = ? AND state = 'running' AND stop_requested IS NULL", time.time(), run_id)

    def mark_stop_sent(self, run_id: str) -> None:
        """The worker has been told to stop."""
        self._update("stop_sent = ?", "run_id = ?", time.time(), run_id)

    def note_reason(self, run_id: str, reason: str) -> None:
        """Says why the worker of a running job is about to be ended."""
        self._update("reason = ?", "run_id = ? AND state = 'running'", reason, run_id)

    def start(self, run_id: str, journal_start: int, slot: int = 0) -> bool:
        """Takes a job off the queue; False where it no longer waits, because someone stopped it just now."""
        return self._update(
            "state = 'running', started = ?, journal_start = ?, slot = ?",
            "run_id = ? AND state = 'queued'",
            time.time(),
            journal_start,
            slot,
            run_id,
        )

    def set_processes(self, run_id: str, shim: Identity | None, worker: Identity | None, *, spare: bool = False) -> None:
        """Records who runs the job. `spare` stays set once it is."""
        known = shim or worker
        self._update(
            "host = ?, boot = ?, shim_pid = ?, shim_started = ?, worker_pid = ?, worker_started = ?, spare = MAX(spare, ?)",
            "run_id = ?",
            known.host if known else "",
            known.boot if known else "",
            shim.pid if shim else None,
            shim.started if shim else None,
            worker.pid if worker else None,
            worker.started if worker else None,
            spare,
            run_id,
        )

    def put_back(self, run_id: str) -> None:
        """A job that was taken off the queue but never started waits again."""
        self._update(
            "state = 'queued', started = NULL, host = '', boot = '', shim_pid = NULL, shim_started = NULL, worker_pid = NULL, "
            "worker_started = NULL, spare = 0",
            "run_id = ? AND state = 'running'",
            run_id,
        )

    def cancel(self, run_id: str, reason: str) -> bool:
        """Ends a job that waits; False where it does not wait. One that was to be resumed is again what it was."""
        return self._update(
            "state = IIF(was_state = '', 'stopped', was_state), reason = IIF(was_state = '', ?, was_reason), "
            "ended = IIF(was_state = '', ?, was_ended), was_state = '', resume_from = NULL, epochs = NULL",
            "run_id = ? AND state = 'queued'",
            reason,
            time.time(),
            run_id,
        )

    def end(self, run_id: str, state: str, reason: str, ended: float) -> None:
        """Records how a running job ended."""
        self._update("state = ?, reason = ?, ended = ?", "run_id = ? AND state = 'running'", state, reason, ended, run_id)

    def forget(self, run_id: str) -> None:
        """Drops a run that is over and gone for good."""
        with self._file.open() as connection:
            connection.execute("DELETE FROM jobs WHERE run_id = ? AND state NOT IN ('queued', 'running')", (run_id,))

    def set_shipped(self, run_id: str, offset: int) -> None:
        """Records how far the journal is in MLflow."""
        self._update("shipped = ?", "run_id = ?", offset, run_id)

    def set_reported(self, job: Job) -> None:
        """MLflow knows the job's state; ignored where the run was resumed meanwhile."""
        self._update("reported = ?", "run_id = ? AND attempt = ?", job.state, job.run_id, job.attempt)

    def set_unreported(self, job: Job) -> None:
        """Has the job's state told to MLflow once more; ignored where the run was resumed meanwhile."""
        self._update("reported = ''", "run_id = ? AND attempt = ?", job.run_id, job.attempt)

    def _update(self, changes: str, condition: str, *values: object) -> bool:
        with self._file.open() as connection:
            # Every text comes from this class; values are bound.
            return connection.execute(f"UPDATE jobs SET {changes} WHERE {condition}", values).rowcount > 0  # noqa: S608

    def _select(self, condition: str, *values: object) -> list[Job]:
        return [_job(row) for row in self._file.read(f"SELECT * FROM jobs {condition}", *values)]  # noqa: S608


def _job(row: sqlite3.Row) -> Job:
    def identity(kind: str) -> Identity | None:
        pid = row[f"{kind}_pid"]
        return None if pid is None else Identity(row["host"], pid, row[f"{kind}_started"], row["boot"])

    plain = {name: row[name] for name in Job.__dataclass_fields__ if name not in ("shim", "worker")}
    plain["spare"] = bool(plain["spare"])
    return Job(**plain, shim=identity("shim"), worker=identity("worker"))
