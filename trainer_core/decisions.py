"""From which probability on a checkpoint of two classes says the second one: chosen by its user, kept beside its weights.

The file `decision.json` lies in the checkpoint's folder and goes with it wherever it goes; training never writes it.
"""

import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer_core.errors import CheckpointError
from trainer_core.language import gettext as _
from trainer_core.store import write_atomically

DECISION = "decision.json"
USUAL = 0.5
"""Where nobody chose another one: the likelier class wins."""


def read_threshold(folder: Path | str) -> float | None:
    """The threshold kept with the checkpoint in `folder`; None where the likelier class wins."""
    try:
        # Asked at each question: the file is hardly ever there, and Path takes some times as long to say so.
        with open(f"{folder}/{DECISION}", encoding="utf-8") as file:  # noqa: PTH123
            threshold = float(json.load(file)["threshold"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return threshold if 0 <= threshold <= 1 else None


def keep_threshold(folder: Path, threshold: float) -> None:
    """Keeps a threshold with the checkpoint in `folder`. Raises CheckpointError for one that is no probability, and where it can't
    be written."""
    if not (math.isfinite(threshold) and 0 <= threshold <= 1):
        raise CheckpointError(_("A threshold is a probability from 0 to 1, not {value}.").format(value=threshold))
    try:
        if not folder.is_dir():
            raise FileNotFoundError(folder)
        write_atomically(folder / DECISION, json.dumps({"threshold": threshold}))
    except OSError as error:
        raise CheckpointError(
            _("The threshold could not be kept in {folder}: {cause}.").format(folder=folder, cause=error.strerror or error)
        ) from error


def drop_threshold(folder: Path) -> None:
    """Lets the likelier class win again."""
    (folder / DECISION).unlink(missing_ok=True)


def decide(probabilities: NDArray[np.float32], threshold: float | None = None) -> NDArray[np.int64]:
    """The class said in each row of `probabilities` [rows, classes]: the likeliest, or with a threshold and two classes the second
    from that probability on."""
    if threshold is None or probabilities.shape[1] != 2:
        return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
    return np.asarray(probabilities[:, 1] >= np.float32(threshold), dtype=np.int64)
