"""Where a store keeps what: one folder with the MLflow database, artifacts, journals, logs and the queue.

Every path is derived from the folder, never read back from the database, so that a moved store still opens.
"""

import contextlib
import errno
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer_core.errors import RunError, StoreError
from trainer_core.language import gettext as _

DEFAULT_STORE = "mlruns"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where a disk, a user's share of it or the largest file allowed is full."""
AWAY = (
    errno.EIO,
    errno.ESTALE,
    errno.EROFS,
    errno.ENODEV,
    errno.ENXIO,
    errno.ENOTCONN,
    errno.ETIMEDOUT,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
)
"""What it says where a disk or a server of files no longer answers, or takes nothing more: it may come back."""
_RUN_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Store:
    """One store. `root` is absolute; `tracking_uri` names the MLflow backend, by default `mlflow.db` inside the root."""

    root: Path
    tracking_uri: str

    @property
    def artifacts(self) -> Path:
        """The artifact root, one folder a run."""
        return self.root / "artifacts"

    @property
    def journals(self) -> Path:
        """What workers logged, one JSON-lines file a run."""
        return self.root / "journals"

    @property
    def logs(self) -> Path:
        """What processes printed."""
        return self.root / "logs"

    @property
    def cache(self) -> Path:
        """What can be computed again: baselines by dataset digest."""
        return self.root / "cache"

    @property
    def datasets(self) -> Path:
        """Saved datasets, one folder each with a folder a version."""
        return self.root / "datasets"

    @property
    def uploads(self) -> Path:
        """Files that browsers sent, a folder a digest."""
        return self.root / "uploads"

    @property
    def jobs_database(self) -> Path:
        """The queue."""
        return self.root / "jobs.db"

    def run_folder(self, run_id: str) -> Path:
        """The run's artifact folder (exists or not). Raises RunError for anything that is not a run id."""
        return self.artifacts / _checked(run_id) / "artifacts"

    def checkpoints(self, run_id: str) -> Path:
        """The folder that holds the run's checkpoints, `step-00000100` and so on."""
        return self.run_folder(run_id) / "checkpoints"

    def config_file(self, run_id: str) -> Path:
        """The run's TrainConfig as JSON, written at launch and read by its worker."""
        return self.run_folder(run_id) / "config.json"

    def journal(self, run_id: str) -> Path:
        """The run's journal, one JSON record a line."""
        return self.journals / f"{_checked(run_id)}.jsonl"

    def progress(self, run_id: str) -> Path:
        """The worker's sign of life: step, total steps and phase, replaced twice a second."""
        return self.journals / f"{_checked(run_id)}.progress.json"

    def exit_status(self, run_id: str) -> Path:
        """How the run's worker ended, written by the shim."""
        return self.journals / f"{_checked(run_id)}.exit.json"

    def log(self, run_id: str) -> Path:
        """What the run's worker printed."""
        return self.logs / f"{_checked(run_id)}.log"

    def is_local(self) -> bool:
        """Whether the database is a file on this machine rather than a tracking server."""
        return self.tracking_uri.startswith("sqlite:")


def _checked(run_id: str) -> str:
    if not _RUN_ID.fullmatch(run_id):
        raise RunError(_("“{run_id}” is not a run id. A run id is 32 hexadecimal digits.").format(run_id=run_id))
    return run_id


def open_store(root: str | Path | None = None, environment: Mapping[str, str] = os.environ) -> Store:
    """Opens the store, making its folders where they are missing.

    `root` defaults to `DESCENT_STORE`, then to `mlruns` below the working directory. `MLFLOW_TRACKING_URI` names another
    database or tracking server. Raises StoreError where the folder can't be written.
    """
    folder = Path(root or environment.get("DESCENT_STORE") or DEFAULT_STORE).expanduser().absolute()
    tracking_uri = environment.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder / 'mlflow.db'}"
    store = Store(folder, tracking_uri)
    try:
        for path in (store.artifacts, store.journals, store.logs, store.cache, store.datasets, store.uploads):
            path.mkdir(parents=True, exist_ok=True)
        if folder.stat().st_uid == os.getuid():
            folder.chmod(0o700)  # logs, texts and weights are their owner's business
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StoreError(
            _(
                "The store {folder} can't be written: {cause}. A store is a folder that you own on a disk with free space. "
                "Set DESCENT_STORE to such a folder, or mend the folder's permissions."
            ).format(folder=folder, cause=error.strerror or error)
        ) from error
    return store


def why_not_written(error: BaseException, folder: Path) -> str | None:
    """Why the disk did not take something, as the beginning of a sentence, where waiting may help; None for other errors.

    PyTorch and safetensors raise errors of their own, with the system's words in them or none: writing a little below `folder`
    tells then.
    """
    found = _written_off(error) or _probe(folder)
    if found is None:
        return None
    if found in NO_ROOM:
        return _("The disk is full")
    return _("The disk of the store does not answer ({cause})").format(cause=os.strerror(found))


def is_full(folder: Path) -> bool:
    """Whether a megabyte more can't be written below `folder`."""
    return _probe(folder) in NO_ROOM


def _written_off(error: BaseException) -> int | None:
    """The number of the system's error in an error, or in what it came from."""
    if isinstance(error, OSError) and error.errno in (*NO_ROOM, *AWAY):
        return error.errno
    for number in (*NO_ROOM, *AWAY):
        if os.strerror(number) in str(error):
            return number
    return _written_off(error.__cause__) if error.__cause__ is not None else None


def _probe(folder: Path) -> int | None:
    probe = folder / f".room-{os.getpid()}"
    try:
        probe.write_bytes(b"\0" * 2**20)
    except OSError as error:
        return _written_off(error)
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    return None


def write_atomically(path: Path, text: str) -> None:
    """Replaces a file whole or not at all, so that no reader ever meets half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    finally:
        with contextlib.suppress(OSError):  # of a disk that is away: what went wrong first is what is told
            aside.unlink(missing_ok=True)
