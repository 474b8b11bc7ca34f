"""Memory that ran out in the worker: told apart from other errors, and a new start with a smaller batch."""

import errno
import logging
import os
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from trainer_core.batch_in_force import Memory, in_force, make_smaller, why_no_smaller
from trainer_core.checkpoints import last_whole
from trainer_core.config import TrainConfig
from trainer_core.errors import OutOfMemoryError
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tracking.journal import Journal
from trainer_core.training.saving import ROOM_SECONDS

logger = logging.getLogger("descent.worker")
# PyTorch has an error class for CUDA alone; what else ran out, only the message tells.
_MACHINE = ("DefaultCPUAllocator", "can't allocate memory", "not enough memory", "Cannot allocate memory")
_GPU = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "MPS backend out of memory",
)


def memory_that_ran_out(error: BaseException) -> Memory | None:
    """Whose memory an error says ran out; None for other errors."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return "machine"
    if type(error).__name__ == "OutOfMemoryError" or any(words in str(error) for words in _GPU):
        return "gpu"
    return "machine" if isinstance(error, RuntimeError) and any(words in str(error) for words in _MACHINE) else None


def start_again_smaller(
    store: Store, run_id: str, config: TrainConfig, journal: Journal, memory: Memory, phase: str, given: Sequence[str]
) -> NoReturn:
    """Becomes a new worker of the run that goes on from the last checkpoint with a smaller batch. `given` are this one's arguments.

    A new process image has all its memory back, whatever still held it. Raises OutOfMemoryError where nothing can be smaller.
    """
    checkpoint = last_whole(store, run_id)
    step = checkpoint.step if checkpoint else 0
    made = make_smaller(store, run_id, config, at=int(time.time() * 1000), step=step, phase=phase, memory=memory)
    if made is None:
        raise OutOfMemoryError(why_no_smaller(memory, phase, in_force(store, run_id, config)))
    logger.warning(
        _(
            "Memory ran out. Going on from step {step:,} with a batch of {batch}, {accumulation} times a step, and {evaluation} at "
            "a time in evaluation: the result is the same."
        ).format(step=step, batch=made.batch_size, accumulation=made.accumulation_steps, evaluation=made.eval_batch_size)
    )
    journal.settle(ROOM_SECONDS)
    journal.close()
    sys.stdout.flush()
    sys.stderr.flush()
    command = [word for word in sys.orig_argv[1:] if word != "--spare"]
    program = command[: -len(given)] if command[-len(given) :] == list(given) else command
    os.execv(sys.executable, [sys.executable, *program, *_from_step(given, step)])  # noqa: S606 - a list


def _from_step(given: Sequence[str], step: int) -> list[str]:
    """A worker's arguments, with the step to go on from."""
    before = list(given)
    if "--resume-from" in before:
        at = before.index("--resume-from")
        before = before[:at] + before[at + 2 :]
    return [*before, "--resume-from", str(step)]
