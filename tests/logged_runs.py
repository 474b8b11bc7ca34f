"""Runs whose points are made up but go the real way: journal, shipper, MLflow. Quick, and no process is started."""

import json
import math
import time
from collections.abc import Mapping

from trainer_core.config import TrainConfig
from trainer_core.settings import to_params, write_config
from trainer_core.store import Store, write_atomically
from trainer_core.tracking import tags, write
from trainer_core.tracking.journal import Journal
from trainer_core.tracking.records import RunState
from trainer_core.tracking.ship import ship

STEPS_PER_EPOCH = 10


def log_run(
    store: Store,
    name: str,
    *,
    state: RunState = "finished",
    steps: int = 40,
    best: float = 0.9,
    reason: str = "",
    recipe: str = "digits",
    settings: Mapping[str, object] | None = None,
    evaluated_digest: str = "5d5d5d5d5d5d5d5d",
) -> str:
    """A run with `steps` steps behind it, ten an epoch, whose evaluation rises to `best`. Returns its id."""
    config = TrainConfig(name=name, **(settings or {}))  # type: ignore[arg-type]
    now = int(time.time() * 1000)
    span = [now - 60_000, None if state == "running" else now]
    run_id = write.create_run(
        store,
        name=name,
        experiment="descent",
        params=to_params(config),
        tags={tags.RECIPE: recipe}
        | ({tags.EVALUATED_DIGEST: evaluated_digest} if evaluated_digest else {})
        | ({tags.SEGMENTS: json.dumps([span])} if state != "queued" else {}),
    )
    store.run_folder(run_id).mkdir(parents=True, exist_ok=True)
    write_config(config, store.config_file(run_id), write_atomically)
    log_steps(store, run_id, range(1, steps + 1), best)
    if state != "queued":
        write.set_state(store, run_id, state, tags={tags.REASON: reason} if reason else {})
    return run_id


def log_steps(store: Store, run_id: str, steps: range, best: float = 0.9, offset: int = 0) -> int:
    """Logs and ships more steps; `offset` is where the journal was shipped to, the new one is returned."""
    journal = Journal(store.journal(run_id))
    for step in steps:
        epoch, samples = step / STEPS_PER_EPOCH, step * 32
        values = {"train/loss": 2.3 * math.exp(-step / 30) + 0.05, "train/learning_rate": 1e-3, "train/samples_per_second": 900.0}
        journal.metrics(values, step=step, epoch=epoch, samples=samples)
        if step % STEPS_PER_EPOCH == 0:
            share = best * (1 - 0.5 * math.exp(-step / 10))
            scores = {"eval/loss": 1 - share + 0.1, "eval/accuracy": share, "eval/f1_macro": share - 0.01}
            journal.metrics(scores, step=step, epoch=epoch, samples=samples)
    if steps and offset == 0:
        baselines = {"baseline/majority/accuracy": 0.101, "baseline/logistic_regression/accuracy": 0.963}
        journal.metrics(baselines, step=0, epoch=0, samples=0)
    journal.close()
    return ship(store, run_id, offset)
