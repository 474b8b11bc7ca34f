"""Writes the Trainer's checkpoints, and waits for the disk where it must."""

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from transformers import Trainer

from trainer_core.config import TrainConfig
from trainer_core.errors import DivergedError, NotWrittenError
from trainer_core.language import gettext as _
from trainer_core.settings import format_number
from trainer_core.store import why_not_written
from trainer_core.training.flow import rename_metrics
from trainer_core.training.saving import ROOM_SECONDS, CheckpointFolder
from trainer_core.training.vitals import Pulse

if TYPE_CHECKING:
    from trainer_core.training.trainer import DescentTrainer

logger = logging.getLogger("descent.worker")
_ROOM_RETRY_SECONDS = 2.0


class CheckpointWriter:
    """The checkpoints of the step that the Trainer is at."""

    def __init__(self, trainer: "DescentTrainer", config: TrainConfig, folder: CheckpointFolder, pulse: Pulse) -> None:
        self._trainer, self._config, self._folder, self._pulse = trainer, config, folder, pulse

    def save(self, *, is_due: bool = False) -> bool:
        """Writes one; `is_due` says that the step's evaluation is still to come. Whether it stands: it does not where the disk has
        no room and training goes on.

        Raises DivergedError for weights that are not numbers, NotWrittenError where the last one finds no room.
        """
        trainer, step = self._trainer, self._trainer.state.global_step
        if not all(bool(torch.isfinite(parameter).all()) for parameter in trainer.model.parameters()):
            raise DivergedError(
                _(
                    "The weights are no longer numbers at step {step}, so no checkpoint was saved. The likely cause is the "
                    "learning rate, {rate}: it is too large. Divide it by ten. Checkpoints saved before are kept."
                ).format(step=step, rate=format_number(self._config.learning_rate))
            )
        written = Path(trainer.args.output_dir) / f"checkpoint-{step}"

        def write() -> None:
            Trainer._save_checkpoint(trainer, trainer.model, None)  # HF's own, which ours stands before
            self._folder.keep(written, step, float(trainer.state.epoch or 0.0), self._figures(), is_due=is_due)

        return self._write(write, written)

    def add_evaluation(self) -> bool:
        """Gives the one of this step, which was saved before, the figures of its evaluation; whether they stand."""
        trainer = self._trainer

        def write_state(folder: Path) -> None:
            trainer.state.save_to_json(str(folder / "trainer_state.json"))
            trainer._save_rng_state(str(folder))

        step, epoch = trainer.state.global_step, float(trainer.state.epoch or 0.0)
        return self._write(lambda: self._folder.add_evaluation(step, epoch, self._figures(), write_state), None)

    def discard(self) -> None:
        """Drops the one of this step."""
        self._folder.discard(self._trainer.state.global_step)

    def _write(self, write: Callable[[], None], written: Path | None) -> bool:
        """Writes of this step. What could not be `written` is removed, and waited for room for where it is the last."""
        self._pulse.enter("saving")
        step = self._trainer.state.global_step
        end = time.monotonic() + ROOM_SECONDS
        told = False
        while True:
            try:
                write()
            except (OSError, RuntimeError, SafetensorError) as error:
                why = why_not_written(error, self._folder.path)
                if why is None:
                    raise
                if written is not None:
                    shutil.rmtree(written, ignore_errors=True)
                room = _("{why}: the checkpoint of step {step:,} could not be saved.").format(why=why, step=step)
                if not self._trainer.control.should_training_stop:
                    logger.warning("%s %s", room, _("Training goes on; the next one is tried again."))
                    return False
                if time.monotonic() >= end:
                    raise NotWrittenError(
                        _("{room} Mend that, then resume the run: it goes on from its last checkpoint.").format(room=room)
                    ) from error
                if not told:
                    logger.warning("%s %s", room, _("It is the last one: waiting for the disk."))
                    told = True
                time.sleep(_ROOM_RETRY_SECONDS)
            else:
                self._pulse.saved(step)
                return True

    def _figures(self) -> dict[str, float]:
        """Those of the last evaluation at this step; {} where there was none."""
        state = self._trainer.state
        evaluations = [entry for entry in state.log_history if entry["step"] == state.global_step and "eval_loss" in entry]
        return rename_metrics(evaluations[-1]) if evaluations else {}
