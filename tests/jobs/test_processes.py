"""A pid alone is not a process, and the shim tells how a worker ended."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

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


@pytest.mark.skipif(sys.platform != "linux", reason="other systems write down when a process started")
def test_a_clock_that_is_set_makes_no_process_another(sleeper: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    # The system tells when it came up by today's clock: set it forward by an hour, and it came up an hour later.
    monkeypatch.setattr(psutil, "boot_time", lambda: time.time())
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: time.time())
    assert is_alive(sleeper)
    assert not is_alive(replace(sleeper, boot="another uptime"))


def counting_shim() -> Any:
    """The shim as a module."""
    spec = importlib.util.spec_from_file_location("shim", SHIM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("groups", "files", "wanted"),
    [
        ("0::/user/me", {"cg/user/me/memory.events": "low 0\noom 4\noom_kill 3\n", "cg/memory.events": "oom_kill 9\n"}, 3),
        ("0::/seen/from/outside", {"cg/memory.events": "oom_kill 5\n"}, 5),  # a container
        ("5:cpu:/\n4:memory:/me", {"cg/memory/me/memory.oom_control": "under_oom 0\noom_kill 2\n"}, 2),  # version 1
        ("0::/", {}, 7),  # no groups: the whole machine's
    ],
)
def test_the_shim_reads_the_count_of_its_own_group(tmp_path: Path, groups: str, files: dict[str, str], wanted: int) -> None:
    for name, text in {**files, "cgroup": groups, "vmstat": "nr_free_pages 1\noom_kill 7\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shim = counting_shim()
    assert shim.read_counter(shim.find_counter(str(tmp_path / "cg"), str(tmp_path / "cgroup"), str(tmp_path / "vmstat"))) == wanted


@pytest.mark.parametrize(("risen_after", "is_for_memory"), [(0.3, False), (3.2, True)])
def test_only_a_count_that_rose_just_now_tells_that_memory_ended_the_worker(
    tmp_path: Path, risen_after: float, is_for_memory: bool
) -> None:
    counter, shim = tmp_path / "memory.events", counting_shim()
    counter.write_text("oom_kill 1\n")
    worker = subprocess.Popen(["sleep", "3.5"])
    rising = threading.Timer(risen_after, lambda: counter.write_text("oom_kill 2\n"))  # some other process was killed
    rising.start()
    code, before = shim.wait(worker, str(counter))
    rising.join()
    assert code == 0
    assert (shim.read_counter(str(counter)) > before) == is_for_memory


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
