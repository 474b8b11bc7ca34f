"""What a logging call costs the training loop, and what a run that logs each step costs more than one that logs nothing.

    python -m benchmarks.log_overhead [--calls 3000]

One call logs four scalars, as HF Trainer calls what a worker logs with, the line a second in its log file included, in a loop that
computes a little between calls; against it MLflow's own synchronous and asynchronous calls and a bare append of JSON lines. Then: a
process is killed right after a call, and what it logged must be there; the points of a real run of half a minute are watched on
their way into MLflow; and in one run of steps of 25 ms, each is logged or not as a coin falls. What the logged ones take more, in
processor time, is their cost: timed where the Trainer logs, and as a check over whole steps, which differ by more than that among
themselves. To it comes what the supervisor takes more beside a run that logs each step than beside one that logs nothing. Where no
gradient is clipped, a logged step computes its norm besides.
"""

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.launched import hide_gpus, temporary_store
from benchmarks.logging_cost import cost_of_logging
from benchmarks.machine import describe, finish
from benchmarks.pairs import holds, summary
from trainer_core import jobs
from trainer_core.recipes import RECIPES
from trainer_core.tracking import read
from trainer_core.tracking.journal import Journal, read_records

LOGGED = {"loss": 0.693, "learning_rate": 1e-3, "grad_norm": 1.25}
"""What HF Trainer tells; how many samples a second there were comes to it."""
VALUES = {"train/loss": 0.693, "train/learning_rate": 1e-3, "train/grad_norm": 1.25, "train/samples_per_second": 512.0}
MOST_P50_MICROSECONDS, MOST_P99_MICROSECONDS = 10.0, 200.0
MOST_DELAY_SECONDS = 2.0
MOST_SHARE = 0.01
KILLS = 20
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
    hide_gpus()
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
    print(f"  of it the run's own {share['own']:+.2%}, the supervisor's {share['shipping']:+.2%}")
    print(f"  by whole steps the run's own is {share['whole']:+.2%} (19 times in 20 {share['least']:+.2%} to {share['most']:+.2%})")
    print(f"  the norm, where nothing is clipped: {share['norm']:+.2%} besides")
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
        "holds_cost": share["more"] < MOST_SHARE and share["least"] < MOST_SHARE,
    }
    return finish("log_overhead", figures, holds(figures))


def time_calls(count: int) -> dict[str, dict[str, float]]:
    """Microseconds of a call by each way, in a loop that computes for about half a millisecond between calls."""
    import mlflow

    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="descent-log-") as folder:
        found["Descent"] = _time_ours(count, Path(folder))
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


def _time_ours(count: int, folder: Path) -> dict[str, float]:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from trainer_core.secrets import SecretFreeFormatter
    from trainer_core.training.flow import JournalWriter
    from trainer_core.training.vitals import Pulse

    args, control = TrainingArguments(output_dir=str(folder / "out"), report_to="none"), TrainerControl()
    state = TrainerState(max_steps=count)
    writer = JournalWriter(Journal(folder / "run.jsonl"), Pulse(folder / "progress.json"), rows=6_400)
    writer.on_train_begin(args, state, control)

    def step_before(step: int) -> None:
        writer.on_step_begin(args, state, control)
        state.global_step, state.epoch = step, step / 100

    def call(_step: int) -> None:
        writer.on_log(args, state, control, logs=LOGGED)

    log = logging.getLogger("descent.worker")
    with (folder / "log.txt").open("w", encoding="utf-8") as file:
        handler = logging.StreamHandler(file)
        handler.setFormatter(SecretFreeFormatter("%(asctime)s  %(message)s", "%H:%M:%S"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
        try:
            found = _time(count, call, step_before, lambda _step: writer.on_step_end(args, state, control))
        finally:
            log.removeHandler(handler)
            log.propagate = True
    points = [record["values"] for record, _offset in read_records(folder / "run.jsonl")]
    assert len(points) == count
    assert all(len(point) == len(VALUES) for point in points)
    return found


def _nothing(_step: int) -> None:
    pass


def _time(
    count: int,
    call: Callable[[int], object],
    before: Callable[[int], object] = _nothing,
    after: Callable[[int], object] = _nothing,
) -> dict[str, float]:
    """Microseconds of `call`; `before` and `after` stand around each step's work, and are not timed."""
    work = np.random.default_rng(0).random((160, 160))
    took = np.empty(count)
    for step in range(count):
        before(step)
        work @ work
        after(step)
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
    config = RECIPES["reviews"].config.model_copy(update={"logging_steps": 1, "max_steps": 1_000})
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


if __name__ == "__main__":
    sys.exit(main())
