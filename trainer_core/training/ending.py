"""How a run's training came to its end, and what it says of that."""

from dataclasses import dataclass
from typing import Literal

from trainer_core.checkpoints import Checkpoint, evaluation_left_out
from trainer_core.language import gettext as _


@dataclass(frozen=True)
class Ending:
    """`finished` with all that was to do, or stopped on being asked to.

    `step` is the one that it stopped at, with a checkpoint, 0 before the first; `resumed` says that no step was done since it was
    resumed there; `left_out` names what is done when the run is resumed.
    """

    finished: bool
    step: int = 0
    resumed: bool = False
    left_out: Literal["", "evaluation", "test"] = ""

    @classmethod
    def before(cls, checkpoint: Checkpoint | None) -> "Ending":
        """Stopped before any step: of a run that goes on from a checkpoint, or of one that begins."""
        if checkpoint is None:
            return cls(finished=False)
        return cls(False, checkpoint.step, resumed=True, left_out="evaluation" if checkpoint.evaluation_due else "")

    @property
    def reason(self) -> str:
        """The sentences for people; empty for a run that finished."""
        if self.finished:
            return ""
        if not self.step:
            return _("Stopped before the first step.")
        if self.left_out == "test":
            tested = _("Stopped after the last step, {step:,}: the final test was left out. It is done when the run is resumed.")
            return tested.format(step=self.step)
        if self.resumed:
            stopped = _("Stopped before it went on: it stands at step {step:,}, as before.").format(step=self.step)
        else:
            stopped = _("Stopped at step {step:,}, with a checkpoint to go on from.").format(step=self.step)
        return f"{stopped} {evaluation_left_out()}" if self.left_out else stopped
