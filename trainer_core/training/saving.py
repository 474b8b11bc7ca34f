"""Makes HF Trainer's checkpoint folder one of ours: self-contained, hashed, renamed into place when whole."""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trainer_core.checkpoints import BEST, CONFIG, DUE, MANIFEST, REPLACED, file_digest, folder_name, list_checkpoints
from trainer_core.config import TrainConfig
from trainer_core.measures import first_best
from trainer_core.settings import write_config
from trainer_core.store import Store, write_atomically

ROOM_SECONDS = float(os.environ.get("DESCENT_ROOM_SECONDS", "1800"))
"""How long a worker waits for room on a full disk before it gives up what it would write last."""
WRITING = ".writing"
DROPPED = ".dropped"
SUPERSEDED = "superseded"
_NEVER_KEPT = ("training_args.bin",)  # a pickle: opening one runs whatever is in it
_AFTER_EVALUATION = ("trainer_state.json", "rng_state")
"""How the names of files begin that an evaluation changes: what the Trainer knows, and the random numbers it drew from."""


def _tell_nobody(_step: int | None) -> None:
    """Where nobody asks which checkpoint is kept: a dry run."""


class CheckpointFolder:
    """One run's checkpoints, seen by the worker that writes them.

    `best_by` is the metric that decides which one is kept, by default the settings'; of equals it is the first, or with
    `loss_breaks_ties` that of the lowest loss. `tell_kept` is called with its step, None for none, whenever it may have changed.
    """

    def __init__(
        self,
        store: Store,
        run_id: str,
        config: TrainConfig,
        details: Mapping[str, Any],
        clock: Callable[[], float] = time.time,
        *,
        best_by: str = "",
        loss_breaks_ties: bool = False,
        tell_kept: Callable[[int | None], None] = _tell_nobody,
    ) -> None:
        self.best_by = best_by or config.best_by
        self.loss_breaks_ties, self._tell_kept = loss_breaks_ties, tell_kept
        self._store, self._run_id, self._config, self._details, self._clock = store, run_id, config, dict(details), clock
        self.path = store.checkpoints(run_id)
        self.aside = self.path / WRITING
        for left in (self.aside, self.path / DROPPED):  # by a worker that was killed
            shutil.rmtree(left, ignore_errors=True)
        self.aside.mkdir(parents=True)
        for before in self.path.glob("*" + REPLACED):
            target = before.with_name(before.name.removesuffix(REPLACED))
            if target.exists():
                shutil.rmtree(before, ignore_errors=True)
            else:
                before.rename(target)
        self._best: int | None = None
        self._due: int | None = None

    def keep(
        self,
        written: Path,
        step: int,
        epoch: float,
        metrics: Mapping[str, float],
        *,
        is_due: bool = False,
        digests: Mapping[str, Any] | None = None,
    ) -> Path:
        """Completes the folder that was written aside, renames it into place and drops checkpoints beyond those kept.

        Args:
            is_due: Whether the step's evaluation is still to come. Until it has come the checkpoint takes no other's place.
            digests: Of files that are known already, as a manifest has them: hashing takes seconds a gigabyte.
        """
        for name in _NEVER_KEPT:
            (written / name).unlink(missing_ok=True)
        write_config(self._config, written / CONFIG, write_atomically)
        known, files = dict(digests or {}), {}
        for path in sorted(written.rglob("*")):
            name = str(path.relative_to(written))
            if path.is_file() and name != MANIFEST:
                files[name] = known.get(name) or {"bytes": path.stat().st_size, "sha256": file_digest(path)}
        manifest = {
            "step": step,
            "epoch": epoch,
            "metrics": dict(metrics),
            "saved_at": self._clock(),
            "details": self._details,
            "files": files,
        }
        if is_due:
            manifest["evaluation"] = DUE
        write_atomically(written / MANIFEST, json.dumps(manifest, indent=2))
        target = self.path / folder_name(step)
        before = target.with_name(target.name + REPLACED)
        if target.exists():  # the same step again: after a resume, or now with its evaluation
            shutil.rmtree(before, ignore_errors=True)
            target.rename(before)  # a worker that is killed now leaves it whole, under this name
        written.rename(target)
        shutil.rmtree(before, ignore_errors=True)
        if step == self._best:
            self._write_best(step)
        self._due = step if is_due else None
        self._drop_old()
        return target

    def add_evaluation(self, step: int, epoch: float, metrics: Mapping[str, float], write_state: Callable[[Path], None]) -> None:
        """Gives the checkpoint that was saved before its step's evaluation the figures, and what `write_state` writes into a
        folder: the rest is as it was, and is not written anew.
        """
        target, written = self.path / folder_name(step), self.aside / f"evaluated-{step}"
        shutil.rmtree(written, ignore_errors=True)
        files: dict[str, Any] = json.loads((target / MANIFEST).read_text(encoding="utf-8"))["files"]
        same = {name: digest for name, digest in files.items() if name != CONFIG and not name.startswith(_AFTER_EVALUATION)}
        for name in same:
            (written / name).parent.mkdir(parents=True, exist_ok=True)
            try:
                (written / name).hardlink_to(target / name)
            except OSError:  # a file system without them
                shutil.copy2(target / name, written / name)
        write_state(written)
        self.keep(written, step, epoch, metrics, digests=same)

    def discard(self, step: int) -> None:
        """Drops a step's checkpoint that stood for the time of its evaluation alone, or whose figures are not numbers."""
        if (self.path / folder_name(step)).exists():
            self._drop(self.path / folder_name(step))

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
        best = next((checkpoint.step for checkpoint in standing if checkpoint.is_best), None)
        if best is not None:
            self._tell_kept(best)  # a worker of before has told nobody
            return
        evaluated = [checkpoint for checkpoint in standing if self.best_by in checkpoint.metrics]
        losses = [checkpoint.metrics["eval/loss"] for checkpoint in evaluated] if self.loss_breaks_ties else []
        place = first_best([checkpoint.metrics[self.best_by] for checkpoint in evaluated], self.best_by, losses)
        if place is not None:
            self._write_best(evaluated[place].step)
        else:
            (self.path / BEST).unlink(missing_ok=True)  # the same step, computed anew, need not be the best again
            self._tell_kept(None)

    def _write_best(self, step: int) -> None:
        write_atomically(self.path / BEST, json.dumps({"step": step}))
        self._tell_kept(step)

    def _drop_old(self) -> None:
        found = list_checkpoints(self._store, self._run_id)
        # An evaluation may find that what was trained is no good: till then those before it stay.
        lasting = [checkpoint for checkpoint in found if checkpoint.step != self._due]
        kept = {self._due, *(checkpoint.step for checkpoint in lasting[-self._config.checkpoints_kept :])}
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
