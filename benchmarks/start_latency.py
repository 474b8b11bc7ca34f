"""How long a user waits from the launch to the first point of the loss curve, and where the seconds go.

    python -m benchmarks.start_latency [--runs 5]

Cold: each run is launched into a store without a supervisor, so that its start is counted too. Warm: somebody has been at the form
for a while, so that a supervisor is there and a worker waits with its imports done. The launching process has MLflow imported in
both, as a dashboard has.
"""

import argparse
import json
import statistics
import sys
import time
from typing import Any

import psutil

from benchmarks.launched import temporary_store
from benchmarks.machine import describe, finish
from trainer_core import jobs
from trainer_core.recipes import RECIPES
from trainer_core.store import Store
from trainer_core.tracking import read
from trainer_core.tracking.journal import read_records

MOST_SECONDS = {"digits": 3.0, "reviews": 6.0}
"""To reach, with a worker that waits."""
MOST_UNTIL_IN_MLFLOW = 2.0
PARTS = (
    "launch returned",
    "worker is up",
    "torch and transformers imported",
    "data loaded",
    "model built",
    "first loss in the journal",
    "first loss in MLflow",
)
"""What each part of the time ends with."""


def main() -> int:
    """Prints a table for each recipe and the JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start_latency")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    print(describe())
    figures: dict[str, Any] = {}
    reached = True
    for recipe, most in MOST_SECONDS.items():
        cold, warm = [], []
        for _turn in range(arguments.runs):
            with temporary_store() as store:
                read.list_runs(store)
                cold.append(measure(store, recipe))
            with temporary_store() as store:
                read.list_runs(store)
                wait_until_warm(store)
                warm.append(measure(store, recipe))
        print(f"{recipe}: seconds, warm (least, most) and cold, until")
        for part in PARTS:
            print(f"{_words(warm, part)}   {_words(cold, part)}  {part}")
        first = "first loss in the journal"
        figures[recipe] = {kind: _spread(runs, first) for kind, runs in (("warm", warm), ("cold", cold))}
        figures[recipe]["warm_in_mlflow"] = _spread(warm, "first loss in MLflow")
        # What stands between the two is part of what log_overhead holds to: in MLflow within 2 s.
        late = [marks["first loss in MLflow"] - marks[first] for marks in warm]
        figures[recipe]["warm_seconds_until_in_mlflow"] = round(max(late), 2)
        figures[recipe]["holds"] = figures[recipe]["warm"]["median"] < most and max(late) <= MOST_UNTIL_IN_MLFLOW
        reached = reached and figures[recipe]["holds"]
        print(
            f"{recipe}: first loss after {figures[recipe]['warm']['median']} s warm, {figures[recipe]['cold']['median']} s cold; ",
            end="",
        )
        print(f"to reach: {most:g} s warm; in MLflow {max(late):.2f} s later at most, to reach: {MOST_UNTIL_IN_MLFLOW:g} s")
    return finish("start_latency", figures, reached)


def wait_until_warm(store: Store, timeout_seconds: float = 60) -> None:
    """Says that a launch is expected, as the form does, and waits until the worker that waits has nothing more to do."""
    end = time.monotonic() + timeout_seconds
    spent = -1.0
    while time.monotonic() < end:
        jobs.expect_launch(store)
        shims = [process for process in psutil.process_iter(["cmdline"]) if "--spare" in (process.info["cmdline"] or [])]
        ours = [shim for shim in shims if str(store.logs / "spare.log") in shim.info["cmdline"]]
        workers = [worker for shim in ours for worker in shim.children()]
        now = sum(worker.cpu_times().user for worker in workers)
        if workers and now > 1 and now == spent:
            return
        spent = now
        time.sleep(1.0)
    raise SystemExit("No worker waits.")


def _spread(runs: list[dict[str, float]], part: str) -> dict[str, float]:
    values = [marks[part] for marks in runs]
    return {"median": round(statistics.median(values), 2), "min": round(min(values), 2), "max": round(max(values), 2)}


def _words(runs: list[dict[str, float]], part: str) -> str:
    found = _spread(runs, part)
    return f"{found['median']:6.2f} ({found['min']:5.2f} to {found['max']:5.2f})"


def measure(store: Store, recipe: str, timeout_seconds: float = 120) -> dict[str, float]:
    """Seconds from the launch to the end of each part of one run."""
    began = time.time()
    run_id = jobs.launch(store, RECIPES[recipe].config.model_copy(update={"max_steps": 200}), recipe=recipe)
    marks = {PARTS[0]: time.time() - began}
    while PARTS[5] not in marks or PARTS[6] not in marks:
        if time.time() - began > timeout_seconds:
            raise SystemExit(f"No loss within {timeout_seconds:g} s; the log says: {jobs.log_tail(store, run_id)}")
        for record, _offset in read_records(store.journal(run_id)):
            if PARTS[5] not in marks and record["kind"] == "metrics" and "train/loss" in record["values"]:
                marks[PARTS[5]] = record["time"] / 1000 - began
        if PARTS[5] in marks and len(read.metric_history(store, [run_id], ["train/loss"])):
            marks[PARTS[6]] = time.time() - began
        time.sleep(0.02)
    while read.get_run(store, run_id).state not in ("finished", "failed", "stopped") and time.time() - began < timeout_seconds:
        time.sleep(0.1)
    phases = json.loads(store.progress(run_id).read_text(encoding="utf-8"))["phases"]
    for part, phase in zip(PARTS[1:5], ("starting", "loading data", "building the model", "training"), strict=True):
        marks[part] = phases[phase] - began
    return marks


if __name__ == "__main__":
    sys.exit(main())
