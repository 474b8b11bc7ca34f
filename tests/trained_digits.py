"""A store with one small run that was really trained, for pages and the browser."""

import hashlib
import os
import shutil
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
    """Trains in a process of its own and returns the run's id.

    The same settings are trained once a test session: each further store gets a copy of what that run left behind.
    """
    run_id = write.create_run(
        store,
        name=config.name,
        experiment="descent",
        params=to_params(config),
        tags={tags.RECIPE: recipe, tags.RULES: " ".join(config.rules), tags.SEGMENTS: "[[0, 5000]]"},
    )
    store.run_folder(run_id).mkdir(parents=True, exist_ok=True)
    write_config(config, store.config_file(run_id), write_atomically)
    digest = hashlib.blake2b(config.model_dump_json().encode(), digest_size=8).hexdigest()
    home = os.environ.get("DESCENT_TEST_TRAINED")
    kept = Path(home) / digest if home else None
    if kept is not None and kept.is_dir():
        shutil.copytree(kept / "artifacts", store.run_folder(run_id), dirs_exist_ok=True)
        shutil.copyfile(kept / "journal", store.journal(run_id))
        shutil.copyfile(kept / "progress", store.progress(run_id))
    else:
        subprocess.run(
            [sys.executable, "-m", "trainer_core.training", "--store", str(store.root), "--run", run_id],
            check=True,
            capture_output=True,
        )
        if kept is not None:
            _keep(store, run_id, kept)
    ship.ship(store, run_id, 0)
    write.set_state(store, run_id, "finished")
    return run_id


def _keep(store: Store, run_id: str, target: Path) -> None:
    aside = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.copytree(store.run_folder(run_id), aside / "artifacts")
    shutil.copyfile(store.journal(run_id), aside / "journal")
    shutil.copyfile(store.progress(run_id), aside / "progress")
    try:
        aside.rename(target)
    except OSError:  # another process trained the same meanwhile
        shutil.rmtree(aside)
