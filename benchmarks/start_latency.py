"""How long a user waits from the launch to the first point of the loss curve, and where the seconds go.

    python -m benchmarks.start_latency [--runs 5] [--recipe digits]

Each run is launched into a store without a supervisor, so that its start is counted too.
"""

import argparse
import json
import statistics
import sys
import time

from benchmarks.launched import temporary_store
from benchmarks.machine import describe, finish
from trainer_core import jobs
from trainer_core.recipes import RECIPES
from trainer_core.store import Store
from trainer_core.tracking import read
from trainer_core.tracking.journal import read_records

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
    """Prints a table of medians and the JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start_latency")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--recipe", default="digits", choices=[name for name in RECIPES if RECIPES[name].config.dataset == "digits"]
    )
    arguments = parser.parse_args()
    print(describe())
    measured = []
    for _run in range(arguments.runs):
        with temporary_store() as store:
            measured.append(measure(store, arguments.recipe))
    print(f"{'seconds':>8} {'min':>7} {'max':>7}  until")
    previous = [0.0] * len(measured)
    for part in PARTS:
        taken = [marks[part] - before for marks, before in zip(measured, previous, strict=True)]
        previous = [marks[part] for marks in measured]
        print(f"{statistics.median(taken):8.2f} {min(taken):7.2f} {max(taken):7.2f}  {part}")
    first = [marks["first loss in the journal"] for marks in measured]
    shown = [marks["first loss in MLflow"] for marks in measured]
    print(f"{statistics.median(first):8.2f} {min(first):7.2f} {max(first):7.2f}  from the launch to the first logged loss")
    figures = {
        "recipe": arguments.recipe,
        "seconds_to_first_loss": round(statistics.median(first), 2),
        "seconds_to_first_loss_in_mlflow": round(statistics.median(shown), 2),
        "spread_seconds": [round(min(first), 2), round(max(first), 2)],
    }
    return finish("start_latency", figures, holds=True)


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
