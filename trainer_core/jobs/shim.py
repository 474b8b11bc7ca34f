"""Starts a worker and writes how it ended, whatever becomes of the supervisor.

Run by its path, without the package or site-packages (`python -I -S shim.py --exit-file F --log F -- COMMAND...`), so that it
starts in milliseconds. The worker leads a process group of its own; what it leaves behind in the group is ended with it.

With `--spare` in place of the exit file it starts a worker that waits, and learns from its own input where the exit status goes
and what the worker is to do: a line of JSON, which it answers with `ready`, and then `go`. Where its input ends before, so does
the worker.
"""

import argparse
import contextlib
import errno
import json
import os
import select
import signal
import subprocess
import sys
import time


def main() -> None:
    """Runs the command to its end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--exit-file", default="")
    parser.add_argument("--spare", action="store_true")
    parser.add_argument("--log", required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    # Signals are the worker's business. A shim that dies first can't say how the worker ended.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    exit_file: str = options.exit_file
    status: dict[str, object] = {}
    try:
        with open(options.log, "ab") as log:  # noqa: PTH123 - pathlib costs a third of the start
            worker = subprocess.Popen(
                options.command,
                stdin=subprocess.PIPE if options.spare else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_default_signals,  # an ignored signal would be inherited
            )
        if options.spare:
            exit_file = take_order(worker)
            if not exit_file:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(worker.pid, signal.SIGKILL)
                return
        counter = find_counter()
        code, before = wait(worker, counter)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.pid, signal.SIGKILL)
        # The kernel counts whom it kills for want of memory. That the count rose just now is what tells it from a plain kill.
        for_memory = code == -signal.SIGKILL and read_counter(counter) > before
        status = {"code": code, "time": time.time(), "killed_for_memory": for_memory}
    except OSError as error:
        status = {"code": None, "error": str(error), "time": time.time()}
    while exit_file and not _written(exit_file, status):
        time.sleep(1.0)  # a full disk: how the worker ended must not be lost for it


def take_order(worker: "subprocess.Popen[bytes]") -> str:
    """Waits for an order and passes it on to the worker; gives the exit file's path, nothing where no order came."""
    if not _can_read_while_alive(worker):
        return ""
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        return ""
    told = json.loads(line)
    print("ready", flush=True)  # noqa: T201 - the answer
    if sys.stdin.readline() != "go\n" or worker.poll() is not None:
        return ""
    assert worker.stdin is not None
    try:
        worker.stdin.write(json.dumps(told["order"]).encode() + b"\n")
        worker.stdin.close()
    except OSError:
        return ""
    return str(told["exit_file"])


def _can_read_while_alive(worker: "subprocess.Popen[bytes]") -> bool:
    """Waits until there is something to read; False where the worker ended before."""
    ended = [os.pidfd_open(worker.pid)] if hasattr(os, "pidfd_open") else []
    while True:
        ready, _none, _neither = select.select([sys.stdin, *ended], [], [], None if ended else 1.0)
        if worker.poll() is not None:
            return False
        if sys.stdin in ready:
            return True


def wait(worker: "subprocess.Popen[bytes]", counter: str) -> "tuple[int, int]":
    """Waits for the worker's end; gives its status and what the counter said one to two seconds before it."""
    ended = os.pidfd_open(worker.pid) if hasattr(os, "pidfd_open") else -1
    older = newer = read_counter(counter)
    while True:
        # Where the system can't wake us, wait(timeout) looks twenty times a second.
        if ended < 0 or select.select([ended], [], [], 1.0)[0]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return worker.wait(timeout=1.0), older
        # The last reading may come after the kernel's kill and before the worker is seen to be gone: the one before it counts.
        older, newer = newer, read_counter(counter)


def _written(path: str, status: "dict[str, object]") -> bool:
    aside = f"{path}.{os.getpid()}"
    try:
        with open(aside, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump(status, file)
            file.flush()
            os.fsync(file.fileno())  # a machine that loses its power must not leave an empty file behind
        os.replace(aside, path)  # noqa: PTH105
    except OSError as error:
        return error.errno == errno.ENOENT  # the store is gone: there is nobody left to tell
    return True


def find_counter(root: str = "/sys/fs/cgroup", own: str = "/proc/self/cgroup", machine: str = "/proc/vmstat") -> str:
    """The file that counts processes killed for want of memory: that of this process's group, which its worker shares, else the
    whole machine's.
    """
    paths = []
    try:
        with open(own, encoding="utf-8") as file:  # noqa: PTH123
            for line in file:
                _number, kinds, path = line.rstrip("\n").split(":", 2)
                if not kinds:  # cgroups of version 2
                    paths += [f"{root}{path}/memory.events", f"{root}/unified{path}/memory.events"]
                elif "memory" in kinds.split(","):
                    paths.append(f"{root}/memory{path}/memory.oom_control")
    except (OSError, ValueError):
        pass
    # In a container the group's path may be told as seen from outside: its own group is then mounted as the root.
    paths += [f"{root}/memory.events", f"{root}/memory/memory.oom_control"]
    return next((path for path in paths if _count_in(path) is not None), machine)


def read_counter(path: str) -> int:
    """How often the kernel has killed a process because memory ran out; 0 where it does not tell."""
    return _count_in(path) or 0


def _count_in(path: str) -> "int | None":
    try:
        with open(path, encoding="ascii") as file:  # noqa: PTH123
            for line in file:
                word, _space, number = line.partition(" ")
                if word == "oom_kill":
                    return int(number)
    except (OSError, ValueError):
        return None
    return None


def _default_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    main()
