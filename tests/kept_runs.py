"""Runs whose best checkpoint is not where their main metric was best: made-up points and checkpoints, stored the real way."""

import json
from collections.abc import Mapping

from trainer_core.checkpoints import BEST, MANIFEST, folder_name
from trainer_core.config import TrainConfig
from trainer_core.settings import to_params, write_config
from trainer_core.store import Store, write_atomically
from trainer_core.tracking import write
from trainer_core.tracking.journal import Journal
from trainer_core.tracking.records import RunState
from trainer_core.tracking.ship import ship

Evaluations = Mapping[int, Mapping[str, float]]
"""By step the values of an evaluation, without `eval/`."""

PICTURES: Evaluations = {
    10: {"loss": 0.3, "accuracy": 0.9},
    20: {"loss": 0.2, "accuracy": 0.88},
    30: {"loss": 0.4, "accuracy": 0.95},
}
TALKS: Evaluations = {
    10: {"loss": 1.0, "slot_f1": 0.4},
    20: {"loss": 0.8, "slot_f1": 0.3},
    30: {"loss": 1.2, "slot_f1": 0.55},
}
NUMBERS: Evaluations = {
    10: {"loss": 0.5, "rmse": 0.71},
    20: {"loss": 0.3, "rmse": 0.6},
    30: {"loss": 0.4, "rmse": 0.55},
}
CHAT = {"task": "chat", "dataset": "bookings", "model": "small_gpt"}
REGRESSION = {"task": "regression", "dataset": "/data/stars", "model": "small_gpt"}


def log_kept_run(
    store: Store,
    name: str,
    evaluations: Evaluations,
    kept: int,
    *,
    settings: Mapping[str, object] | None = None,
    state: RunState = "finished",
    is_told: bool = True,
    has_folder: bool = True,
    tags: Mapping[str, str] | None = None,
) -> str:
    """A run with these evaluations, that kept the checkpoint at the step `kept`; returns its id. With `is_told` its worker said
    which in a tag, as of today; with `has_folder` its checkpoints stand on the disk.
    """
    config = TrainConfig(name=name, **(settings or {}))  # type: ignore[arg-type]
    found = {"descent.recipe": "digits", "descent.rules": "labels best" if is_told else "", **(tags or {})}
    run_id = write.create_run(
        store,
        name=name,
        experiment="descent",
        params=to_params(config),
        tags={key: value for key, value in found.items() if value},
    )
    store.run_folder(run_id).mkdir(parents=True, exist_ok=True)
    write_config(config, store.config_file(run_id), write_atomically)
    journal = Journal(store.journal(run_id))
    for step, values in evaluations.items():
        journal.metrics({"train/loss": 1.0}, step=step, epoch=step / 10, samples=step)
        journal.metrics({f"eval/{key}": value for key, value in values.items()}, step=step, epoch=step / 10, samples=step)
    if is_told:
        journal.tags({"descent.kept_step": str(kept)})
    journal.close()
    if has_folder:
        for step, values in evaluations.items():
            _write_checkpoint(store, run_id, config, step, values)
        write_atomically(store.checkpoints(run_id) / BEST, json.dumps({"step": kept}))
    ship(store, run_id, 0)
    write.set_state(store, run_id, state)
    return run_id


def _write_checkpoint(store: Store, run_id: str, config: TrainConfig, step: int, values: Mapping[str, float]) -> None:
    folder = store.checkpoints(run_id) / folder_name(step)
    folder.mkdir(parents=True)
    write_config(config, folder / "train_config.json", write_atomically)
    manifest = {
        "step": step,
        "epoch": step / 10,
        "metrics": {f"eval/{key}": value for key, value in values.items()},
        "saved_at": 1_700_000_000.0,
        "details": {"labels": ["0", "1"], "image_shape": [8, 8], "content_share": 1.0, "parameters": 10},
        "files": {},
    }
    write_atomically(folder / MANIFEST, json.dumps(manifest))
