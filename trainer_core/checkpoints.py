"""What stands in a run's checkpoint folder, read without torch.

A checkpoint is a folder `step-00000100`, written aside and renamed when whole. `descent.json` says what is in it and
carries the size and SHA-256 of every other file. A folder without it, or where a size is not what it says, is never listed; the
hashes are checked before a checkpoint is used.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer_core.config import TrainConfig
from trainer_core.errors import CheckpointError
from trainer_core.language import gettext as _
from trainer_core.language import listed
from trainer_core.settings import read_config
from trainer_core.store import Store

MANIFEST = "descent.json"
CONFIG = "train_config.json"
"""Not config.json: transformers reads a file of that name as the model's own when it resumes."""
BEST = "best.json"
REPLACED = ".replaced"
"""Behind the name of a folder that another one of the same step takes the place of: it holds until that one stands."""
DUE = "due"
"""What a manifest says of an evaluation that its step should have and does not have yet."""
_OF_TRAINING = (".pt", ".pth")


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint. `metrics` are those of the evaluation at its step, empty where there was none."""

    run_id: str
    step: int
    path: Path
    epoch: float
    metrics: Mapping[str, float]
    is_best: bool
    is_last: bool
    bytes: int
    saved_at: float
    """Seconds since 1970, UTC."""
    details: Mapping[str, Any]
    """What rebuilds the model: `labels`, `image_shape` (height, width), `content_share`, `parameters`."""
    evaluation_due: bool = False
    """Whether it was saved before the evaluation of its step, and that did not come to its end: it is done on resuming."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Class names in the order of the model's outputs."""
        return tuple(self.details["labels"])

    @property
    def naming_problem(self) -> str:
        """What is wrong with the names of its classes, as a sentence; empty where they are right.

        Runs launched before labels had their rules could number classes by value and name them by the alphabet.
        """
        from trainer_core.data.first_labels import misnamed  # pandas comes with it, and the command line's help needs none

        wrong = misnamed(self.label_names)
        config = self.config() if wrong else None
        if config is None or "labels" in config.rules or config.label_names:
            return ""
        return _(
            "The classes of this checkpoint carry each other's names: {pairs}. It was trained by an earlier version, which put "
            "class numbers such as 10.0 in the order of the alphabet. Its figures are right, the names of its answers are not: "
            "train it anew."
        ).format(
            pairs=listed(
                _("“{name}” is the label {label}").format(name=name, label=label) for name, label in list(wrong.items())[:12]
            )
        )

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width in pixels of the pictures the model reads."""
        height, width = self.details["image_shape"]
        return int(height), int(width)

    @property
    def content_share(self) -> float:
        """How much of a training picture's side its content fills, see `data.content_share_of`."""
        return float(self.details["content_share"])

    def config(self) -> TrainConfig:
        """The settings that the model was trained with."""
        return read_config(self.path / CONFIG)


def folder_name(step: int) -> str:
    """`step-00000100`: sorts by step."""
    return f"step-{step:08d}"


def list_checkpoints(store: Store, run_id: str) -> list[Checkpoint]:
    """The run's whole checkpoints, ascending by step; [] where it has none."""
    folder = store.checkpoints(run_id)
    best = best_step(folder)
    whole = {path.name: (path, manifest) for path in _folders(folder) if (manifest := _manifest(path)) is not None}
    # A worker that was killed between two renamings left the older one of the step alone.
    found = [entry for name, entry in whole.items() if name.removesuffix(REPLACED) not in whole or not name.endswith(REPLACED)]
    last = found[-1][0] if found else None
    return [
        Checkpoint(
            run_id=run_id,
            step=int(manifest["step"]),
            path=path,
            epoch=float(manifest["epoch"]),
            metrics=manifest["metrics"],
            is_best=int(manifest["step"]) == best,
            is_last=path == last,
            bytes=sum(int(file["bytes"]) for file in manifest["files"].values()),
            saved_at=float(manifest["saved_at"]),
            details=manifest["details"],
            evaluation_due=manifest.get("evaluation") == DUE,
        )
        for path, manifest in found
    ]


def torn_checkpoints(store: Store, run_id: str) -> list[Path]:
    """The folders of the run's checkpoints that are not whole, and so are not listed; [] for nearly all runs."""
    # One that has been replaced, and was not wholly removed, is no loss.
    return [path for path in _folders(store.checkpoints(run_id)) if not path.name.endswith(REPLACED) and _manifest(path) is None]


def find_checkpoint(store: Store, run_id: str, which: str | int) -> Checkpoint:
    """The checkpoint at a step, `best` or `last`. Where no evaluation chose a best, the last stands in for it.

    Raises CheckpointError naming the steps there are.
    """
    found = list_checkpoints(store, run_id)
    for path in torn_checkpoints(store, run_id):
        if not found or (str(which).isdigit() and path.name == folder_name(int(which))):
            raise CheckpointError(
                _("The checkpoint in {folder} is damaged: not all of it is what was written. Choose another checkpoint.").format(
                    folder=path.name
                )
            )
    if not found:
        raise CheckpointError(_("The run has no checkpoint yet. One is saved after each epoch, or as “Save every” says."))
    if which == "last":
        return found[-1]
    if which == "best":
        return next((checkpoint for checkpoint in found if checkpoint.is_best), found[-1])
    for checkpoint in found:
        if str(which).isdigit() and checkpoint.step == int(which):
            return checkpoint
    raise CheckpointError(
        _("The run has no checkpoint “{which}”. There are best, last and the steps {steps}.").format(
            which=which, steps=", ".join(str(checkpoint.step) for checkpoint in found)
        )
    )


def verify(checkpoint: Checkpoint, to_ask: bool = False) -> None:
    """Raises CheckpointError where a file of the checkpoint is missing or differs from what was written.

    `to_ask` leaves out what only training reads, two thirds of a checkpoint: the states of optimiser, schedule and random numbers.
    """
    try:
        files = dict(json.loads((checkpoint.path / MANIFEST).read_text(encoding="utf-8"))["files"])
        digests = {name: str(written["sha256"]) for name, written in files.items()}
    except (OSError, ValueError, KeyError, TypeError):
        digests = {MANIFEST: ""}
    for name, digest in digests.items():
        if to_ask and name.endswith(_OF_TRAINING):
            continue
        path = checkpoint.path / name
        if not path.is_file() or file_digest(path) != digest:
            raise CheckpointError(
                _("The checkpoint at step {step} is damaged: {file} is not what was written. Choose another checkpoint.").format(
                    step=checkpoint.step, file=name
                )
            )


def last_whole(store: Store, run_id: str) -> Checkpoint | None:
    """The latest checkpoint whose files are what was written; None where there is none."""
    for checkpoint in reversed(list_checkpoints(store, run_id)):
        try:
            verify(checkpoint)
        except CheckpointError:
            continue
        return checkpoint
    return None


def evaluation_left_out() -> str:
    """What is said of a run that was stopped at a checkpoint whose evaluation is due."""
    return _("The evaluation of that step was left out. It is done when the run is resumed.")


def file_digest(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folders(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"))


def _manifest(folder: Path) -> dict[str, Any] | None:
    """What a whole checkpoint says of itself; None for a torn one, where a file is missing or of another size than was written.

    Whether a file of the right size is what was written, only `verify` tells: hashing takes seconds a gigabyte.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        int(manifest["step"]), float(manifest["epoch"]), float(manifest["saved_at"]), dict(manifest["metrics"])
        dict(manifest["details"])
        files = dict(manifest["files"])
        return manifest if all((folder / name).stat().st_size == int(file["bytes"]) for name, file in files.items()) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def best_step(folder: Path) -> int | None:
    """The step that a run's folder of checkpoints names as the best; None where it names none."""
    try:
        return int(json.loads((folder / BEST).read_text(encoding="utf-8"))["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
