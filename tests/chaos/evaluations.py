"""Real runs whose evaluations take longer than any grace, stopped and killed inside them: no step may be lost."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.kills import Damage, count_left_over, finish, hold, is_live, kill, settle, weights_of
from tests.tiny_dialogues import tiny_chat, write_dialogues
from trainer_core import jobs
from trainer_core.batch_in_force import EVALUATING
from trainer_core.checkpoints import list_checkpoints
from trainer_core.config import TrainConfig
from trainer_core.jobs.database import JobDatabase
from trainer_core.jobs.summon import ensure_supervisor
from trainer_core.jobs.watching import Progress
from trainer_core.store import Store

GRACE_SECONDS = 0.1
"""What DESCENT_GRACE_SECONDS has to say: a worker that hangs is then ended within a second, and an evaluation takes several."""
STRIKES = ("stop", "stop twice", "kill")
_LATEST_SECONDS = 4.0
_STOP_SECONDS = 60.0
_OFTEN = 2
"""Strikes at one evaluation: or the run would never get beyond it."""
Place = tuple[str, int]
"""The phase and the step of an evaluation."""


def long_evaluations(folder: Path, **others: Any) -> TrainConfig:
    """A chat model of 2 x 6 steps that writes for seconds at each evaluation, and longer in its final test, a turn at a time."""
    changes: dict[str, Any] = {"written_turns": 16, "written_tokens": 150, "max_length": 512, "eval_batch_size": 1, "dropout": 0.2}
    return tiny_chat(write_dialogues(folder), **(changes | others))


def stop_and_kill_in_evaluations(
    store: Store,
    strikes: Sequence[str],
    seed: int,
    tell: Callable[[str], None] = lambda _line: None,
    **changes: Any,
) -> Damage:
    """Strikes so, see STRIKES, over as many runs as that takes; each run ends finished. `Damage.kills` counts stops too."""
    draw, waiting = random.Random(seed), list(strikes)
    damage = Damage()
    config = long_evaluations(store.root / "dialogues", **changes)
    reference = finish(store, jobs.launch(store, config), damage)
    weights = weights_of(store, reference)
    number = 0
    while waiting:
        number += 1
        run_id = jobs.launch(store, config.model_copy(update={"name": f"evaluations-{number}"}))
        struck: Counter[Place] = Counter()
        while waiting and _strike(store, run_id, waiting.pop(0), struck, draw, damage, tell):
            settle(store, run_id)
            jobs.resume(store, run_id)
        finish(store, run_id, damage)
        hold(store, run_id, reference, weights, damage, tell)
    count_left_over(store, damage)
    return damage


def _strike(
    store: Store,
    run_id: str,
    how: str,
    struck: Counter[Place],
    draw: random.Random,
    damage: Damage,
    tell: Callable[[str], None],
) -> bool:
    """Waits for a moment in an evaluation, strikes, and sees what is left; False where nothing is left to strike at."""
    shown = _wait_for_evaluation(store, run_id, struck, draw)
    job = JobDatabase(store.jobs_database).get(run_id)
    if shown is None or job is None or job.worker is None:
        return False
    struck[shown.phase, shown.step] += 1
    if how == "kill":
        kill(job.worker.pid)
    else:
        for _time in how.split():
            jobs.stop(store, run_id)
    ensure_supervisor(store)
    ends = time.monotonic() + _STOP_SECONDS
    while is_live(store, run_id) and time.monotonic() < ends:
        time.sleep(0.05)
    damage.kills += 1
    state = jobs.state_of(store, run_id)[0]
    saved = max((checkpoint.step for checkpoint in list_checkpoints(store, run_id)), default=0)
    lost = max(0, shown.step - saved)
    damage.lost_steps += lost
    tell(f"{damage.kills}: {how} at step {shown.step}, {shown.phase}, {shown.part_done} of {shown.part_all}: {state}, {lost} lost")
    if state not in ("failed" if how == "kill" else "stopped", "finished"):  # finished: the last word was said before
        damage.wrong_states += 1
        damage.notes.append(f"{run_id} is {state} after: {how}")
        return False
    return state != "finished"


def _wait_for_evaluation(store: Store, run_id: str, struck: Counter[Place], draw: random.Random) -> Progress | None:
    """Waits for some moment of an evaluation or the final test that was not struck at often; None where the run is over before."""
    seconds = draw.uniform(0.0, _LATEST_SECONDS)
    since: float | None = None
    place: Place = ("", 0)
    while is_live(store, run_id):
        shown = jobs.progress(store, run_id)
        if shown is None or not _is_evaluating(shown) or struck[shown.phase, shown.step] >= _OFTEN:
            since = None
        elif since is None or place != (shown.phase, shown.step):
            since, place = time.monotonic(), (shown.phase, shown.step)
        elif time.monotonic() - since >= seconds:
            return shown
        time.sleep(0.05)
    return None


def _is_evaluating(shown: Progress) -> bool:
    """Whether a worker that lives, and not one before it, is in an evaluation or the final test."""
    return shown.phase in EVALUATING and psutil.pid_exists(shown.pid)


def together(first: Damage, second: Damage) -> Damage:
    """The damage of both."""
    counts = {name: getattr(first, name) + getattr(second, name) for name in Damage.__dataclass_fields__}
    return replace(first, **counts)
