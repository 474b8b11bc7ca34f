"""Runs the recipes as a user does and holds them to what they promise.

    python -m benchmarks.recipes [digits mnist reviews sentiment-small hotel-demo hotel-small] [--data ../shared/data]

The seconds are from the launch until MLflow says that the run finished. Then the whole evaluated split is predicted from the
best checkpoint, in the warm process, and must give the number right that the run reported; chat models are not asked
again.
"""

import argparse
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.launched import run_to_end, temporary_store
from benchmarks.machine import describe, finish
from trainer_core.checkpoints import find_checkpoint
from trainer_core.config import TrainConfig
from trainer_core.data import ImageSplit, load_data
from trainer_core.jobs.predictor import Predictor
from trainer_core.recipes import RECIPES
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord

MNIST_ACCURACY, MNIST_TOLERANCE = 0.946, 0.007
"""The course reports 94.61 % on the test split."""


@dataclass(frozen=True)
class Promise:
    """What a recipe must give: a metric's least value and, where time is promised, seconds from the launch.

    `folder` names its data below --data, for recipes whose own dataset lies on the hub.
    """

    metric: str
    least: float
    most: float = 1.0
    seconds: float = math.inf
    folder: str = ""
    also: Mapping[str, float] = field(default_factory=dict)
    """Further metrics and their least values."""


PROMISES = {
    "digits": Promise("test/accuracy", 0.97, seconds=20),
    "mnist": Promise("eval/accuracy", MNIST_ACCURACY - MNIST_TOLERANCE, MNIST_ACCURACY + MNIST_TOLERANCE, folder="mnist"),
    "reviews": Promise("eval/accuracy", 0.90, seconds=75),
    "sentiment-small": Promise("eval/accuracy", 0.74, folder="rotten_tomatoes"),
    "hotel-demo": Promise("test/slot_f1", 0.75, seconds=120, also={"test/valid_json": 0.98}),
    "hotel-small": Promise("test/slot_f1", 0.60, seconds=900, folder="hotel", also={"test/valid_json": 0.98}),
}


def main() -> int:
    """Prints a line a recipe and the JSON line."""
    data = Path(os.environ.get("DESCENT_TEST_DATA", "../shared/data"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipes")
    parser.add_argument("recipes", nargs="*", default=list(PROMISES), metavar="RECIPE", help=", ".join(PROMISES))
    parser.add_argument("--data", type=Path, default=data, help="the folder that holds mnist/, rotten_tomatoes/ and hotel/")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.recipes if name not in PROMISES]
    if unknown:
        parser.error(f"nothing is promised of a recipe {unknown[0]}; of these there is: {', '.join(PROMISES)}")
    print(describe())
    figures: dict[str, Any] = {}
    holds = True
    with temporary_store() as store:
        for name in arguments.recipes:
            promise, config = PROMISES[name], RECIPES[name].config
            if promise.folder:
                config = config.model_copy(update={"dataset": str(arguments.data / promise.folder)})
            run, seconds = run_to_end(store, config, name, timeout_seconds=1_800)
            # An evaluated figure is that of the best checkpoint, which is the one that is kept and asked.
            accuracy = {**run.metrics, **run.kept}[promise.metric]
            kept = promise.least <= accuracy <= promise.most and seconds < promise.seconds
            kept = kept and all(run.metrics[metric] >= least for metric, least in promise.also.items())
            more = "".join(f"  {metric} {run.metrics[metric]:.2%}" for metric in promise.also)
            same = "" if config.task == "chat" else _predicts_the_same(store, run, config)
            print(f"{name:15} {promise.metric} {accuracy:.2%}{more}  {seconds:.1f} s  {'holds' if kept else 'FAILS'}  {same}")
            figures[name] = {promise.metric: accuracy, "seconds": round(seconds, 2)}
            figures[name] |= {metric: run.metrics[metric] for metric in promise.also}
            figures[name] |= {"reproduced": same.endswith("as reported")} if same else {}
            holds = holds and kept and figures[name].get("reproduced", True)
    return finish("recipes", figures, holds)


def _predicts_the_same(store: Store, run: RunRecord, config: TrainConfig) -> str:
    best = find_checkpoint(store, run.run_id, "best")
    split = load_data(config).splits[config.evaluation_split]
    predictor = Predictor(store)
    try:
        if isinstance(split, ImageSplit):
            probabilities = predictor.predict(run.run_id, best.step, split.images).probabilities
        else:
            probabilities = predictor.predict_texts(run.run_id, best.step, split.texts, split.pairs).probabilities
    finally:
        predictor.close()
    right = int((probabilities.argmax(axis=1) == split.labels).sum())
    reported = best.metrics["eval/accuracy"] * len(split)
    verdict = "as reported" if right == round(reported) else f"but {reported:.0f} were reported"
    return f"best checkpoint predicts {right:,} of {len(split):,} right, {verdict}"


if __name__ == "__main__":
    sys.exit(main())
