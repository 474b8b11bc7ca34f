"""What a logging call costs the training loop, and what a run that logs each step costs more than one that logs nothing.

    python -m benchmarks.log_overhead [--calls 3000]

One call logs four scalars, in a loop that computes a little between calls, against MLflow's own synchronous and asynchronous
calls and a bare append of JSON lines. Then: a process is killed right after a call, and what it logged must be there; a real run's
points are watched on their way into MLflow; and in one run, stretches of steps that are all logged take turns with stretches of
which none is, in processor time, what shipping the points costs the supervisor added.
"""

import argparse
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.launched import temporary_store
from benchmarks.machine import describe, finish
from benchmarks.pairs import holds, summary
from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.recipes import RECIPES
from trainer_core.store import Store, open_store, write_atomically
from trainer_core.tracking import read, ship, write
from trainer_core.tracking.journal import Journal, read_records

VALUES = {"train/loss": 0.693, "train/learning_rate": 1e-3, "train/grad_norm": 1.25, "train/samples_per_second": 512.0}
MOST_P50_MICROSECONDS, MOST_P99_MICROSECONDS = 10.0, 200.0
MOST_DELAY_SECONDS = 2.0
MOST_SHARE = 0.01
KILLS = 20
STRETCH, STRETCHES = 20, 40
"""Steps in a stretch, and stretches: half of them logged."""
_KILLED = """
import os, signal, sys
from pathlib import Path
from trainer_core.tracking.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.metrics({"train/loss": 0.5, "train/a": 1.0, "train/b": 2.0, "train/c": 3.0}, step=7, epoch=0.1, samples=64)
os.kill(os.getpid(), signal.SIGKILL)
"""


def main() -> int:
    """Prints the figures and the JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.log_overhead")
    parser.add_argument("--calls", type=int, default=3_000)
    options = parser.parse_args()
    print(describe())
    os.environ["DESCENT_SPARE"] = "off"
    calls = time_calls(options.calls)
    for name, found in calls.items():
        print(f"{name:32} p50 {found['p50']:10.1f} us   p99 {found['p99']:10.1f} us")
    kept = count_kept()
    print(f"killed right after a call: {kept} of {KILLS} records there")
    delay = watch_delay()
    print(f"a point is in MLflow after {delay['median']:.2f} s (at most {delay['max']:.2f} s)")
    share = cost_of_logging()
    print(f"logging each step: {share['more']:+.2%} processor time of a run with steps of {share['step_milliseconds']:.1f} ms,")
    print(f"  of it the run's own {share['own']:+.2%} ({share['own_least']:+.2%} to {share['own_most']:+.2%})")
    ours = calls["Descent"]
    figures: dict[str, Any] = {
        "microseconds": calls,
        "kept_after_kill": kept,
        "seconds_until_in_mlflow": delay,
        "cost": share,
        "holds_p50": ours["p50"] <= MOST_P50_MICROSECONDS,
        "holds_p99": ours["p99"] <= MOST_P99_MICROSECONDS,
        "holds_kept": kept == KILLS,
        "holds_delay": delay["max"] <= MOST_DELAY_SECONDS,
        "holds_cost": share["more"] < MOST_SHARE,
    }
    return finish("log_overhead", figures, holds(figures))


def time_calls(count: int) -> dict[str, dict[str, float]]:
    """Microseconds of a call by each way, in a loop that computes for about half a millisecond between calls."""
    import mlflow

    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="descent-log-") as folder:
        journal = Journal(Path(folder) / "run.jsonl")
        found["Descent"] = _time(count, lambda step: journal.metrics(VALUES, step=step, epoch=step / 100, samples=step))
        with (Path(folder) / "bare.jsonl").open("a", encoding="utf-8") as file:

            def append(step: int) -> None:
                file.write(json.dumps({"step": step, "time": time.time(), **VALUES}) + "\n")
                file.flush()

            found["bare append of JSON lines"] = _time(count, append)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment("log")
        with mlflow.start_run():
            some = max(100, count // 10)
            found["MLflow, synchronous"] = _time(some, lambda step: mlflow.log_metrics(VALUES, step=step))
            mlflow.config.enable_async_logging(True)
            os.environ["MLFLOW_ASYNC_LOGGING_BUFFERING_SECONDS"] = "1"
            found["MLflow, asynchronous, buffered"] = _time(
                some, lambda step: mlflow.log_metrics(VALUES, step=step, synchronous=False)
            )
            mlflow.flush_async_logging()
            mlflow.MlflowClient()._tracking_client.store.shut_down_async_logging()  # else it complains when Python ends
        os.environ.pop("MLFLOW_TRACKING_URI", None)  # MLflow sets it for processes to come, which have stores of their own
    return found


def _time(count: int, call: Callable[[int], object]) -> dict[str, float]:
    work = np.random.default_rng(0).random((160, 160))
    took = np.empty(count)
    for step in range(count):
        work @ work
        began = time.perf_counter_ns()
        call(step)
        took[step] = (time.perf_counter_ns() - began) / 1_000
    return {"p50": round(float(np.percentile(took, 50)), 2), "p99": round(float(np.percentile(took, 99)), 2)}


def count_kept() -> int:
    """How often the record of a process that was killed right after the call is whole in its journal."""
    kept = 0
    with tempfile.TemporaryDirectory(prefix="descent-log-") as folder:
        for number in range(KILLS):
            path = Path(folder) / f"{number}.jsonl"
            done = subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
            assert done.returncode == -signal.SIGKILL
            kept += [record["values"]["train/c"] for record, _offset in read_records(path)] == [3.0]
    return kept


def watch_delay() -> dict[str, float]:
    """Seconds from a point's time until it is in MLflow, of a run that logs each step, as a page would see it."""
    config = RECIPES["reviews"].config.model_copy(update={"logging_steps": 1, "max_steps": 400})
    late: list[float] = []
    with temporary_store() as store:
        run_id = jobs.launch(store, config, recipe="reviews")
        seen: set[int] = set()
        while not jobs.state_of(store, run_id)[1]:
            history = read.metric_history(store, [run_id], ["train/loss"])
            now = time.time()
            for step, at in zip(history["step"].tolist(), history["time"].tolist(), strict=True):
                if step not in seen:
                    seen.add(step)
                    late.append(now - at / 1000)
            time.sleep(0.05)
    return summary(late, 2)


def cost_of_logging() -> dict[str, float]:
    """The processor time that logging each step adds to a run, as a share of it."""
    from trainer_core.settings import write_config
    from trainer_core.training import flow, trainer
    from trainer_core.training.vitals import Pulse
    from trainer_core.training.worker import train

    config = RECIPES["reviews"].config.model_copy(update={"batch_size": 48, "max_steps": STRETCH * (STRETCHES + 1)})
    marks: list[tuple[int, float, float]] = []

    def logs(config: TrainConfig, step: int, last: int) -> bool:  # noqa: ARG001
        return step // STRETCH % 2 == 1

    class Marks(Pulse):
        """Notes the time at each stretch's end."""

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == "step" and value and value % STRETCH == 0:
                marks.append((value // STRETCH, time.process_time(), time.perf_counter()))

    flow.will_log = logs
    vars(trainer)["will_log"] = logs
    with tempfile.TemporaryDirectory(prefix="descent-log-") as folder:
        store = open_store(folder, environment={})
        run_id = uuid.uuid4().hex
        store.run_folder(run_id).mkdir(parents=True)
        write_config(config, store.config_file(run_id), write_atomically)
        journal, pulse = Journal(store.journal(run_id)), Marks(store.progress(run_id))
        pulse.start()
        train(store, run_id, config, journal, pulse, threading.Event())
        shipping = _shipping_seconds(store, run_id)
    spent = {before[0]: (after[1] - before[1], after[2] - before[2]) for before, after in itertools.pairwise(marks)}
    logged = [seconds for number, (seconds, _wall) in spent.items() if number % 2 == 1]
    silent = [seconds for number, (seconds, _wall) in spent.items() if number % 2 == 0]
    pairs = [one / other - 1 for one, other in zip(logged[2:], silent[2:], strict=False)]
    own = statistics.median(logged[2:]) / statistics.median(silent[2:]) - 1
    each = statistics.median(silent[2:]) / STRETCH
    low, high = np.percentile(pairs, [10, 90])
    return {
        "step_milliseconds": round(1e3 * statistics.median(wall for _seconds, wall in spent.values()) / STRETCH, 2),
        "own": round(own, 5),
        "own_least": round(float(low), 5),
        "own_most": round(float(high), 5),
        "shipping": round(shipping / each, 5),
        "more": round(own + shipping / each, 5),
    }


def _shipping_seconds(store: Store, run_id: str) -> float:
    """Processor time that the supervisor spends on one logged step's points."""
    target = write.create_run(store, name="shipped", experiment="descent", params={}, tags={})
    store.journal(target).write_bytes(store.journal(run_id).read_bytes())
    steps = sum("train/loss" in record.get("values", {}) for record, _offset in read_records(store.journal(target)))
    began = time.process_time()
    offset = 0
    while (after := ship.ship(store, target, offset, most=200)) != offset:
        offset = after
    return (time.process_time() - began) / steps


if __name__ == "__main__":
    sys.exit(main())
