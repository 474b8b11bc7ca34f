"""What a process tells of the memory it took."""

import platform
import subprocess
import sys
import threading
import time

import pytest

from trainer_core.free_memory import most_held_bytes, most_taken
from trainer_core.jobs.environment import worker_environment
from trainer_core.jobs.summon import PROJECT_ROOT

HELD = 400_000_000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone keeps what is freed")
def test_what_a_worker_frees_is_given_back_when_it_says_so() -> None:
    script = (
        "import psutil; from trainer_core.free_memory import give_back; own = psutil.Process().memory_info;"
        f"below, held, above = bytearray(10_000), bytearray(b'x' * {HELD}), bytearray(10_000); del held;"
        "kept = own().rss; give_back(); print(kept, own().rss)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT_ROOT, capture_output=True, check=True, text=True, env=worker_environment({})
    )
    kept, left = map(int, told.stdout.split())
    assert kept > HELD
    assert left < HELD / 2


def test_what_some_work_takes_is_told_beyond_what_is_held() -> None:
    def work() -> None:
        taken = bytearray(HELD)
        taken[::4096] = b"x" * len(taken[::4096])
        time.sleep(0.5)

    held = bytearray(b"x" * HELD)
    assert most_taken(work, 60) == pytest.approx(HELD, rel=0.1)
    assert most_taken(lambda: None, 60) < HELD / 10
    assert len(held) == HELD


def test_work_that_takes_long_is_not_waited_for_and_what_it_raises_is_raised() -> None:
    over = threading.Event()
    assert most_taken(lambda: over.wait(60), 0.1) < HELD
    over.set()
    with pytest.raises(ZeroDivisionError):
        most_taken(lambda: 1 / 0, 60)


def test_it_counts_what_is_given_back_and_not_what_its_starter_holds() -> None:
    held = bytearray(HELD)
    held[::4096] = b"x" * len(held[::4096])
    assert most_held_bytes() > HELD
    script = "from trainer_core.free_memory import most_held_bytes; print(most_held_bytes())"
    told = subprocess.run([sys.executable, "-c", script], cwd=PROJECT_ROOT, capture_output=True, check=True, text=True)
    assert 1_000_000 < int(told.stdout) < HELD / 2
    del held
    assert most_held_bytes() > HELD
