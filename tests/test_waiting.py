"""What `--wait` does when the run fails, is stopped, or the user leaves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores import end_processes_of, new_store
from trainer_core import jobs
from trainer_core.store import Store
from trainer_core.tracking import read

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = new_store(tmp_path_factory.mktemp("waiting") / "store")
    yield made
    end_processes_of(made)


def start(store: Store, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "DESCENT_STORE": str(store.root), "DESCENT_SUPERVISOR_IDLE_SECONDS": "5"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    return subprocess.Popen(
        [sys.executable, "-m", "trainer_core", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs tests in the background has them ignore Ctrl-C, and their children after them.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_a_run_that_fails_ends_the_wait_with_its_sentence(store: Store) -> None:
    waiting = start(store, "launch", "digits", "--learning-rate", "1e9", "--optimizer", "sgd", "--max-grad-norm", "0", "--wait")
    output, errors = waiting.communicate(timeout=120)
    assert waiting.returncode == 1
    assert "failed:" in errors
    assert "Traceback" not in errors
    assert read.get_run(store, output.split()[0]).state == "failed"


def test_ctrl_c_leaves_the_run_going_and_stop_then_resume_finish_it(store: Store) -> None:
    waiting = start(store, "launch", "digits", "--epochs", "400", "--name", "long run", "--wait")
    assert waiting.stdout is not None
    run_id = waiting.stdout.readline().split()[0]
    end = time.monotonic() + 90
    while (now := jobs.progress(store, run_id)) is None or now.step < 20:
        assert time.monotonic() < end
        time.sleep(0.1)
    waiting.send_signal(signal.SIGINT)
    output, errors = waiting.communicate(timeout=30)
    assert waiting.returncode == 130
    assert "goes on in the background" in output
    assert "stop 'long run'" in output
    assert "Traceback" not in errors
    assert jobs.state_of(store, run_id)[0] == "running"

    stopped = start(store, "stop", "long run")
    assert "saves a checkpoint and stops" in stopped.communicate(timeout=60)[0]
    while not jobs.state_of(store, run_id)[1]:
        assert time.monotonic() < end + 60
        time.sleep(0.1)
    run = read.get_run(store, run_id)
    assert run.state == "stopped"
    assert run.reason.startswith("Stopped at step ")

    resumed = start(store, "resume", "last")
    output, errors = resumed.communicate(timeout=60)
    assert resumed.returncode == 0, errors
    assert "Goes on from step" in output
    step = int(output.split("step ")[1].split(".")[0])
    while (now := jobs.progress(store, run_id)) is None or now.step < step + 20:
        assert time.monotonic() < end + 120
        time.sleep(0.1)
    jobs.stop(store, run_id)
    while not jobs.state_of(store, run_id)[1]:
        assert time.monotonic() < end + 180
        time.sleep(0.1)
    history = read.metric_history(store, [run_id], ["train/loss"])
    assert not history.duplicated("step").any()
    assert history["step"].max() > step
    assert [restart.from_step for restart in read.get_run(store, run_id).restarts] == [step]
