"""What a worker says of itself while it works: progress and log."""

import json
import os
import time
from dataclasses import dataclass, fields

from trainer_core.store import Store

SILENT_SECONDS = 15.0
_TAIL_BYTES = 131_072


@dataclass(frozen=True)
class Progress:
    """A worker's sign of life. Times are seconds since 1970; `seconds_left` is None until there is something to reckon from."""

    time: float
    phase: str
    step: int
    total_steps: int
    epoch: float
    epochs: float
    samples_per_second: float | None
    seconds_left: float | None
    started: float
    pid: int
    step_seconds: float = 0.0
    """The longest of the steps lately."""
    done_bytes: int = 0
    all_bytes: int = 0
    """Of a download, while there is one; 0 otherwise."""
    is_least: bool = False
    """Whether `seconds_left` is at least what is left: something was never done yet, so nobody knows how long it takes."""
    part: str = ""
    """What an evaluation or the final test goes through now, `rows` or the `turns` that a model writes."""
    part_done: int = 0
    part_all: int = 0
    saved_step: int = -1
    """The step that is in a checkpoint; -1 for a worker that does not tell."""
    units: int = 0
    """Batches and written tokens so far: grows while the worker gets on."""

    @property
    def share(self) -> float:
        """The part of all steps that is done, 0 to 1."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0

    @property
    def is_saved(self) -> bool:
        """Whether all steps that the worker has done are in a checkpoint, and it is at none."""
        # While it trains the next step may be done by now. A worker of an older Descent does not tell what is saved.
        return 0 <= self.step <= self.saved_step and self.phase != "training"

    @property
    def silent(self) -> bool:
        """Whether the worker, if it is meant to be at work, has said nothing for a while."""
        return time.time() - self.time > SILENT_SECONDS


def progress(store: Store, run_id: str) -> Progress | None:
    """The worker's last sign of life, None before the first."""
    try:
        found = json.loads(store.progress(run_id).read_text(encoding="utf-8"))
        return Progress(**{field.name: found[field.name] for field in fields(Progress) if field.name in found})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def log_tail(store: Store, run_id: str, lines: int = 20) -> list[str]:
    """The last lines that the run's worker printed; [] where it printed nothing."""
    try:
        with store.log(run_id).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    # A progress bar redraws its line with carriage returns: only its last state is worth reading.
    shown = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.removesuffix("\n").split("\n")]
    return shown[-lines:] if text and lines > 0 else []
