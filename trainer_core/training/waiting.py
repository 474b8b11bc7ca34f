"""A worker that waits for a run with its imports behind it: what the supervisor keeps as a spare."""

import importlib
import json
import os
import sys
import threading
from typing import TextIO

# What runs import sooner or later, beside what the first of these brings along.
_AHEAD = (
    "trainer_core.training.worker",
    "trainer_core.tasks.texts",
    "trainer_core.tasks.image_classification",
    "transformers.models.gpt2.modeling_gpt2",
    "sklearn.datasets",
    "sklearn.linear_model",
    "sklearn.naive_bayes",
    "sklearn.feature_extraction.text",
)


def wait_for_order(stream: TextIO = sys.stdin) -> list[str] | None:
    """Imports in a thread and waits for a line of JSON; gives the worker's arguments, or None where the supervisor is gone.

    From then on what is printed goes to the run's log. Whoever comes before the imports are done waits at their own import.
    """
    threading.Thread(target=_import_ahead, name="imports", daemon=True).start()
    line = stream.readline()
    if not line.endswith("\n"):
        return None
    order = json.loads(line)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for printed in (sys.stdout, sys.stderr):
        printed.flush()
        os.dup2(log, printed.fileno())
    os.close(log)
    return [str(argument) for argument in order["arguments"]]


def _import_ahead() -> None:
    for name in _AHEAD:
        importlib.import_module(name)
