"""How much memory this machine, or the group of processes that we are in, has left, and how much we took. Imports no torch."""

import contextlib
import ctypes
import resource
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import psutil


def available_bytes(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes that can be taken without swapping: the machine's, or what a limit on this group of processes leaves of them.

    `root` and `own` say where Linux tells about groups; other systems have none.
    """
    left = [psutil.virtual_memory().available]
    for folder in _groups(root, own):
        for limit, usage, stats in (
            ("memory.max", "memory.current", "memory.stat"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"),
        ):
            with contextlib.suppress(OSError, ValueError):  # not there, or "max"
                taken = int((folder / usage).read_text()) - _cached(folder / stats)
                left.append(max(0, int((folder / limit).read_text()) - taken))
    return min(left)


def _groups(root: Path, own: Path) -> list[Path]:
    """The folders of this process's group and of those above it."""
    found = [root, root / "memory"]
    with contextlib.suppress(OSError):
        for line in own.read_text(encoding="utf-8").splitlines():
            _number, kinds, path = line.split(":", 2)
            if not kinds or "memory" in kinds.split(","):
                top = root if not kinds else root / "memory"
                below = top / path.lstrip("/")
                found += [below, *(parent for parent in below.parents if parent != top and top in parent.parents)]
    return found


def _cached(stats: Path) -> int:
    """Bytes of files that the kernel holds in memory and would give up first."""
    told = dict(line.split(" ", 1) for line in stats.read_text().splitlines() if " " in line)
    return int(told.get("total_inactive_file", told.get("inactive_file", "0")))


def most_held_bytes() -> int:
    """The most memory that this process has held at once."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        # Linux's getrusage counts what the program that started this one held then, too.
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def most_taken(work: Callable[[], object], seconds: float) -> int:
    """Bytes that this process held at most while it did `work`, beyond what it held before; looked at a hundred times a second.

    What takes longer than so many seconds goes on in its thread, and is no longer watched. Raises what the work raised.
    """
    give_back()
    process, end = psutil.Process(), time.monotonic() + seconds
    before = most = process.memory_info().rss
    # Not by a pool: its threads are waited for when the process ends.
    result: Future[object] = Future()

    def do() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # whoever waits for it decides
            result.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    while not result.done() and time.monotonic() < end:
        most = max(most, process.memory_info().rss)
        time.sleep(0.01)
    if result.done():
        result.result()
    return int(most - before)


def give_back() -> None:
    """Gives the system what this process has freed: glibc keeps it, as a worker asks it to (jobs/environment.py)."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def be_ended_first() -> None:
    """Has the kernel end this process before others where memory runs out. Only Linux takes such a wish."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("600", encoding="ascii")
