"""Keeps what the model answered for each example at each evaluation."""

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer_core.data import Data, SplitName
from trainer_core.language import gettext as _
from trainer_core.predictions import MOST_ROWS, kept_rows, write_predictions
from trainer_core.store import Store, why_not_written
from trainer_core.training.trainer import DescentTrainer

logger = logging.getLogger("descent.worker")


class PredictionKeeper:
    """Stands in for the Trainer's measure: writes the predictions down, then measures."""

    def __init__(self, store: Store, run_id: str, data: Data, evaluated: SplitName, trainer: DescentTrainer) -> None:
        self._store, self._run_id, self._names, self._trainer = store, run_id, data.label_names, trainer
        split = data.splits[evaluated]
        self._rows = kept_rows(len(split))
        self._ids = [split.example_id(int(row)) for row in self._rows]
        self._labels = split.labels[self._rows]
        if len(split) > MOST_ROWS:
            logger.info(_("Predictions are kept for {kept:,} of {rows:,} rows.").format(kept=MOST_ROWS, rows=len(split)))

    def measure(self, evaluated: Any) -> dict[str, float]:
        """HF Trainer's hook: an EvalPrediction of the evaluated split, in its order."""
        probabilities = _softmax(np.asarray(evaluated.predictions)[self._rows])
        step = self._trainer.state.global_step
        try:
            write_predictions(self._store, self._run_id, step, self._ids, self._labels, probabilities, self._names)
        except OSError as error:
            why = why_not_written(error, self._store.root)
            if why is None:
                raise
            logger.warning(_("{why}: the answers at step {step:,} are not kept.").format(why=why, step=step))
        return self._trainer.task.measure(evaluated)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), dtype=np.float32)
