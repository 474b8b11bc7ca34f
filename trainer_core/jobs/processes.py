"""Which process is meant, and ending it. A pid alone is not enough: the system gives it to another process later."""

import contextlib
import os
import platform
import signal
import time
from dataclasses import dataclass

import psutil

# Two processes with one pid are further apart than this; a clock that is set by the network moves less.
_SAME_START_SECONDS = 5.0


@dataclass(frozen=True)
class Identity:
    """A process: the host it runs on, its pid there and when it started (seconds since 1970)."""

    host: str
    pid: int
    started: float


def this_host() -> str:
    """The name of this machine."""
    return platform.node()


def identify(pid: int) -> Identity | None:
    """The identity of a process on this machine; None where it is gone or a zombie."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Identity(this_host(), pid, process.create_time())
    except psutil.Error:
        return None


def this_process() -> Identity:
    """The identity of the process that asks."""
    return Identity(this_host(), os.getpid(), psutil.Process().create_time())


def is_alive(identity: Identity) -> bool:
    """Whether that very process still runs. False for a process on another machine: it can't be seen from here."""
    if identity.host != this_host():
        return False
    found = identify(identity.pid)
    return found is not None and abs(found.started - identity.started) < _SAME_START_SECONDS


def first_child(parent: Identity) -> Identity | None:
    """The process that `parent` started, None where there is none yet."""
    try:
        children = psutil.Process(parent.pid).children() if is_alive(parent) else []
    except psutil.Error:
        return None
    return identify(children[0].pid) if children else None


def find_by_arguments(*arguments: str) -> Identity | None:
    """A live process of this user whose command line holds all the arguments, one after the other."""
    wanted = list(arguments)
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if any(line[start : start + len(wanted)] == wanted for start in range(len(line) - len(wanted) + 1)):
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
