"""Where runs work at once: a slot for each GPU, or a set number of slots that share the processor's cores.

`DESCENT_SLOTS` says how many runs work at once: by default one for each GPU, or one where there is none. More slots than GPUs
share them in turn. `CUDA_VISIBLE_DEVICES` names the GPUs to use, as for every CUDA program.
"""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trainer_core.errors import ConfigError
from trainer_core.language import gettext as _

MOST_SLOTS = 64
_ASK_SECONDS = 10


@dataclass(frozen=True)
class Slot:
    """A place for one run: its number from 0, and what its worker's environment gets on top."""

    number: int
    environment: Mapping[str, str]


def find_gpus(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The GPUs that may be used, as CUDA_VISIBLE_DEVICES names them; [] where there is none. Imports no torch."""
    named = environment.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        # CUDA itself stops at the first that it does not know, and -1 is the usual word for none.
        names = [name.strip() for name in named.split(",")]
        return names[: next((at for at, name in enumerate(names) if name in ("", "-1")), len(names))]
    try:
        answer = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip().isdigit()]


def make_slots(
    environment: Mapping[str, str] = os.environ,
    cores: int | None = None,
    gpus: Callable[[Mapping[str, str]], list[str]] = find_gpus,
) -> list[Slot]:
    """The slots of this machine. Raises ConfigError as `count_wanted` does."""
    found = gpus(environment)
    count = count_wanted(environment) or max(1, len(found))
    threads = max(1, (cores or os.cpu_count() or 1) // count)
    slots = []
    for number in range(count):
        own: dict[str, str] = {}
        if found:
            own["CUDA_VISIBLE_DEVICES"] = found[number % len(found)]
        if count > 1 and "OMP_NUM_THREADS" not in environment:
            # Without a share of its own each worker would take all cores, and they would stand in each other's way.
            own["OMP_NUM_THREADS"] = str(threads)
        slots.append(Slot(number, own))
    return slots


def count_wanted(environment: Mapping[str, str] = os.environ) -> int | None:
    """What DESCENT_SLOTS says, None where it says nothing. Raises ConfigError for what is no number from 1 to 64."""
    wanted = environment.get("DESCENT_SLOTS", "").strip()
    if wanted and not (wanted.isdigit() and 1 <= int(wanted) <= MOST_SLOTS):
        raise ConfigError(
            {
                "DESCENT_SLOTS": _(
                    "DESCENT_SLOTS is “{value}”. It says how many runs work at once: a whole number from 1 to {most}."
                ).format(value=wanted, most=MOST_SLOTS)
            }
        )
    return int(wanted) if wanted else None
