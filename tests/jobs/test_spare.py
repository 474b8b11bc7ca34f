"""A worker waits with its imports done; it is used once, renewed, and gone with its supervisor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.stores import end_processes_of, new_store
from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.free_memory import available_bytes
from trainer_core.jobs import spare
from trainer_core.jobs.database import JobDatabase
from trainer_core.jobs.devices import Slot
from trainer_core.jobs.spare import Spare, SpareKeeper
from trainer_core.jobs.summon import PROJECT_ROOT, expect_launch, lock_file, supervisor_lock
from trainer_core.store import Store

CONFIG = TrainConfig(hidden_sizes=(8,), max_steps=5, precision="fp32")
LISTENER = "import sys; print('given', sys.stdin.readline().strip(), flush=True)"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("DESCENT_SPARE", "on")
    made = new_store(tmp_path / "store")
    yield made
    end_processes_of(made)


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def waiting(store: Store) -> list[psutil.Process]:
    """The workers that wait, by their shims' command lines."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "--spare" in line and str(store.logs / "spare.log") in line:
            found += process.children()
    return found


def end_supervisor(store: Store, kind: signal.Signals) -> None:
    process = psutil.Process(int(lock_file(store).read_text()))
    process.send_signal(kind)
    process.wait(20)


def test_a_run_goes_to_the_worker_that_waits_and_another_follows(store: Store) -> None:
    expect_launch(store)
    until(lambda: len(waiting(store)) == 1)
    (worker,) = waiting(store)
    run_id = jobs.launch(store, CONFIG)
    queue = JobDatabase(store.jobs_database)
    until(lambda: jobs.state_of(store, run_id) == ("finished", True))
    job = queue.get(run_id)
    assert job is not None
    assert job.spare
    assert job.worker is not None
    assert job.worker.pid == worker.pid
    assert "Finished." in store.log(run_id).read_text()
    until(lambda: [process.pid for process in waiting(store)] not in ([], [worker.pid]))


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM])
def test_a_spare_ends_with_its_supervisor(store: Store, kind: signal.Signals) -> None:
    expect_launch(store)
    until(lambda: len(waiting(store)) == 1)
    spares = waiting(store)
    end_supervisor(store, kind)
    _gone, left = psutil.wait_procs(spares, timeout=20)
    assert left == []


def test_a_run_that_a_spare_does_outlives_the_supervisor_and_is_adopted(store: Store) -> None:
    expect_launch(store)
    until(lambda: len(waiting(store)) == 1)
    run_id = jobs.launch(store, CONFIG.model_copy(update={"max_steps": 4_000, "epochs": 1_000}))
    until(lambda: (now := jobs.progress(store, run_id)) is not None and now.step > 0)
    end_supervisor(store, signal.SIGKILL)
    jobs.ensure_supervisor(store)
    until(lambda: jobs.state_of(store, run_id) == ("finished", True), 120)


def test_a_run_given_to_a_spare_that_never_heard_of_it_waits_again(store: Store) -> None:
    """As when the supervisor is killed between writing down who does the run and saying so."""
    with supervisor_lock(store):
        run_id = jobs.launch(store, CONFIG)
    queue = JobDatabase(store.jobs_database)
    held = Spare(store, Slot(0, {}), [sys.executable, "-c", LISTENER])
    until(lambda: held.worker is not None)
    assert queue.start(run_id, 0)
    queue.set_processes(run_id, held.shim, held.worker, spare=True)
    held.end()
    jobs.ensure_supervisor(store)
    until(lambda: jobs.state_of(store, run_id) == ("finished", True))
    job = queue.get(run_id)
    assert job is not None
    assert job.attempt == 1


def test_an_order_is_passed_on_and_the_exit_is_told(store: Store, tmp_path: Path) -> None:
    held = Spare(store, Slot(0, {}), [sys.executable, "-c", LISTENER])
    until(lambda: held.worker is not None)
    assert held.assign(tmp_path / "exit.json", tmp_path / "log", ["--run", "x"])
    held.process.wait(10)
    assert '"code": 0' in (tmp_path / "exit.json").read_text()
    assert '"arguments": ["--run", "x"]' in (store.logs / "spare.log").read_text()


def test_an_order_to_a_spare_that_is_gone_is_not_taken(store: Store, tmp_path: Path) -> None:
    held = Spare(store, Slot(0, {}), [sys.executable, "-c", LISTENER])
    until(lambda: held.worker is not None)
    assert held.worker is not None
    os.kill(held.worker.pid, signal.SIGKILL)
    until(lambda: held.process.poll() is not None)
    assert not held.assign(tmp_path / "exit.json", tmp_path / "log", [])
    assert not (tmp_path / "exit.json").exists()


def test_a_spare_is_let_go_when_memory_is_short(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    left = 10_000_000_000
    monkeypatch.setattr(spare, "available_bytes", lambda: left)
    keeper = SpareKeeper(store, [sys.executable, "-c", LISTENER])
    keeper.tend(Slot(0, {}), True)
    until(lambda: len(waiting(store)) == 1)
    processes = waiting(store)
    left = 500_000_000
    keeper.tend(Slot(0, {}), True)
    assert psutil.wait_procs(processes, timeout=10)[1] == []
    keeper.tend(Slot(0, {}), True)
    assert waiting(store) == []
    keeper.close()


def test_a_spare_made_for_another_device_is_not_taken(store: Store) -> None:
    keeper = SpareKeeper(store, [sys.executable, "-c", LISTENER])
    keeper.tend(Slot(0, {"CUDA_VISIBLE_DEVICES": "0"}), True)
    until(lambda: len(waiting(store)) == 1)
    assert keeper.take(Slot(1, {"CUDA_VISIBLE_DEVICES": "1"})) is None
    found = keeper.take(Slot(0, {"CUDA_VISIBLE_DEVICES": "0"}))
    assert found is not None
    found.end()


@pytest.mark.parametrize(
    ("groups", "files", "wanted"),
    [
        ("0::/", {}, None),
        ("0::/me", {"me/memory.max": "max", "me/memory.current": "5", "me/memory.stat": "inactive_file 2"}, None),
        ("0::/me", {"me/memory.max": "1000", "me/memory.current": "500", "me/memory.stat": "anon 1\ninactive_file 200"}, 700),
        (
            "4:memory:/me",
            {
                "memory/me/memory.limit_in_bytes": "1000",
                "memory/me/memory.usage_in_bytes": "900",
                "memory/me/memory.stat": "cache 5\ntotal_inactive_file 50",
            },
            150,
        ),
    ],
)
def test_memory_that_is_left_counts_the_limit_of_the_group(
    tmp_path: Path, groups: str, files: dict[str, str], wanted: int | None
) -> None:
    (tmp_path / "cgroup").write_text(groups)
    for name, text in files.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(text)
    found = available_bytes(tmp_path / "groups", tmp_path / "cgroup")
    if wanted is None:
        assert found == pytest.approx(psutil.virtual_memory().available, rel=0.2)
    else:
        assert found == wanted


def test_a_worker_that_waits_leaves_when_its_input_ends() -> None:
    waits = [sys.executable, "-m", "trainer_core.training", "--spare"]
    done = subprocess.run(waits, cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert done.returncode == 0
