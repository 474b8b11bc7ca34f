"""The real worker, short of memory: `--limit-mb N` more than it has before its first step, or `--gpu-batch N`, above which a step
fails.

The first is a real limit of the system's; the second stands in for a GPU, of which there is none.
"""

import resource
import sys
import threading
from typing import Any

import torch

from trainer_core.training.__main__ import main
from trainer_core.training.trainer import DescentTrainer

_step = DescentTrainer.training_step


def memory_in_use() -> int:
    """Bytes of data that this process has mapped, as RLIMIT_DATA counts them."""
    with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123
        return 1024 * next(int(line.split()[1]) for line in file if line.startswith("VmData:"))


def limit(megabytes: int) -> None:
    """Limits what a step may allocate. Imports are done without: the dynamic linker does not bear it; nor does the thread that
    computes baselines, whose own imports and buffers would be limited too.
    """

    def training_step(self: DescentTrainer, *arguments: Any) -> torch.Tensor:
        for thread in threading.enumerate():
            if thread.name == "baselines":
                thread.join()
        most = memory_in_use() + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.RLIM_INFINITY))
        try:
            return _step(self, *arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    DescentTrainer.training_step = training_step  # type: ignore[method-assign,assignment]


def fail_above(batch: int) -> None:
    """Lets a step of training fail as a full GPU does where its batch is larger."""

    def training_step(self: DescentTrainer, model: Any, inputs: dict[str, torch.Tensor], *others: Any) -> torch.Tensor:
        if len(inputs["labels"]) > batch and self.state.global_step >= 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return _step(self, model, inputs, *others)

    DescentTrainer.training_step = training_step  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    kind, amount = sys.argv[1:3]
    del sys.argv[1:3]
    {"--limit-mb": limit, "--gpu-batch": fail_above}[kind](int(amount))
    sys.exit(main())
