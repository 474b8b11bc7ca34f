"""Makes HF Trainer's checkpoint folder one of ours: self-contained, hashed, renamed into place when whole."""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trainer_core.checkpoints import BEST, CONFIG, MANIFEST, file_digest, folder_name, list_checkpoints
from trainer_core.config import TrainConfig
from trainer_core.measures import is_lower_better
from trainer_core.settings import write_config
from trainer_core.store import Store, write_atomically

ROOM_SECONDS = float(os.environ.get("DESCENT_ROOM_SECONDS", "1800"))
"""How long a worker waits for room on a full disk before it gives up what it would write last."""
WRITING = ".writing"
DROPPED = ".dropped"
SUPERSEDED = "superseded"
_NEVER_KEPT = ("training_args.bin",)  # a pickle: opening one runs whatever is in it


def score(metric: str, value: float) -> float:
    """A metric's value turned so that higher is better."""
    return -value if is_lower_better(metric) else value


class CheckpointFolder:
    """One run's checkpoints, seen by the worker that writes them."""

    def __init__(
        self, store: Store, run_id: str, config: TrainConfig, details: Mapping[str, Any], clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._run_id, self._config, self._details, self._clock = store, run_id, config, dict(details), clock
        self.path = store.checkpoints(run_id)
        self.aside = self.path / WRITING
        for left in (self.aside, self.path / DROPPED):  # by a worker that was killed
            shutil.rmtree(left, ignore_errors=True)
        self.aside.mkdir(parents=True)
        self._best: int | None = None

    def keep(self, written: Path, step: int, epoch: float, metrics: Mapping[str, float]) -> Path:
        """Completes the folder that was written aside, renames it into place and drops checkpoints beyond those kept."""
        for name in _NEVER_KEPT:
            (written / name).unlink(missing_ok=True)
        write_config(self._config, written / CONFIG, write_atomically)
        files = {
            str(path.relative_to(written)): {"bytes": path.stat().st_size, "sha256": file_digest(path)}
            for path in sorted(written.rglob("*"))
            if path.is_file()
        }
        manifest = {
            "step": step,
            "epoch": epoch,
            "metrics": dict(metrics),
            "saved_at": self._clock(),
            "details": self._details,
            "files": files,
        }
        write_atomically(written / MANIFEST, json.dumps(manifest, indent=2))
        target = self.path / folder_name(step)
        if target.exists():  # the same step again after a resume
            self._drop(target)
        written.rename(target)
        if step == self._best:
            self._write_best(step)
        self._drop_old()
        return target

    def close(self) -> None:
        """The run is finished: removes the place where checkpoints are written aside, and those that it computed anew."""
        for done in (self.aside, self.path / DROPPED, self.path / SUPERSEDED):
            shutil.rmtree(done, ignore_errors=True)

    def mark_best(self, step: int) -> None:
        """Says that the step is the best so far. It is written down once its checkpoint stands: till then the old one holds."""
        self._best = step

    def supersede_after(self, step: int) -> None:
        """Sets aside the checkpoints later than `step`, which a run resumed there computes anew, and finds the best of the rest."""
        for checkpoint in list_checkpoints(self._store, self._run_id):
            if checkpoint.step > step:
                target = self.path / SUPERSEDED / checkpoint.path.name
                shutil.rmtree(target, ignore_errors=True)
                target.parent.mkdir(exist_ok=True)
                checkpoint.path.rename(target)
        standing = list_checkpoints(self._store, self._run_id)
        evaluated = [checkpoint for checkpoint in standing if checkpoint.metrics]
        if evaluated and not any(checkpoint.is_best for checkpoint in standing):
            metric = self._config.best_by
            self._write_best(max(evaluated, key=lambda checkpoint: score(metric, checkpoint.metrics[metric])).step)

    def _write_best(self, step: int) -> None:
        write_atomically(self.path / BEST, json.dumps({"step": step}))

    def _drop_old(self) -> None:
        found = list_checkpoints(self._store, self._run_id)
        kept = {checkpoint.step for checkpoint in found[-self._config.checkpoints_kept :]}
        for checkpoint in found:
            if checkpoint.step not in kept and not checkpoint.is_best:
                self._drop(checkpoint.path)

    def _drop(self, path: Path) -> None:
        """Out of sight first: a worker that is killed while it removes files must not leave half a checkpoint."""
        aside = self.path / DROPPED / path.name
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(exist_ok=True)
        path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
