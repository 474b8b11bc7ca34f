"""What a process tells of the memory it took."""

import subprocess
import sys

from trainer_core.free_memory import most_held_bytes
from trainer_core.jobs.summon import PROJECT_ROOT

HELD = 400_000_000


def test_it_counts_what_is_given_back_and_not_what_its_starter_holds() -> None:
    held = bytearray(HELD)
    held[::4096] = b"x" * len(held[::4096])
    assert most_held_bytes() > HELD
    script = "from trainer_core.free_memory import most_held_bytes; print(most_held_bytes())"
    told = subprocess.run([sys.executable, "-c", script], cwd=PROJECT_ROOT, capture_output=True, check=True, text=True)
    assert 1_000_000 < int(told.stdout) < HELD / 2
    del held
    assert most_held_bytes() > HELD
