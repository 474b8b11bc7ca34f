"""A pid alone is not a process, and the shim tells how a worker ended."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from trainer_core.jobs.processes import (
    Identity,
    end_group,
    find_by_arguments,
    first_child,
    identify,
    is_alive,
    send,
    wait_until_gone,
)
from trainer_core.jobs.summon import PROJECT_ROOT

SHIM = PROJECT_ROOT / "trainer_core" / "jobs" / "shim.py"


@pytest.fixture
def sleeper() -> Iterator[Identity]:
    """A process that sleeps, the head of its own group."""
    process = subprocess.Popen(["sleep", "97.5"], start_new_session=True)
    found = identify(process.pid)
    assert found is not None
    yield found
    process.kill()
    process.wait()


def shim(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    """A shim that runs the command."""
    files = ["--exit-file", str(folder / "exit.json"), "--log", str(folder / "log")]
    return subprocess.Popen([sys.executable, "-I", "-S", str(SHIM), *files, "--", *command], start_new_session=True)


def exit_status(folder: Path) -> dict[str, object]:
    found = json.loads((folder / "exit.json").read_text())
    assert isinstance(found, dict)
    return found


def test_a_process_is_known_by_pid_and_start(sleeper: Identity) -> None:
    assert is_alive(sleeper)
    assert not is_alive(replace(sleeper, started=sleeper.started - 1_000))
    assert not is_alive(replace(sleeper, host="elsewhere"))


def test_a_zombie_is_dead() -> None:
    process = subprocess.Popen(["sleep", "97.5"])
    found = identify(process.pid)
    assert found is not None
    process.kill()
    assert wait_until_gone(found, 5)
    process.wait()


def test_a_signal_never_reaches_the_next_owner_of_a_pid(sleeper: Identity) -> None:
    stale = replace(sleeper, started=sleeper.started - 1_000)
    send(stale, signal.SIGKILL)
    end_group(stale)
    assert is_alive(sleeper)
    end_group(sleeper)
    assert wait_until_gone(sleeper, 5)


def test_a_process_is_found_by_its_arguments(sleeper: Identity) -> None:
    while not psutil.Process(sleeper.pid).cmdline():  # a process that has just started has none for a moment
        time.sleep(0.01)
    assert find_by_arguments("sleep", "97.5") == sleeper
    assert find_by_arguments("sleep", "97.4") is None


def test_waiting_for_a_process_that_lives_on_ends_in_time(sleeper: Identity) -> None:
    assert not wait_until_gone(sleeper, 0.1)


def test_the_shim_writes_exit_code_and_time(tmp_path: Path) -> None:
    began = time.time()
    shim(tmp_path, sys.executable, "-c", "print('hello'); raise SystemExit(3)").wait(30)
    status = exit_status(tmp_path)
    assert status["code"] == 3
    assert isinstance(status["time"], float)
    assert began <= status["time"] <= time.time()
    assert (tmp_path / "log").read_text() == "hello\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exit.json", "log"]


def test_the_shim_writes_the_signal_that_killed_the_worker(tmp_path: Path) -> None:
    shim(tmp_path, sys.executable, "-c", "import os; os.kill(os.getpid(), 9)").wait(30)
    assert exit_status(tmp_path)["code"] == -9


def test_the_shim_says_that_a_command_does_not_exist(tmp_path: Path) -> None:
    shim(tmp_path, "/no/such/command").wait(30)
    status = exit_status(tmp_path)
    assert status["code"] is None
    assert "No such file" in str(status["error"])


def test_the_shim_outlives_ctrl_c_and_ends_what_the_worker_leaves_behind(tmp_path: Path) -> None:
    code = "import os, subprocess, time; child = subprocess.Popen(['sleep', '98']); print(child.pid, flush=True); time.sleep(1)"
    process = shim(tmp_path, sys.executable, "-c", code)
    end = time.monotonic() + 20
    while not (tmp_path / "log").exists() or not (tmp_path / "log").read_text().endswith("\n"):
        assert time.monotonic() < end
        time.sleep(0.05)
    left = identify(int((tmp_path / "log").read_text()))
    assert left is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(process.pid, number)
    own = identify(process.pid)
    assert own is not None
    worker = first_child(own)
    assert worker is not None
    assert psutil.Process(worker.pid).cmdline()[-1] == code
    process.wait(30)
    assert exit_status(tmp_path)["code"] == 0
    assert wait_until_gone(left, 10)
