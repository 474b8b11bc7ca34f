"""What a run answered for each evaluated example: one Parquet file an evaluation, in the run's artifact folder.

Columns: `example_id`, `label`, `prediction`, and `probability_NAME` for each class. Read without torch.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer_core.store import Store

MOST_ROWS = 5_000
"""Of a larger split, every n-th row is kept, the same rows each time."""
MOST_FILES = 40
"""Beyond these, every second of the older files goes."""


def folder(store: Store, run_id: str) -> Path:
    """Where the run's predictions lie."""
    return store.run_folder(run_id) / "predictions"


def kept_rows(rows: int) -> NDArray[np.int64]:
    """Which rows of a split are kept: all, or `MOST_ROWS` of them evenly spread."""
    return np.arange(rows) if rows <= MOST_ROWS else np.linspace(0, rows - 1, MOST_ROWS).astype(np.int64)


def write_predictions(
    store: Store,
    run_id: str,
    step: int,
    example_ids: Sequence[str],
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    names: Sequence[str],
) -> Path:
    """Writes the predictions of one evaluation, whole or not at all; `probabilities` is [rows, classes]."""
    target = folder(store, run_id) / f"step-{step:08d}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    table: dict[str, Any] = {
        "example_id": list(example_ids),
        "label": [names[label] for label in labels],
        "prediction": [names[index] for index in probabilities.argmax(axis=1)],
    }
    table |= {f"probability_{name}": probabilities[:, index] for index, name in enumerate(names)}
    aside = target.with_suffix(".part")
    pd.DataFrame(table).to_parquet(aside, index=False)
    aside.replace(target)
    _thin(target.parent)
    return target


def list_steps(store: Store, run_id: str) -> list[int]:
    """The steps whose predictions are kept, ascending."""
    return sorted(int(path.stem.removeprefix("step-")) for path in folder(store, run_id).glob("step-*.parquet"))


def read_predictions(store: Store, run_id: str, step: int) -> pd.DataFrame:
    """The predictions at a step. Raises FileNotFoundError where there are none."""
    return pd.read_parquet(folder(store, run_id) / f"step-{step:08d}.parquet")


def drop_after(store: Store, run_id: str, step: int) -> None:
    """Removes what was predicted later than `step`, which a run resumed there computes anew."""
    for path in folder(store, run_id).glob("step-*.parquet"):
        if int(path.stem.removeprefix("step-")) > step:
            path.unlink()


def _thin(where: Path) -> None:
    files = sorted(where.glob("step-*.parquet"))
    if len(files) > MOST_FILES:
        for path in files[1 : len(files) // 2 : 2]:
            path.unlink()
