"""Runs the real training function in this process: same code as the worker, without seven seconds of imports a test."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trainer_core.checkpoints import Checkpoint, list_checkpoints
from trainer_core.config import TrainConfig
from trainer_core.settings import write_config
from trainer_core.store import Store, write_atomically
from trainer_core.tracking.journal import Journal, read_records


@dataclass
class Trained:
    """One run of `train`, finished or stopped."""

    store: Store
    run_id: str
    finished: bool
    reason: str = ""

    def points(self, key: str) -> list[tuple[int, float]]:
        """(step, value) of one metric in the order logged."""
        return [(r["step"], float(r["values"][key])) for r in self.records() if r["kind"] == "metrics" and key in r["values"]]

    def records(self) -> list[dict[str, Any]]:
        return [record for record, _offset in read_records(self.store.journal(self.run_id))]

    def checkpoints(self) -> list[Checkpoint]:
        return list_checkpoints(self.store, self.run_id)

    def weights(self, step: int) -> bytes:
        """The file with the weights, or with the adapter's."""
        folder = next(c for c in self.checkpoints() if c.step == step).path
        return next(folder.glob("*model.safetensors")).read_bytes()


Train = Callable[..., Trained]


@pytest.fixture
def train_run(store: Store) -> Train:
    """`train_run(config, run_id=None, resume_from=None, stop_at=None, stop=None)` gives a Trained; setting `stop` is SIGTERM."""

    def run(
        config: TrainConfig,
        run_id: str | None = None,
        resume_from: int | None = None,
        stop_at: int | None = None,
        stop: threading.Event | None = None,
    ) -> Trained:
        from trainer_core.training.vitals import Pulse
        from trainer_core.training.worker import train

        run_id = run_id or uuid.uuid4().hex
        store.run_folder(run_id).mkdir(parents=True, exist_ok=True)
        write_config(config, store.config_file(run_id), write_atomically)
        asked = stop or threading.Event()

        class StoppingPulse(Pulse):
            """Asks to stop at a step, as SIGTERM does, but at the same one each time."""

            def __setattr__(self, name: str, value: object) -> None:
                super().__setattr__(name, value)
                if name == "step" and stop_at is not None and value == stop_at - 1:
                    asked.set()

        journal, pulse = Journal(store.journal(run_id)), StoppingPulse(Path(store.progress(run_id)))
        try:
            ending = train(store, run_id, config, journal, pulse, asked, resume_from)
        finally:
            journal.close()
        return Trained(store, run_id, ending.finished, ending.reason)

    return run
