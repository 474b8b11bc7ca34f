"""What a checkpoint answers for every row of a split: one Parquet file a checkpoint, split and dataset, in the run's folder.

Read without torch. Computed by inference.batch, once; what belongs to a checkpoint that is gone goes with the next writing.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer_core import predictions
from trainer_core.checkpoints import Checkpoint, folder_name
from trainer_core.store import Store


@dataclass(frozen=True)
class Answers:
    """A checkpoint's answers for a split, in the split's order: `probabilities` float32 [rows, classes] in the order of `names`."""

    names: tuple[str, ...]
    probabilities: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.probabilities)


def answers_file(store: Store, checkpoint: Checkpoint, digest: str, split: str) -> Path:
    """Where the answers lie or will lie. `digest` is the dataset's; a checkpoint saved anew under the same step has other ones."""
    saved = round(1000 * checkpoint.saved_at)
    return _folder(store, checkpoint.run_id) / f"{folder_name(checkpoint.step)}-{saved}-{digest[:16]}-{split}.parquet"


def write_answers(store: Store, checkpoint: Checkpoint, digest: str, split: str, probabilities: NDArray[np.float32]) -> Path:
    """Keeps the answers, whole or not at all, and drops those of checkpoints that are gone."""
    target = answers_file(store, checkpoint, digest, split)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(".part")
    pd.DataFrame({str(index): probabilities[:, index] for index in range(probabilities.shape[1])}).to_parquet(aside, index=False)
    aside.replace(target)
    for path in target.parent.glob("step-*.parquet"):
        if not (checkpoint.path.parent / "-".join(path.name.split("-")[:2])).is_dir():
            path.unlink(missing_ok=True)
    return target


def read_answers(store: Store, checkpoint: Checkpoint, digest: str, split: str, rows: int) -> Answers | None:
    """The answers that were kept for `rows` rows; None where there are none yet."""
    try:
        table = pd.read_parquet(answers_file(store, checkpoint, digest, split))
    except (OSError, ValueError):
        return None
    probabilities = table.to_numpy(dtype=np.float32)
    names = checkpoint.label_names
    return Answers(names, probabilities) if probabilities.shape == (rows, len(names)) else None


def answers_of_evaluation(store: Store, checkpoint: Checkpoint, example_ids: list[str]) -> Answers | None:
    """What the run itself answered when it was evaluated at the checkpoint's step; None where not every row was kept."""
    try:
        table = predictions.read_predictions(store, checkpoint.run_id, checkpoint.step)
    except (OSError, ValueError):
        return None
    columns = [f"probability_{name}" for name in checkpoint.label_names]
    if table["example_id"].tolist() != example_ids or not set(columns) <= set(table.columns):
        return None
    return Answers(checkpoint.label_names, table[columns].to_numpy(dtype=np.float32))


def _folder(store: Store, run_id: str) -> Path:
    return store.run_folder(run_id) / "answers"
