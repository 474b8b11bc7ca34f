"""Which process is meant, and ending it. A pid alone is not enough: the system gives it to another process later."""

import contextlib
import os
import platform
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAME_START_SECONDS = 1.0
"""Two processes with one pid are further apart than this."""


@dataclass(frozen=True)
class Identity:
    """A process: the host it runs on, its pid there, when it started, and in which uptime of the machine.

    Where the system names its uptimes (Linux: `boot`), `started` counts seconds since the machine came up, which no change of
    the clock moves; elsewhere it is the time that the kernel wrote down, in seconds since 1970, and `boot` is empty.
    """

    host: str
    pid: int
    started: float
    boot: str = ""


def this_host() -> str:
    """The name of this machine."""
    return platform.node()


def this_boot() -> str:
    """What the system calls the time since the machine came up; empty where it has no name for it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def identify(pid: int) -> Identity | None:
    """The identity of a process on this machine; None where it is gone or a zombie."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Identity(this_host(), pid, *_start_of(process))
    except (psutil.Error, OSError):
        return None


def this_process() -> Identity:
    """The identity of the process that asks."""
    found = identify(os.getpid())
    assert found is not None
    return found


def is_alive(identity: Identity) -> bool:
    """Whether that very process still runs. False for a process on another machine: it can't be seen from here."""
    if identity.host != this_host():
        return False
    found = identify(identity.pid)
    if found is None or found.boot != identity.boot:
        return False
    return abs(found.started - identity.started) < _SAME_START_SECONDS


def _start_of(process: psutil.Process) -> tuple[float, str]:
    boot = this_boot()
    if not boot:
        return process.create_time(), ""
    # psutil adds the time of the boot, which it reckons from today's clock: a clock that is set would make every process another.
    told = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8", errors="replace")
    ticks = int(told.rpartition(")")[2].split()[19])
    return ticks / os.sysconf("SC_CLK_TCK"), boot


def first_child(parent: Identity) -> Identity | None:
    """The process that `parent` started, None where there is none yet."""
    try:
        children = psutil.Process(parent.pid).children() if is_alive(parent) else []
    except psutil.Error:
        return None
    return identify(children[0].pid) if children else None


def find_by_arguments(*arguments: str, but: str = "") -> Identity | None:
    """A live process whose command line holds all the arguments, one after the other, and not the word `but`."""
    wanted = list(arguments)
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if any(line[start : start + len(wanted)] == wanted for start in range(len(line) - len(wanted) + 1)) and but not in line:
            return identify(process.pid)
    return None


def send(identity: Identity, number: signal.Signals) -> None:
    """Sends a signal to the process, if it still runs."""
    if is_alive(identity):
        with contextlib.suppress(ProcessLookupError):
            os.kill(identity.pid, number)


def end_group(identity: Identity) -> None:
    """Kills the process and all others of the group that it leads. Whoever comes here has asked it to end before."""
    if is_alive(identity):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(identity.pid, signal.SIGKILL)


def wait_until_gone(identity: Identity, seconds: float) -> bool:
    """Waits for the process to end; whether it did in that time."""
    end = time.monotonic() + seconds
    while is_alive(identity):
        if time.monotonic() >= end:
            return False
        time.sleep(0.05)
    return True
