"""Starts a worker and writes how it ended, whatever becomes of the supervisor.

Run by its path, without the package or site-packages (`python -I -S shim.py --exit-file F --log F -- COMMAND...`), so that it
starts in milliseconds. The worker leads a process group of its own; what it leaves behind in the group is ended with it.
"""

import argparse
import contextlib
import errno
import json
import os
import signal
import subprocess
import time


def main() -> None:
    """Runs the command to its end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--exit-file", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    # Signals are the worker's business. A shim that dies first can't say how the worker ended.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    status: dict[str, object] = {}
    before = _oom_kills()
    try:
        with open(options.log, "ab") as log:  # noqa: PTH123 - pathlib costs a third of the start
            worker = subprocess.Popen(
                options.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_default_signals,  # an ignored signal would be inherited
            )
        code = worker.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.pid, signal.SIGKILL)
        # Counted by the kernel for this group of processes or the whole machine: that it rose is what tells it from a plain kill.
        status = {"code": code, "time": time.time(), "killed_for_memory": code == -signal.SIGKILL and _oom_kills() > before}
    except OSError as error:
        status = {"code": None, "error": str(error), "time": time.time()}
    while not _written(options.exit_file, status):
        time.sleep(1.0)  # a full disk: how the worker ended must not be lost for it


def _written(path: str, status: dict[str, object]) -> bool:
    aside = f"{path}.{os.getpid()}"
    try:
        with open(aside, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump(status, file)
        os.replace(aside, path)  # noqa: PTH105
    except OSError as error:
        return error.errno == errno.ENOENT  # the store is gone: there is nobody left to tell
    return True


def _oom_kills() -> int:
    """How often the kernel has killed a process because memory ran out; 0 where it does not tell."""
    for path, name in (("/sys/fs/cgroup/memory.events", "oom_kill"), ("/proc/vmstat", "oom_kill")):
        try:
            with open(path, encoding="ascii") as file:  # noqa: PTH123
                for line in file:
                    word, _space, number = line.partition(" ")
                    if word == name:
                        return int(number)
        except (OSError, ValueError):
            continue
    return 0


def _default_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    main()
