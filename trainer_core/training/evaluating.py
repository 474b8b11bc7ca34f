"""Evaluations that lose nothing: what was trained is saved first, and a stop ends them at their next batch.

An evaluation may take longer than all steps before it, most of all where a model writes. So the step is in a checkpoint before it
begins, which says that its evaluation is due; the figures are added to it. An evaluation that was broken off is done when the run
is resumed, with the random numbers that it would have drawn then, so that everything behind it is as if there had been no stop.
"""

import logging
import time
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING

from trainer_core.checkpoints import Checkpoint
from trainer_core.errors import DivergedError
from trainer_core.language import gettext as _
from trainer_core.training.checkpoint_writer import CheckpointWriter
from trainer_core.training.random_state import RandomState
from trainer_core.training.vitals import Pulse

if TYPE_CHECKING:
    from trainer_core.training.trainer import DescentTrainer

logger = logging.getLogger("descent.worker")
_WORTH_SAVING = 10
"""An evaluation that no checkpoint is asked for with gets one where it takes so many times as long as saving."""


class EvaluationStopped(Exception):
    """The run was asked to stop while it evaluated."""


class Evaluations:
    """The evaluations of one run, and the checkpoints that go with them."""

    def __init__(self, trainer: "DescentTrainer", checkpoints: CheckpointWriter, pulse: Pulse, stop: Event) -> None:
        self._trainer, self._checkpoints, self._pulse, self._stop = trainer, checkpoints, pulse, stop
        self._seconds: float | None = None
        self._saving_seconds: float | None = None
        self._rows_done = 0
        self.is_left_out = False
        """Whether the last one was broken off, or never begun, because the run was asked to stop."""
        trainer.task.between = self.between_tokens

    def after_step(self) -> None:
        """Evaluates and saves as the Trainer's control says."""
        if self._trainer.control.should_evaluate:
            self._evaluate()
        if self._trainer.control.should_save:
            self._checkpoints.save()
        self._done()

    def finish(self, checkpoint: Checkpoint) -> bool:
        """Does the evaluation that is due at a checkpoint, and adds it. False where a stop ended it: the checkpoint is as it was.

        Leaves the Trainer with the checkpoint's weights, and the random numbers as they are behind the evaluation.
        """
        logger.info(_("Doing the evaluation of step {step:,}, which was left out.").format(step=checkpoint.step))
        self._trainer.restore(checkpoint.path)
        if not self._measure(RandomState.now()):
            return False
        self._checkpoints.add_evaluation()
        self._done()
        return True

    def begin_rows(self, count: int) -> None:
        """So many rows are evaluated from now on."""
        self._rows_done = 0
        self._pulse.begin("rows", count)

    def between_batches(self, rows: int = 0) -> None:
        """Called before each batch, and with its rows behind it. Raises EvaluationStopped where the run was asked to stop."""
        if rows:
            self._rows_done += rows
            self._pulse.advance(self._rows_done)
        elif self._stop.is_set():
            raise EvaluationStopped

    def between_tokens(self, done: int, count: int, *, begins: bool = False) -> None:
        """Called before each token of the turns that a model writes, of which so many are done. Raises EvaluationStopped."""
        if begins:
            self._pulse.begin("turns", count)
        self._pulse.advance(done)
        if self._stop.is_set():
            raise EvaluationStopped

    def _evaluate(self) -> None:
        trainer, control = self._trainer, self._trainer.control
        is_saved = False
        if not self._stop.is_set() and (control.should_save or self._is_long()):
            began = time.monotonic()
            is_saved = self._checkpoints.save(is_due=True)
            self._saving_seconds = time.monotonic() - began
        before, began = RandomState.now(), time.monotonic()
        try:
            is_measured = self._measure(before)
        except DivergedError:
            if is_saved:
                self._checkpoints.discard()
            raise
        except Exception:
            if not is_saved:  # memory that ran out, say: what was trained must not be lost for it
                before.restore()
                phase = self._pulse.phase
                with suppress(Exception):
                    self._checkpoints.save(is_due=True)
                self._pulse.enter(phase)
            raise
        control = trainer.control
        if not is_measured:
            control.should_evaluate, control.should_save, control.should_training_stop = False, False, True
            if not is_saved:
                self._checkpoints.save(is_due=True)
            return
        self._seconds = time.monotonic() - began
        if self._stop.is_set():  # it was asked for in the last batch: this step is as good an end as the next
            control.should_save = control.should_training_stop = True
        if is_saved and control.should_save:
            self._checkpoints.add_evaluation()
            control.should_save = False
        elif is_saved:
            self._checkpoints.discard()

    def _measure(self, before: RandomState) -> bool:
        """Evaluates; False where a stop ended it, with the random numbers put back."""
        step = self._trainer.state.global_step
        self.is_left_out = self._stop.is_set()
        if not self.is_left_out:
            self._pulse.enter("evaluating")
            try:
                self._trainer.evaluate()
            except EvaluationStopped:
                before.restore()
                self.is_left_out = True
        if self.is_left_out:
            logger.info(_("Asked to stop: the evaluation of step {step:,} is left out.").format(step=step))
        return not self.is_left_out

    def _is_long(self) -> bool:
        """Whether an evaluation is likely to take so long that losing the steps before it would hurt more than saving them."""
        if self._seconds is None or self._saving_seconds is None:
            return True
        return self._seconds >= _WORTH_SAVING * self._saving_seconds

    def _done(self) -> None:
        control = self._trainer.control
        control.should_evaluate = control.should_save = False
