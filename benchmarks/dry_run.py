"""How well a dry run foresees: five runs of over a minute, each tried first and then done.

    python -m benchmarks.dry_run [--data ../shared/data]

Time is from the start of the worker to its end, as the run's page shows it; it must be foreseen within 20 % in four of the five.
What would be over within a minute and a bit on a quick machine is made longer, and foreseen anew.
"""

import argparse
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.launched import run_to_end, temporary_store
from benchmarks.machine import describe, finish
from benchmarks.train_text import make_folder
from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.foreseen import Range
from trainer_core.jobs.data_work import look_at_work, wait_for_work
from trainer_core.jobs.dry_run import result_of
from trainer_core.recipes import RECIPES
from trainer_core.store import Store
from trainer_core.tracking import tags

WITHIN = 0.2
LEAST_HELD = 4
LEAST_SECONDS, WANTED_SECONDS = 60.0, 75.0
"""A run that takes less than the first does not count; less than the second is not aimed at."""


def main() -> int:
    """Prints a line a run and the JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dry_run")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DESCENT_TEST_DATA", "../shared/data")))
    options = parser.parse_args()
    print(describe())
    os.environ["DESCENT_SPARE"] = "off"  # its start would take a few seconds of whichever run comes next
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="descent-dry-run-") as place, temporary_store() as store:
        folder = make_folder(options.data, Path(place))
        for name, recipe, config in runs(options.data.absolute(), folder):
            figures[name] = measure(store, recipe, config)
            told = figures[name]
            low, high = told["foreseen_range"]
            took = f"took {told['took_seconds']:6.1f} s: {told['apart']:+.1%}"
            memory = f"memory {told['foreseen_megabytes']:,} MB, was {told['took_megabytes']:,} MB"
            name += f", {told['times_as_long']} times as long" if told["times_as_long"] > 1 else ""
            print(f"{name:48} foreseen {told['foreseen_seconds']:6.1f} s ({low:.1f} to {high:.1f}), {took}; {memory}", flush=True)
    held = sum(abs(found["apart"]) <= WITHIN and found["took_seconds"] >= LEAST_SECONDS for found in figures.values())
    in_range = sum(found["foreseen_range"][0] <= found["took_seconds"] <= found["foreseen_range"][1] for found in figures.values())
    print(f"within {WITHIN:.0%}: {held} of {len(figures)}; within the range: {in_range}")
    return finish("dry_run", {"runs": figures, "held": held, "in_range": in_range}, held >= LEAST_HELD)


def runs(data: Path, folder: Path) -> list[tuple[str, str, TrainConfig]]:
    """What is tried: pictures and texts, small models and GPT-2 small, each for about a minute on two cores."""
    tomatoes = str(data / "rotten_tomatoes")
    stories = {"dataset": tomatoes, "model": str(data / "models" / "stories260K"), "epochs": 3}
    gpt2 = {"dataset": str(folder / "data"), "model": str(folder / "model"), "max_steps": 150}
    return [
        ("mnist, 50 epochs", "mnist", _changed("mnist", dataset=str(data / "mnist"), epochs=50)),
        ("reviews, 20 epochs", "reviews", _changed("reviews", epochs=20)),
        ("sentiment-small, 10 epochs", "sentiment-small", _changed("sentiment-small", dataset=tomatoes, epochs=10)),
        ("stories260K, 3 epochs", "sentiment", _changed("sentiment", **stories, eval_steps=500, save_steps=500)),
        ("GPT-2 small, 150 steps", "sentiment", _changed("sentiment", **gpt2, eval_steps=50, save_steps=50)),
    ]


def _changed(recipe: str, **changes: Any) -> TrainConfig:
    return RECIPES[recipe].config.model_copy(update=changes)


def foresee(store: Store, recipe: str, config: TrainConfig) -> tuple[Range, Range]:
    """Least, middle and most seconds of the whole run, and bytes of memory."""
    folder = jobs.start_dry_run(store, config)
    wait_for_work(folder)
    found = result_of(look_at_work(folder))
    if found is None or found.seconds is None:
        raise SystemExit(f"The dry run of {recipe} found nothing.")
    return found.seconds, found.peak_bytes


def measure(store: Store, recipe: str, config: TrainConfig) -> dict[str, Any]:
    """What was foreseen of a run, and what it took."""
    seconds, peak_bytes = foresee(store, recipe, config)
    times = math.ceil(WANTED_SECONDS / seconds[1])
    if times > 1:
        longer = {"max_steps": times * config.max_steps} if config.max_steps else {"epochs": times * config.epochs}
        config = config.model_copy(update=longer)
        seconds, peak_bytes = foresee(store, recipe, config)
    run, _seconds = run_to_end(store, config, recipe, timeout_seconds=1_200)
    took = run.duration_seconds
    assert took is not None
    return {
        "times_as_long": times,
        "foreseen_seconds": round(seconds[1], 1),
        "foreseen_range": [round(seconds[0], 1), round(seconds[2], 1)],
        "took_seconds": round(took, 1),
        "apart": round(seconds[1] / took - 1, 4),
        "foreseen_megabytes": round(peak_bytes[2] / 1e6),
        "took_megabytes": round(float(run.tags.get(tags.PEAK_MEMORY) or 0) / 1e6),
    }


if __name__ == "__main__":
    sys.exit(main())
