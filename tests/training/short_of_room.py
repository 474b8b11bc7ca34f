"""The real worker with room for small files only, from one step to another: `FROM UNTIL`, then the worker's arguments.

The system's limit on a file's size fails as a full disk does, in mid-write too, and needs no disk of one's own.
"""

import resource
import sys
from typing import Any

from transformers import TrainerCallback, TrainerState

from trainer_core.training.__main__ import main
from trainer_core.training.flow import Flow

ROOM = 8_192


class Narrow(TrainerCallback):  # type: ignore[misc]
    """Takes the room away at one step and gives it back at another."""

    def __init__(self, start: int, end: int) -> None:
        self._start, self._end = start, end

    def on_step_begin(self, _arguments: Any, state: TrainerState, _control: Any, **_others: Any) -> None:
        """Sets the limit that holds in this step."""
        narrow = self._start <= state.global_step + 1 < self._end
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM if narrow else resource.RLIM_INFINITY, resource.RLIM_INFINITY))


if __name__ == "__main__":
    callback = Narrow(int(sys.argv[1]), int(sys.argv[2]))
    del sys.argv[1:3]
    # Flow has no such hook of its own: the Trainer calls this one through it.
    Flow.on_step_begin = lambda _self, *arguments, **named: callback.on_step_begin(*arguments, **named)
    sys.exit(main())
