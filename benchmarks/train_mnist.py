"""An epoch of MNIST and its evaluation, by Descent's own worker and in the course's loop, turn by turn.

    python -m benchmarks.train_mnist [--data ../shared/data] [--rounds 5] [--epochs 4]

The recipe `mnist`, launched as a user launches it, tracked; against it the course's loop, see plain_mnist, where a DataLoader
decodes and normalises each picture. Beside that, what the loop takes where nothing is left to decode. Both are tried with one
thread and with as many as torch takes, and go on with what was quicker. Seconds are from one evaluation's end to the next, the
first epoch left out.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.launched import hide_gpus, run_to_end, temporary_store
from benchmarks.machine import describe, finish
from benchmarks.pairs import holds, ratios, summary, told
from trainer_core.recipes import RECIPES
from trainer_core.store import Store
from trainer_core.tracking.journal import read_records

REACH = 1.8
TRIED = 3
"""Epochs by which the loop's threads are chosen."""
CLOSE = 0.007
"""How far apart two accuracies of this run may be: seeds are that far apart (docs/benchmarks.md)."""


def main() -> int:
    """Prints a line a comparison and the JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_mnist")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DESCENT_TEST_DATA", "../shared/data")))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    print(describe())
    hide_gpus()
    os.environ["DESCENT_SPARE"] = "off"  # its start would take a few seconds of whichever run comes next
    folder = options.data / "mnist"
    ours, loops, decoded, accuracies = [], [], [], []
    threads = {decode: quicker(folder, decode) for decode in ("png", "none")}
    with temporary_store() as store:
        for turn in range(options.rounds):
            seconds, accuracy = descent(store, folder, options.epochs)
            loop = plain(folder, options.epochs, "png", threads["png"])
            ours.append(seconds)
            loops.append(statistics.fmean(loop["seconds"][1:]))
            decoded.append(statistics.fmean(plain(folder, options.epochs, "none", threads["none"])["seconds"][1:]))
            accuracies.append((accuracy, loop["accuracy"]))
            print(f"round {turn + 1}: seconds an epoch: Descent {ours[-1]:.2f}  course {loops[-1]:.2f}  decoded {decoded[-1]:.2f}")
    apart = abs(statistics.median(accuracy for accuracy, _loop in accuracies) - statistics.median(loop for _a, loop in accuracies))
    against = {"course": ratios(ours, loops), "nothing_to_decode": ratios(ours, decoded)}
    print(told("the course's loop: times as fast", against["course"], REACH))
    print(told("the same, nothing left to decode: times as fast", against["nothing_to_decode"]))
    print(f"accuracies {apart:.2%} apart")
    figures: dict[str, Any] = {
        "seconds_an_epoch": {name: summary(found) for name, found in (("descent", ours), ("course", loops), ("decoded", decoded))},
        "times_as_fast": {name: summary(found) for name, found in against.items()},
        "accuracies": accuracies,
        "threads": {name: count or "torch's own" for name, count in threads.items()},
        "holds_course": summary(against["course"])["median"] >= REACH,
        "holds_accuracy": apart <= CLOSE,
    }
    return finish("train_mnist", figures, holds(figures))


def descent(store: Store, folder: Path, epochs: int) -> tuple[float, float]:
    """Seconds of an epoch with its evaluation, and the last accuracy."""
    config = RECIPES["mnist"].config.model_copy(update={"dataset": str(folder.absolute()), "epochs": epochs})
    run, _seconds = run_to_end(store, config, "mnist")
    ended, accuracy = [], 0.0
    for record, _offset in read_records(store.journal(run.run_id)):
        if record["kind"] == "metrics" and "eval/accuracy" in record["values"]:
            ended.append(record["time"] / 1000)
            accuracy = float(record["values"]["eval/accuracy"])
    return statistics.fmean(after - before for before, after in itertools.pairwise(ended)), accuracy


def quicker(folder: Path, decode: str) -> int:
    """With how many threads the loop is quicker: 1, or 0 for torch's own choice."""
    return min((0, 1), key=lambda threads: min(plain(folder, TRIED, decode, threads)["seconds"][1:]))


def plain(folder: Path, epochs: int, decode: str, threads: int) -> dict[str, Any]:
    """The course's loop, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.plain_mnist", str(folder), "--epochs", str(epochs), "--decode", decode]
    command += ["--threads", str(threads)] if threads else []
    said: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return said


if __name__ == "__main__":
    sys.exit(main())
