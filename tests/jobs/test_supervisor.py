"""Runs start in order, end in a stored state, and survive whatever happens to the supervisor."""

import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil

from tests.jobs.conftest import Station
from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.jobs.database import JobDatabase
from trainer_core.jobs.processes import is_alive, this_process, wait_until_gone
from trainer_core.jobs.summon import PROJECT_ROOT, ensure_supervisor, supervisor_lock
from trainer_core.store import open_store
from trainer_core.tracking import read
from trainer_core.tracking.journal import read_records


def steps_logged(station: Station, run_id: str) -> list[int]:
    return list(read.metric_history(station.store, [run_id], ["train/loss"])["step"])


def test_a_run_finishes_with_every_point_in_mlflow(station: Station) -> None:
    run = station.until_over(station.launch("steps-20"))
    assert (run.state, run.reason) == ("finished", "")
    assert steps_logged(station, run.run_id) == list(range(1, 21))
    assert run.ended is not None
    assert run.started is not None
    assert run.duration_seconds is not None
    assert 0.3 < run.duration_seconds < 60
    assert jobs.log_tail(station.store, run.run_id) == ["working on steps-20"]


def test_a_killed_worker_fails_naming_the_signal_and_the_log(station: Station) -> None:
    run = station.until_over(station.launch("killed"))
    assert run.state == "failed"
    assert "signal 9 (SIGKILL)" in run.reason
    assert f"logs/{run.run_id}.log" in run.reason


def test_processes_that_a_killed_worker_leaves_behind_are_ended(station: Station) -> None:
    run_id = station.launch("killed-again")
    station.until_over(run_id)
    worker = station.job(run_id).worker
    left = [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == ["sleep", "300"]]
    assert worker is None or not any(os.getpgid(process.pid) == worker.pid for process in left)


def test_a_worker_that_exits_with_an_error_fails_quoting_its_log(station: Station) -> None:
    run = station.until_over(station.launch("exit-3"))
    assert run.state == "failed"
    assert "exit code 3" in run.reason
    assert "the disk is made of cheese" in run.reason


def test_a_worker_that_says_nothing_of_its_end_fails(station: Station) -> None:
    run = station.until_over(station.launch("silent-exit"))
    assert run.state == "failed"
    assert "did not say how the run went" in run.reason


def test_runs_go_one_after_the_other_in_order(station: Station) -> None:
    runs = [station.launch("steps-60"), station.launch("steps-3"), station.launch("steps-3")]
    station.until_at_step(runs[0], 1)
    jobs.move_first(station.store, runs[2])
    spans = [station.until_over(run_id).segments[0] for run_id in runs]
    order = sorted(range(3), key=lambda index: spans[index].started)
    assert order == [0, 2, 1]
    assert all(spans[first].ended <= spans[second].started for first, second in itertools.pairwise(order))  # type: ignore[operator]


def test_a_supervisor_that_is_killed_in_mid_run_loses_nothing(quiet_station: Station) -> None:
    station = quiet_station
    station.start_supervisor()
    run_id = station.launch("steps-120")
    waiting = station.launch("steps-3")
    station.until_at_step(run_id, 30)
    station.until(lambda: station.job(run_id).worker is not None)
    worker = station.job(run_id).worker
    assert worker is not None
    station.kill_supervisor()
    station.until_at_step(run_id, 60)
    assert is_alive(worker)
    station.start_supervisor()
    run = station.until_over(run_id)
    assert run.state == "finished"
    assert station.job(run_id).attempt == 1
    assert steps_logged(station, run_id) == list(range(1, 121))
    assert len(run.segments) == 1
    assert station.until_over(waiting).state == "finished"


def test_a_worker_that_ends_while_no_supervisor_looks_is_judged_by_the_next(quiet_station: Station) -> None:
    station = quiet_station
    station.start_supervisor()
    run_id = station.launch("steps-40")
    station.until_at_step(run_id, 5)
    station.kill_supervisor()
    station.until(station.store.exit_status(run_id).exists)
    assert station.job(run_id).state == "running"
    station.start_supervisor()
    run = station.until_over(run_id)
    assert run.state == "finished"
    assert steps_logged(station, run_id) == list(range(1, 41))
    assert run.segments[0].ended == int(json.loads(station.store.exit_status(run_id).read_text())["time"] * 1000)


def test_a_run_whose_worker_vanished_without_a_trace_fails(quiet_station: Station) -> None:
    station = quiet_station
    station.start_supervisor()
    run_id = station.launch("steps-5000")
    station.until(lambda: station.job(run_id).worker is not None)
    station.kill_supervisor()
    for identity in (station.job(run_id).shim, station.job(run_id).worker):
        assert identity is not None
        psutil.Process(identity.pid).kill()
        assert wait_until_gone(identity, 10)
    station.start_supervisor()
    run = station.until_over(run_id)
    assert run.state == "failed"
    assert "killed from outside" in run.reason


def test_a_job_taken_off_the_queue_but_never_started_goes_back(quiet_station: Station) -> None:
    station = quiet_station
    station.start_supervisor()
    station.kill_supervisor()
    run_id = station.launch_without_supervisor("steps-3")
    assert station.jobs.start(run_id, 0)  # and then the supervisor was killed
    station.start_supervisor()
    assert station.until_over(run_id).state == "finished"


def test_a_run_whose_launcher_was_killed_before_it_queued_it_fails(quiet_station: Station) -> None:
    station = quiet_station
    code = (
        "import os, signal, sys; from trainer_core import jobs; from trainer_core.jobs.database import JobDatabase\n"
        "from trainer_core.config import TrainConfig; from trainer_core.store import open_store\n"
        "from trainer_core.jobs.summon import supervisor_lock\n"
        "store = open_store(sys.argv[1], {}); JobDatabase.add = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with supervisor_lock(store): jobs.launch(store, TrainConfig(name='ghost'))"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(station.store.root)], cwd=PROJECT_ROOT, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL
    (ghost,) = read.list_runs(station.store)
    assert (ghost.state, jobs.queue(station.store)) == ("queued", [])
    token = station.jobs.begin_launch(this_process())  # another launch, at work: it is let alone
    station.start_supervisor()
    station.until(lambda: read.get_run(station.store, ghost.run_id).state == "failed")
    assert "ended before the run was queued" in read.get_run(station.store, ghost.run_id).reason
    assert station.until_over(station.launch("steps-3")).state == "finished"
    station.until(lambda: station.jobs.abandoned_launches() == [])
    with closing(sqlite3.connect(station.store.jobs_database)) as connection:
        assert [row[0] for row in connection.execute("SELECT token FROM launches")] == [token]


def test_processes_that_launch_at_once_all_get_their_run(station: Station) -> None:
    code = (
        "import sys; from trainer_core import jobs\n"
        "from trainer_core.config import TrainConfig; from trainer_core.store import open_store\n"
        "print(jobs.launch(open_store(sys.argv[1], {}), TrainConfig(name='steps-4')))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(station.store.root)], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True)
        for _index in range(2)
    ]
    runs = [process.communicate(timeout=120)[0].strip() for process in running]
    assert len(set(runs)) == 2
    assert [station.until_over(run_id).state for run_id in runs] == ["finished", "finished"]


def test_a_second_supervisor_leaves_at_once(station: Station) -> None:
    command = [sys.executable, "-m", "trainer_core.jobs.supervisor", "--store", str(station.store.root)]
    assert subprocess.run(command, cwd=PROJECT_ROOT, timeout=60, check=False).returncode == 0


def test_a_supervisor_with_nothing_to_do_leaves(quiet_station: Station) -> None:
    environment = {**os.environ, "DESCENT_SUPERVISOR_IDLE_SECONDS": "0.3"}
    command = [sys.executable, "-m", "trainer_core.jobs.supervisor", "--store", str(quiet_station.store.root)]
    assert subprocess.run(command, cwd=PROJECT_ROOT, env=environment, timeout=60, check=False).returncode == 0


def test_a_supervisor_is_started_only_where_none_is_at_work(station: Station) -> None:
    pid = (station.store.root / "supervisor.lock").read_text()
    ensure_supervisor(station.store)
    assert (station.store.root / "supervisor.lock").read_text() == pid


def test_the_journal_says_what_mlflow_says(station: Station) -> None:
    run = station.until_over(station.launch("steps-12"))
    records = [record for record, _end in read_records(station.store.journal(run.run_id)) if record["kind"] == "metrics"]
    history = read.metric_history(station.store, [run.run_id], ["train/loss"])
    assert [(record["step"], record["time"], record["values"]["train/loss"]) for record in records] == list(
        zip(history["step"], history["time"], history["value"], strict=True)
    )


def test_a_run_ended_for_want_of_memory_goes_on_with_a_smaller_batch(station: Station) -> None:
    run_id = jobs.launch(station.store, TrainConfig(name="hungry-40", batch_size=32, accumulation_steps=1))
    run = station.until_over(run_id)
    assert run.state == "finished", run.reason
    assert [(entry.batch_size, entry.accumulation_steps, entry.memory) for entry in run.smaller] == [
        (16, 2, "machine"),
        (8, 4, "machine"),
    ]
    assert run.settings["batch_size"] == 32  # params never change
    assert steps_logged(station, run_id) == list(range(1, 41))
    assert len(run.restarts) == 2
    assert all(segment.ended is not None for segment in run.segments)
    assert station.job(run_id).attempt == 3


def test_a_store_that_can_not_be_used_for_a_while_ends_neither_supervisor_nor_run(quiet_station: Station) -> None:
    station = quiet_station
    supervisor = station.start_supervisor()
    run_id = station.launch("steps-200")
    station.until_at_step(run_id, 5)
    # Whoever holds the write lock keeps everybody else from writing, as a backup or a full disk does.
    with (
        closing(sqlite3.connect(station.store.jobs_database, isolation_level=None)) as queue,
        closing(sqlite3.connect(station.store.root / "mlflow.db", isolation_level=None)) as tracking,
    ):
        for connection in (queue, tracking):
            connection.execute("BEGIN EXCLUSIVE")
        station.until_at_step(run_id, 200)  # training goes on, and ends
        time.sleep(1.0)
        for connection in (queue, tracking):
            connection.execute("ROLLBACK")
    run = station.until_over(run_id)
    assert run.state == "finished"
    assert steps_logged(station, run_id) == list(range(1, 201))
    assert is_alive(supervisor)


def test_a_worker_whose_watcher_was_killed_before_it_was_known_is_found(quiet_station: Station) -> None:
    quiet_station.start_supervisor()
    run_id = quiet_station.launch("steps-300")
    quiet_station.until_at_step(run_id, 5)
    quiet_station.until(lambda: quiet_station.job(run_id).worker is not None)
    quiet_station.kill_supervisor()
    job = quiet_station.job(run_id)
    assert job.shim is not None
    quiet_station.jobs.set_processes(run_id, job.shim, None)  # as if it had been killed a moment earlier
    os.kill(job.shim.pid, signal.SIGKILL)
    assert wait_until_gone(job.shim, 5)
    quiet_station.start_supervisor()
    quiet_station.until(lambda: quiet_station.job(run_id).worker is not None)
    assert quiet_station.job(run_id).worker == job.worker
    run = quiet_station.until_over(run_id)
    assert (run.state, run.reason) == ("finished", "")
    assert steps_logged(quiet_station, run_id) == list(range(1, 301))


def test_an_exit_file_that_a_power_cut_emptied_ends_one_run_and_no_supervisor(quiet_station: Station) -> None:
    run_id = quiet_station.launch_without_supervisor("steps-5")
    jobs_database = quiet_station.jobs
    assert jobs_database.start(run_id, 0)
    gone = this_process()
    jobs_database.set_processes(run_id, replace(gone, started=gone.started - 1_000), None)
    quiet_station.store.exit_status(run_id).write_bytes(b"")
    supervisor = quiet_station.start_supervisor()
    run = quiet_station.until_over(run_id)
    assert run.state == "failed"
    assert "killed from outside" in run.reason
    assert quiet_station.until_over(quiet_station.launch("steps-3")).state == "finished"
    assert is_alive(supervisor)


def test_a_supervisor_leaves_a_store_that_was_moved(quiet_station: Station, tmp_path: Path) -> None:
    supervisor = quiet_station.start_supervisor()
    quiet_station.store.root.rename(tmp_path / "moved")
    assert wait_until_gone(supervisor, 15)
    moved = open_store(tmp_path / "moved", environment={})
    with supervisor_lock(moved, 1.0) as free:
        assert free


def test_the_queue_keeps_its_order_over_a_restart_of_the_machine(quiet_station: Station) -> None:
    station = quiet_station
    working, second, third = (station.launch_without_supervisor(name) for name in ("steps-5000", "steps-4", "steps-5"))
    assert station.jobs.start(working, 0)
    station.jobs.set_processes(working, replace(this_process(), boot="before the machine went down"), None)
    jobs.move_first(station.store, third)
    station.start_supervisor()
    run, *others = (station.until_over(run_id) for run_id in (working, third, second))
    assert run.state == "failed"
    assert "The machine was restarted while the run was at work. Resume it" in run.reason
    assert [other.state for other in others] == ["finished", "finished"]
    (first,), (last,) = (other.segments for other in others)
    assert first.ended is not None
    assert first.ended <= last.started


def test_two_dashboards_on_one_store_agree(quiet_station: Station) -> None:
    station = quiet_station
    station.start_supervisor()
    ours, theirs = JobDatabase(station.store.jobs_database), JobDatabase(station.store.jobs_database)
    blocker = station.launch("steps-5000")
    station.until_at_step(blocker, 1)
    one, two = station.launch("steps-3"), station.launch("steps-4")
    assert ours.move_first(two)
    assert [job.run_id for job in theirs.live()] == [blocker, two, one]
    assert theirs.cancel(one, "called off")
    assert not ours.cancel(one, "called off")  # once is enough
    jobs.stop(station.store, blocker)
    jobs.stop(station.store, blocker)
    assert station.until_over(two).state == "finished"
    assert [job for job in ours.live() if job.run_id in (blocker, one, two)] == []


def test_a_run_that_is_stopped_before_its_worker_spoke_is_stopped(quiet_station: Station) -> None:
    station = quiet_station
    station.start_supervisor()
    run_id = station.launch("steps-5000")
    station.until(lambda: station.job(run_id).state == "running")
    jobs.stop(station.store, run_id)
    run = station.until_over(run_id)
    assert run.state == "stopped"
    worker = station.job(run_id).worker
    assert worker is None or not is_alive(worker)
