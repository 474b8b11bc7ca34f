"""A store with one small run that was really trained, for pages and the browser."""

import subprocess
import sys
from pathlib import Path

from trainer_core.config import TrainConfig
from trainer_core.settings import to_params, write_config
from trainer_core.store import Store, open_store, write_atomically
from trainer_core.tracking import ship, tags, write

DIGITS = TrainConfig(name="brisk-otter-1", input_mean=0.305, input_std=0.376, hidden_sizes=(64,), epochs=8, learning_rate=5e-3)


def train_digits(root: Path) -> tuple[Store, str]:
    """Trains on the 8x8 digits in a process of its own, a few seconds long, and returns the store and the run's id."""
    store = open_store(root, environment={})
    return store, train_for_real(store, DIGITS, "digits")


def train_for_real(store: Store, config: TrainConfig, recipe: str) -> str:
    """Trains in a process of its own and returns the run's id."""
    run_id = write.create_run(
        store,
        name=config.name,
        experiment="descent",
        params=to_params(config),
        tags={tags.RECIPE: recipe, tags.SEGMENTS: "[[0, 5000]]"},
    )
    store.run_folder(run_id).mkdir(parents=True, exist_ok=True)
    write_config(config, store.config_file(run_id), write_atomically)
    subprocess.run(
        [sys.executable, "-m", "trainer_core.training", "--store", str(store.root), "--run", run_id],
        check=True,
        capture_output=True,
    )
    ship.ship(store, run_id, 0)
    write.set_state(store, run_id, "finished")
    return run_id
