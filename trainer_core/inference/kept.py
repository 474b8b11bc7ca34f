"""Models that were asked lately, kept in memory up to a limit, on the GPU where one has room for them."""

import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import psutil
import torch
from torch import nn

from trainer_core.errors import CheckpointError
from trainer_core.free_memory import available_bytes, be_ended_first
from trainer_core.language import gettext as _

_SHARE = 0.25
"""Of the machine's memory that kept models may fill; training needs the rest."""
_TIMES_LOADING = 2.2
"""A model takes so many times its file while it is loaded: what is read, and what it is read into."""
_TIMES_ON_GPU = 1.5
"""And so many times its own size on a GPU while it answers."""
_SPARED = 256 * 2**20

Asker = TypeVar("Asker")


@dataclass(frozen=True)
class Held(Generic[Asker]):
    """A loaded model: what asks it, its bytes, and a sentence where it answers from elsewhere than it might."""

    ask: Asker
    bytes: int
    note: str = ""


class KeptModels(Generic[Asker]):
    """Models by key; the one asked longest ago goes first when they take more than `limit` bytes."""

    def __init__(self, limit: int | None = None, available: Callable[[], int] | None = None) -> None:
        self.limit = limit if limit is not None else int(_SHARE * psutil.virtual_memory().total)
        self._available = available or available_bytes
        self._held: OrderedDict[Hashable, Held[Asker]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def bytes(self) -> int:
        """What all kept models take."""
        return sum(held.bytes for held in self._held.values())

    def get(self, key: Hashable, size: Callable[[], int], load: Callable[[], Held[Asker]]) -> Held[Asker]:
        """The model under a key, loaded where it is not kept. `size` tells the bytes of its weights, and is asked only then.

        Raises CheckpointError where the machine has not the memory for it: whoever trains beside it is not to pay for a question.
        """
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        needs = size()
        self._make_room(needs)
        wanted = int(_TIMES_LOADING * needs) + _SPARED
        while self._held and self._available() < wanted:
            self._held.popitem(last=False)
        free = self._available()
        if free < wanted:
            raise CheckpointError(
                _(
                    "The model needs about {wanted:.1f} GB of memory to load, and {free:.1f} GB are free. Ask again when what "
                    "trains beside it has ended."
                ).format(wanted=wanted / 1e9, free=free / 1e9)
            )
        held = load()
        self._make_room(held.bytes)
        if held.bytes <= self.limit:  # a larger one answers, and is let go
            self._held[key] = held
        return held

    def _make_room(self, more: int) -> None:
        while self._held and self.bytes + more > self.limit:
            self._held.popitem(last=False)


def place(model: nn.Module) -> tuple[str, int]:
    """Moves a model to the GPU where there is one with room for it. Gives a sentence where it has none, and the model's bytes."""
    size = sum(tensor.numel() * tensor.element_size() for tensor in (*model.parameters(), *model.buffers()))
    if not torch.cuda.is_available():
        return "", size
    told = _("The GPU has no room for it now: it answers from the processor.")
    try:
        free, _total = torch.cuda.mem_get_info()
        if free < _TIMES_ON_GPU * size + _SPARED:
            return told, size
        model.to("cuda")
    except torch.OutOfMemoryError:
        model.to("cpu")
        return told, size
    return "", size


def give_way(steps: int) -> None:
    """Has training go first: for the processor by `steps` of niceness, and for memory, of which the kernel ends this one first."""
    with suppress(OSError):
        os.nice(steps)
    be_ended_first()
    if sys.platform == "linux" and os.getsid(0) == os.getpid():
        # Linux may share the processor out between sessions first, whatever is nice inside of them.
        _give_way_as_session(steps)


def _give_way_as_session(steps: int) -> None:
    for _attempt in range(5):
        try:
            Path("/proc/self/autogroup").write_text(str(steps), encoding="ascii")
        except BlockingIOError:  # Linux takes one such change a tenth of a second, whoever asks for it
            time.sleep(0.15)
        except OSError:
            return
        else:
            return


def answer_from_processor(model: Any, ask: Callable[[], Any]) -> tuple[Any, str]:
    """The answer, from the processor where the GPU's memory does not hold what lies between the layers."""
    try:
        return ask(), ""
    except torch.OutOfMemoryError:
        model.to("cpu")
        torch.cuda.empty_cache()
        return ask(), _("The GPU has no room for it now: it answers from the processor.")
