"""Real runs by the real worker, killed at random moments and resumed to their end."""

import itertools
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from trainer_core import jobs
from trainer_core.checkpoints import list_checkpoints
from trainer_core.config import TrainConfig
from trainer_core.jobs.database import JobDatabase
from trainer_core.jobs.summon import ensure_supervisor, lock_file
from trainer_core.store import Store
from trainer_core.tracking import read
from trainer_core.tracking.journal import decode, read_records

CONFIG = TrainConfig(
    input_mean=0.305,
    input_std=0.376,
    hidden_sizes=(64,),
    dropout=0.2,
    epochs=150,
    learning_rate=3e-3,
    schedule="cosine",
    save_steps=40,
    logging_steps=4,
    precision="fp32",
)
"""About 3,000 steps on the digits: some seconds of training behind five of imports."""
_IN_TRAINING = 0.8
"""The share of kills that wait for the first step: most of a short run is imports."""
TARGETS = ("worker", "shim", "supervisor", "worker and shim", "everything")
_RUN_SECONDS = 240.0
_NOTICE_SECONDS = 5.0


@dataclass
class Damage:
    """What the kills did. All but the first must be nought."""

    kills: int = 0
    points_lost: int = 0
    points_twice: int = 0
    wrong_states: int = 0
    late_states: int = 0
    orphans: int = 0
    differing_weights: int = 0
    lost_steps: int = 0
    lock_errors: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_none(self) -> bool:
        """Whether nothing was broken."""
        told = asdict(self)
        return not any(told[name] for name in told if name not in ("kills", "notes"))


def kill_and_resume(store: Store, kills: int, seed: int, tell: Callable[[str], None] = lambda _line: None) -> Damage:
    """Makes so many kills over as many runs as that takes; each run ends finished."""
    draw = random.Random(seed)
    damage = Damage()
    reference = finish(store, jobs.launch(store, CONFIG), damage)
    weights = weights_of(store, reference)
    number = 0
    while damage.kills < kills:
        number += 1
        run_id = jobs.launch(store, CONFIG.model_copy(update={"name": f"chaos-{number}"}))
        while damage.kills < kills and is_live(store, run_id):
            if not _strike(store, run_id, draw, damage, tell):
                break
        finish(store, run_id, damage)
        hold(store, run_id, reference, weights, damage, tell)
    count_left_over(store, damage)
    return damage


def count_left_over(store: Store, damage: Damage) -> None:
    """Counts processes that nothing needs any more, and locked databases in the logs."""
    time.sleep(1.0)
    left = _processes(store, "trainer_core.training", "shim.py")
    spares = [process for process in left if "--spare" in process.info["cmdline"]]
    damage.orphans += len(left) - len(spares) + max(0, len(spares) - 1)  # a supervisor at work keeps one
    for log in store.logs.glob("*.log"):
        damage.lock_errors += log.read_text(errors="replace").count("database is locked")


def _strike(store: Store, run_id: str, draw: random.Random, damage: Damage, tell: Callable[[str], None]) -> bool:
    """Waits a moment, kills something, and sees that the state comes out right; False where the run was over before."""
    in_training, seconds = draw.random() < _IN_TRAINING, draw.uniform(0.05, 7.0)
    target = draw.choice(TARGETS)
    began = _step(store, run_id)
    while in_training and _step(store, run_id) in (0, began):
        if not is_live(store, run_id):
            return False
        time.sleep(0.02)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not is_live(store, run_id):
            return False
        time.sleep(0.05)
    job = JobDatabase(store.jobs_database).get(run_id)
    assert job is not None
    if job.state != "running" or job.worker is None:
        return True
    step = _step(store, run_id)
    pids = {"worker": job.worker.pid, "shim": job.shim.pid if job.shim else 0, "supervisor": _supervisor(store)}
    named = {"worker and shim": ("worker", "shim"), "everything": ("supervisor", "shim", "worker")}.get(target, (target,))
    for name in named:
        if pids[name]:
            kill(pids[name])
    psutil.wait_procs([process for process in map(_process, pids.values()) if process and process.pid in _of(pids, named)], 5)
    damage.kills += 1
    tell(f"{damage.kills}: killed {target} at step {step}")
    ensure_supervisor(store)
    if "worker" not in named:
        return True  # the run goes on, and `_finish` sees that it does
    noticed = time.monotonic() + _NOTICE_SECONDS + 1.0
    while is_live(store, run_id) and time.monotonic() < noticed:
        time.sleep(0.05)
    state, _settled = jobs.state_of(store, run_id)
    if state in ("queued", "running"):
        damage.late_states += 1
        damage.notes.append(f"{run_id} was {state} {_NOTICE_SECONDS:g} s after its worker was killed")
        return False
    if state not in ("failed", "finished"):  # finished: the last word was said before the kill came
        damage.wrong_states += 1
        damage.notes.append(f"{run_id} is {state} after its worker was killed")
    if state == "failed":
        settle(store, run_id)
        jobs.resume(store, run_id)
    return True


def finish(store: Store, run_id: str, damage: Damage) -> str:
    """Waits until the run is over, resuming it where it was killed; it has to end finished."""
    end = time.monotonic() + _RUN_SECONDS
    while time.monotonic() < end:
        state, settled = jobs.state_of(store, run_id)
        if state == "finished" and settled:
            return run_id
        if state in ("failed", "stopped") and settled:
            jobs.resume(store, run_id)
        ensure_supervisor(store)
        time.sleep(0.2)
    damage.wrong_states += 1
    damage.notes.append(f"{run_id} is {jobs.state_of(store, run_id)[0]} after {_RUN_SECONDS:g} s")
    return run_id


def hold(store: Store, run_id: str, reference: str, weights: bytes, damage: Damage, tell: Callable[[str], None]) -> None:
    """Holds a finished run's weights, state and points against what they should be: the run's that was left alone."""
    if read.get_run(store, run_id).state != "finished":
        damage.wrong_states += 1
        damage.notes.append(f"MLflow says that {run_id} is {read.get_run(store, run_id).state}")
        return
    if weights_of(store, run_id) != weights:
        damage.differing_weights += 1
        damage.notes.append(f"{run_id} has other weights than the run that was left alone")
    lost = points_lost(store, run_id)
    # What was computed twice is superseded, so what is shown must be that run's curves, point by point.
    shown, wanted = (read.metric_history(store, [of], ["train/loss", "eval/loss", "test/loss"]) for of in (run_id, reference))
    columns = ["key", "step", "value"]
    missing = set(wanted[columns].itertuples(index=False, name=None)) - set(shown[columns].itertuples(index=False, name=None))
    lost += len(missing)
    damage.points_lost += lost
    twice = 0
    for key in ("train/loss", "eval/loss", "test/loss"):
        steps = list(read.metric_history(store, [run_id], [key])["step"])
        twice += len(steps) - len(set(steps)) + sum(later <= earlier for earlier, later in itertools.pairwise(steps))
    damage.points_twice += twice
    tell(f"   chaos run {run_id[:8]}: {len(shown)} points, {lost} lost, {twice} twice")


def points_lost(store: Store, run_id: str) -> int:
    """How many points of the run's journal MLflow does not have, by key, step, time and value."""
    with closing(sqlite3.connect(store.root / "mlflow.db")) as database:
        rows = database.execute("SELECT key, step, timestamp, value, is_nan FROM metrics WHERE run_uuid = ?", (run_id,)).fetchall()
    there = {(key, step, at) for key, step, at, _value, _is_nan in rows}
    lost = 0
    for record, _end in read_records(store.journal(run_id), 0):
        if record["kind"] == "metrics":
            for key, value in record["values"].items():
                decode(value)
                lost += (key, record["step"], record["time"]) not in there
    return lost


def is_live(store: Store, run_id: str) -> bool:
    return jobs.state_of(store, run_id)[0] in ("queued", "running")


def settle(store: Store, run_id: str) -> None:
    end = time.monotonic() + 30
    while not jobs.state_of(store, run_id)[1] and time.monotonic() < end:
        time.sleep(0.05)


def weights_of(store: Store, run_id: str) -> bytes:
    return (list_checkpoints(store, run_id)[-1].path / "model.safetensors").read_bytes()


def _step(store: Store, run_id: str) -> int:
    now = jobs.progress(store, run_id)
    return now.step if now else 0


def _supervisor(store: Store) -> int:
    try:
        pid = int(lock_file(store).read_text(encoding="ascii"))
        words = psutil.Process(pid).cmdline()
    except (OSError, ValueError, psutil.Error):
        return 0
    return pid if "trainer_core.jobs.supervisor" in words else 0


def _of(pids: dict[str, int], names: tuple[str, ...]) -> set[int]:
    return {pids[name] for name in names}


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid) if pid else None
    except psutil.Error:
        return None


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _processes(store: Store, *kinds: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if any(str(store.root) in word for word in line) and any(kind in word for word in line for kind in kinds):
            found.append(process)
    return found


def end_all(store: Store) -> None:
    """Ends whatever still works for the store."""
    for process in _processes(store, "trainer_core", "shim.py"):
        kill(process.pid)


def open_folder(folder: Path) -> Store:
    """A store for chaos."""
    from trainer_core.store import open_store

    return open_store(folder, environment={})
