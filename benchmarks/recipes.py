"""Runs the recipes as a user does and holds them to what they promise.

    python -m benchmarks.recipes [digits mnist] [--mnist ../shared/data/mnist]

The seconds are from the launch until MLflow says that the run finished. Then the whole evaluated split is predicted from the
best checkpoint, in the warm process, and must give the number right that the run reported.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.launched import run_to_end, temporary_store
from benchmarks.machine import describe, finish
from trainer_core.checkpoints import find_checkpoint
from trainer_core.config import TrainConfig
from trainer_core.data import load_data
from trainer_core.jobs.predictor import Predictor
from trainer_core.recipes import RECIPES
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord

DIGITS_ACCURACY, DIGITS_SECONDS = 0.97, 20.0
MNIST_ACCURACY, MNIST_TOLERANCE = 0.946, 0.007
"""The course reports 94.61 % on the test split."""


def main() -> int:
    """Prints a line a recipe and the JSON line."""
    data = Path(os.environ.get("DESCENT_TEST_DATA", "../shared/data"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipes")
    parser.add_argument("recipes", nargs="*", default=["digits", "mnist"], metavar="RECIPE", help="digits, mnist")
    parser.add_argument("--mnist", default=str(data / "mnist"), help="the folder with the IDX files")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.recipes if name not in RECIPES]
    if unknown:
        parser.error(f"there is no recipe {unknown[0]}; recipes are {', '.join(RECIPES)}")
    print(describe())
    figures: dict[str, Any] = {}
    holds = True
    with temporary_store() as store:
        for name in arguments.recipes:
            config = RECIPES[name].config
            if name == "mnist":
                config = config.model_copy(update={"dataset": arguments.mnist})
            run, seconds = run_to_end(store, config, name)
            key = "eval/accuracy" if config.evaluation_split == "test" else "test/accuracy"
            accuracy = run.metrics[key]
            kept = _holds(name, accuracy, seconds)
            same = _predicts_the_same(store, run, config)
            print(f"{name:8} {key} {accuracy:.2%}  {seconds:.1f} s  {'holds' if kept else 'FAILS'}; {same}")
            figures[name] = {"accuracy": accuracy, "seconds": round(seconds, 2), "reproduced": same.endswith("as reported")}
            holds = holds and kept and figures[name]["reproduced"]
    return finish("recipes", figures, holds)


def _holds(name: str, accuracy: float, seconds: float) -> bool:
    if name == "digits":
        return accuracy >= DIGITS_ACCURACY and seconds < DIGITS_SECONDS
    return abs(accuracy - MNIST_ACCURACY) <= MNIST_TOLERANCE


def _predicts_the_same(store: Store, run: RunRecord, config: TrainConfig) -> str:
    best = find_checkpoint(store, run.run_id, "best")
    split = load_data(config).splits[config.evaluation_split]
    predictor = Predictor(store)
    try:
        probabilities = predictor.predict(run.run_id, best.step, split.images).probabilities
    finally:
        predictor.close()
    right = int((probabilities.argmax(axis=1) == split.labels).sum())
    reported = best.metrics["eval/accuracy"] * len(split)
    verdict = "as reported" if right == round(reported) else f"but {reported:.0f} were reported"
    return f"best checkpoint predicts {right:,} of {len(split):,} right, {verdict}"


if __name__ == "__main__":
    sys.exit(main())
