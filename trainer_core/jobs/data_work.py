"""Work on datasets in a process of its own, so that no page waits on it: start it, look how far it is, call it off."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer_core.errors import DataError
from trainer_core.jobs.environment import worker_environment
from trainer_core.jobs.processes import Identity, end_group, identify, is_alive, send, wait_until_gone
from trainer_core.jobs.summon import PROJECT_ROOT
from trainer_core.language import gettext as _
from trainer_core.retelling import retell
from trainer_core.store import Store, write_atomically

_GRACE_SECONDS = 2.0
_KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Work:
    """A piece of work: `share` is what is done of it, 0 to 1; `answer` and `error` are there once it is over."""

    share: float
    what: str
    answer: dict[str, Any] | None = None
    error: str = ""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.answer is not None or bool(self.error)


def start_work(
    store: Store, request: Mapping[str, Any], package: str = "curating", environment: Mapping[str, str] | None = None
) -> Path:
    """Starts a piece of work in `trainer_core.PACKAGE`, see curating.work, and returns the folder by which it is known.

    Where the request says nothing of a folder for what is written, that folder is named to it as `folder`. `environment` is the
    process's: by default this one's for work on data, and a worker's for work with a model.
    """
    home = store.root / "work"
    home.mkdir(parents=True, exist_ok=True)
    _drop_old(home)
    folder = Path(tempfile.mkdtemp(prefix="data-", dir=home))
    write_atomically(
        folder / "request.json", json.dumps({"folder": str(folder), **request} if package != "curating" else dict(request))
    )
    if environment is None and package != "curating":
        environment = worker_environment({})
    command = [sys.executable, "-m", f"trainer_core.{package}", "--store", str(store.root), "--work", str(folder)]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    found = identify(process.pid) or Identity("", process.pid, 0.0)
    write_atomically(folder / "process.json", json.dumps(asdict(found)))
    return folder


def look_at_work(folder: Path) -> Work:
    """How far it is. A process that ended without an answer has failed."""
    found = _answer(folder)
    if found is not None:
        return found
    alive = (process := _process(folder)) is not None and is_alive(process)
    if not alive:
        found = _answer(folder)  # it may have ended between the two looks
        if found is not None:
            return found
        return Work(0.0, "", None, _("The work ended early. Start it again; if it ends again, its log says why: {log}").format(
            log=folder / "log"
        ))  # fmt: skip
    now = _read(folder / "progress.json") or {"share": 0.0, "what": _("Starting")}
    return Work(float(now["share"]), retell(str(now["what"])))


def wait_for_work(folder: Path, seconds: float = 600.0) -> dict[str, Any]:
    """The answer, once it is there. Raises DataError with what went wrong."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        work = look_at_work(folder)
        if work.answer is not None:
            return work.answer
        if work.error:
            raise DataError(work.error)
        time.sleep(0.05)
    raise DataError(_("The work took longer than {seconds:g} s.").format(seconds=seconds))


def cancel_work(folder: Path) -> None:
    """Ends the process; what it had not finished leaves no trace."""
    process = _process(folder)
    if process is not None and is_alive(process):
        send(process, signal.SIGTERM)
        if not wait_until_gone(process, _GRACE_SECONDS):
            end_group(process)
    shutil.rmtree(folder, ignore_errors=True)


def _answer(folder: Path) -> Work | None:
    found = _read(folder / "answer.json")
    if found is None:
        return None
    return Work(1.0, "", found.get("answer"), retell(str(found.get("error", ""))))


def _process(folder: Path) -> Identity | None:
    found = _read(folder / "process.json")
    return Identity(**found) if found else None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _drop_old(home: Path) -> None:
    for folder in home.glob("data-*"):
        if time.time() - folder.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
