"""The exported script of each recipe, run alone in a clean process, held to the run's own figures.

    python -m benchmarks.exported_scripts [digits reviews mnist] [--data ../shared/data]

Each recipe is launched as a user does it, exported when it has finished, and its train.py run by `python -I` in its folder.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.launched import run_to_end, temporary_store
from benchmarks.machine import describe, finish
from trainer_core.checkpoints import find_checkpoint
from trainer_core.handing_in.script import MOST_LINES, SCRIPT, export_script
from trainer_core.recipes import RECIPES

FOLDERS = {"mnist": "mnist"}
"""Recipes whose own dataset lies on the hub, and the folder that stands in for it."""


def main() -> int:
    """Prints a line a recipe and the JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exported_scripts")
    parser.add_argument("recipes", nargs="*", default=["digits", "reviews", "mnist"], metavar="RECIPE")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DESCENT_TEST_DATA", "../shared/data")))
    arguments = parser.parse_args()
    print(describe())
    figures: dict[str, object] = {}
    holds = True
    with temporary_store() as store, tempfile.TemporaryDirectory(prefix="descent-scripts-") as folder:
        for name in arguments.recipes:
            config = RECIPES[name].config
            if name in FOLDERS:
                config = config.model_copy(update={"dataset": str(arguments.data / FOLDERS[name])})
            run, run_seconds = run_to_end(store, config, name)
            path = export_script(store, run, Path(folder) / name)
            began = time.perf_counter()
            subprocess.run([sys.executable, "-I", SCRIPT], cwd=path.parent, check=True, capture_output=True)
            seconds = time.perf_counter() - began
            found = json.loads((path.parent / "figures.json").read_text())["figures"]
            # An evaluated figure is that of the best checkpoint; the test follows it.
            claimed = {**run.metrics, **find_checkpoint(store, run.run_id, "best").metrics}
            equal = all(claimed[figure] == value for figure, value in found.items())
            lines = len(path.read_text(encoding="utf-8").splitlines())
            accuracy = found.get("test/accuracy", found["eval/accuracy"])
            print(
                f"{name:10} {lines} lines  accuracy {accuracy:.4%}  {'equal' if equal else 'DIFFERS'}  "
                f"script {seconds:.1f} s, run {run_seconds:.1f} s"
            )
            figures[name] = {"lines": lines, "accuracy": accuracy, "equal": equal, "script_seconds": round(seconds, 1)}
            holds = holds and equal and lines < MOST_LINES
    return finish("exported_scripts", figures, holds)


if __name__ == "__main__":
    sys.exit(main())
