"""What logging costs a run whose steps take about 25 ms, in processor time: see log_overhead."""

import tempfile
import threading
import time
import uuid
from typing import Any

import numpy as np
import pandas as pd
import psutil

from benchmarks.launched import temporary_store
from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.jobs.summon import lock_file
from trainer_core.recipes import RECIPES
from trainer_core.store import open_store, write_atomically
from trainer_core.tracking.journal import Journal

STEP_SECONDS, STEPS, TRIED, WATCHED, WATCHED_PAIRS, WARM_STEPS = 0.025, 2_000, 200, 800, 3, 50
"""How long a step is to take, of how many it is measured, how many are made to find the network for it, beside how many the
supervisor is watched, in how many pairs of runs, and how many steps come before anything is measured."""
FEW_LAYERS, MANY_LAYERS, MOST_LAYERS, WIDTH = 2, 8, 16, 768
BLOCK_STEPS = 16
"""Whole steps are compared with their neighbours: a machine is faster for some seconds, and slower for others."""
LONGEST_SECONDS = 300.0
"""How long a run may take to get to where it is watched."""


def cost_of_logging() -> dict[str, float]:
    """The processor time that logging a step adds to it, as a share of a step of about 25 ms; 19 times in 20 that of whole steps
    lies between `least` and `most`.
    """
    base = RECIPES["digits"].config.model_copy(update={"batch_size": 64})
    few, many = (_steps_of(_deep(base, layers), TRIED)["wall"].median() for layers in (FEW_LAYERS, MANY_LAYERS))
    layers = FEW_LAYERS + round((STEP_SECONDS - few) / (many - few) * (MANY_LAYERS - FEW_LAYERS))
    config = _deep(base, min(MOST_LAYERS, max(1, layers)))
    steps = _steps_of(config, STEPS)
    each = float(steps["spent"][~steps["logged"]].median())
    unclipped = _steps_of(config.model_copy(update={"max_grad_norm": 0.0}), TRIED)
    logging_each, logging_none = (config.model_copy(update={"logging_steps": every}) for every in (1, 100 * WATCHED))
    pairs = [_supervisor_seconds(logging_each) - _supervisor_seconds(logging_none) for _turn in range(WATCHED_PAIRS)]
    shipping = sum(pairs) / len(pairs)
    apart = _apart(steps, "spent") / each
    draws = np.random.default_rng(0)
    low, high = np.percentile([_middle(draws.choice(apart, len(apart))) for _turn in range(1_000)], [2.5, 97.5])
    own = _more(steps, "logging") / each
    figures = {
        "own": own,
        "whole": _middle(apart),
        "least": low,
        "most": high,
        "shipping": shipping / each,
        "more": own + shipping / each,
        "norm": _more(unclipped, "norm") / each,
    }
    wall = round(1e3 * float(steps["wall"].median()), 2)
    return {"step_milliseconds": wall} | {name: round(float(value), 5) for name, value in figures.items()}


def _deep(config: TrainConfig, layers: int) -> TrainConfig:
    return config.model_copy(update={"hidden_sizes": (WIDTH,) * layers})


def _more(steps: pd.DataFrame, column: str) -> float:
    """What logged steps took more than silent ones on the average, the line a second in the log included."""
    return float(steps[column][steps["logged"]].mean() - steps[column][~steps["logged"]].mean())


def _apart(steps: pd.DataFrame, column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What logged steps took more than silent ones at the median, block by block of neighbours."""
    found = []
    for _number, block in steps.groupby(np.arange(len(steps)) // BLOCK_STEPS):
        logged, silent = block[column][block["logged"]], block[column][~block["logged"]]
        if min(len(logged), len(silent)) > BLOCK_STEPS // 8:
            found.append(logged.median() - silent.median())
    return np.array(found)


def _middle(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """The mean without the least and the most fifth."""
    ranked = np.sort(values)
    return float(ranked[len(ranked) // 5 : -(len(ranked) // 5) or None].mean())


def _steps_of(config: TrainConfig, count: int) -> pd.DataFrame:
    """A run of which half the steps are logged, drawn at random: a row a step with whether it was `logged`, its processor time
    `spent`, of it what went into `logging` and into the `norm`, and its time `wall`, in seconds.
    """
    from trainer_core.settings import write_config
    from trainer_core.training import building, flow, trainer
    from trainer_core.training.vitals import Pulse
    from trainer_core.training.worker import train

    is_logged = np.random.default_rng(1).random(count + 2) < 0.5
    rows: list[dict[str, float]] = []
    norm = 0.0

    class Timed(trainer.DescentTrainer):
        """Notes the time after each step, and what of it went into logging."""

        def _get_grad_norm(self, *given: Any, **named: Any) -> Any:
            nonlocal norm
            began = time.process_time()
            found = super()._get_grad_norm(*given, **named)
            norm = time.process_time() - began
            return found

        def _maybe_log_save_evaluate(self, *given: Any, **named: Any) -> None:
            step, began = self.state.global_step, time.process_time()
            super()._maybe_log_save_evaluate(*given, **named)
            now = time.process_time()
            if not rows or rows[-1]["step"] != step:  # it is asked once more at an epoch's end
                rows.append({"step": step, "now": now, "wall": time.perf_counter(), "logging": now - began, "norm": norm})

    def logs(config: TrainConfig, step: int, last: int) -> bool:  # noqa: ARG001
        return bool(is_logged[step])

    usual = flow.will_log, vars(building)["DescentTrainer"]
    flow.will_log = vars(trainer)["will_log"] = logs
    vars(building)["DescentTrainer"] = Timed
    config = config.model_copy(update={"max_steps": count, "eval_steps": 10 * count, "save_steps": 10 * count})
    try:
        with tempfile.TemporaryDirectory(prefix="descent-log-") as folder:
            store = open_store(folder, environment={})
            run_id = uuid.uuid4().hex
            store.run_folder(run_id).mkdir(parents=True)
            write_config(config, store.config_file(run_id), write_atomically)
            journal, pulse = Journal(store.journal(run_id)), Pulse(store.progress(run_id))
            pulse.start()
            train(store, run_id, config, journal, pulse, threading.Event())
    finally:
        flow.will_log = vars(trainer)["will_log"] = usual[0]
        vars(building)["DescentTrainer"] = usual[1]
    steps = pd.DataFrame(rows[:-1])  # the last evaluates and saves
    steps["logged"] = is_logged[steps["step"].astype(int)]
    steps["spent"], steps["wall"] = steps["now"].diff(), steps["wall"].diff()
    return steps[WARM_STEPS:]


def _supervisor_seconds(config: TrainConfig) -> float:
    """Processor time a step of the supervisor beside a run that trains with these settings."""
    config = config.model_copy(update={"max_steps": 10 * WATCHED, "eval_steps": 100 * WATCHED, "save_steps": 100 * WATCHED})
    marks: list[tuple[int, float]] = []
    with temporary_store() as store:
        run_id = jobs.launch(store, config, recipe="digits")
        end = time.monotonic() + LONGEST_SECONDS
        for wanted in (WARM_STEPS, WARM_STEPS + WATCHED):
            while (now := jobs.progress(store, run_id)) is None or now.step < wanted:
                if time.monotonic() > end:
                    raise SystemExit(f"the run that was to be watched did not get to step {wanted}")
                time.sleep(0.5)  # who looks takes time from who trains
            spent = psutil.Process(int(lock_file(store).read_text(encoding="ascii"))).cpu_times()
            marks.append((now.step, spent.user + spent.system))
    (first, before), (last, after) = marks
    return (after - before) / (last - first)
