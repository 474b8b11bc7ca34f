"""Which of a run's checkpoints is kept as the best: the one that the playground answers with and that the final test measures.

A worker tells it with the tag KEPT_STEP. Of a run of before there was the tag, the checkpoints' folder tells it; where that is
gone or elsewhere, it is found among the evaluations by the rule that training went by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainer_core.checkpoints import best_step, list_checkpoints
from trainer_core.measures import first_best
from trainer_core.store import Store
from trainer_core.tracking import tags as names
from trainer_core.tracking.records import Restart, is_superseded

Evaluation = tuple[int, int, float]
"""Step, time in ms, value."""


@dataclass(frozen=True)
class KeptStep:
    """The step of the kept checkpoint, None for none; not `is_known` where there may be one and nobody can tell any more which."""

    step: int | None
    is_known: bool = True


def told_step(store: Store, run_id: str, tags: Mapping[str, str]) -> KeptStep | None:
    """What the run's tag says, else its folder; None where neither does. A run of another program keeps none of our checkpoints."""
    if not any(tag.startswith(names.PREFIX) for tag in tags):
        return KeptStep(None)
    told = tags.get(names.KEPT_STEP, "")
    if told:
        return KeptStep(int(told) if told.isdigit() else None)
    folder = store.checkpoints(run_id)
    if not folder.is_dir():
        return None
    step = best_step(folder)
    if step is None:  # where no evaluation chose a best, the last stands in for it: see `find_checkpoint`
        standing = list_checkpoints(store, run_id)
        step = standing[-1].step if standing else None
    return KeptStep(step)


def computed_step(evaluations: Sequence[Evaluation], metric: str, restarts: tuple[Restart, ...]) -> KeptStep:
    """The step that training kept by the metric, from all evaluations of it in the order of time, superseded ones too.

    A run that was resumed before its best checkpoint may have lost the next best one by then: checkpoints beyond those kept are
    dropped. Then nobody knows which stood in for it, until a better one came.
    """
    standing = evaluations
    if restarts:
        standing = [point for point in evaluations if not is_superseded(restarts, point[0], point[1])]
    best = _best_of(standing, metric)
    if best is None:
        return KeptStep(None)
    for place, restart in enumerate(restarts):
        earlier = [point for point in evaluations if point[1] < restart.at]
        stood = [point for point in earlier if not is_superseded(restarts[:place], point[0], point[1])]
        was = _best_of(stood, metric)
        if best[1] < restart.at and was is not None and was[0] > restart.from_step:
            return KeptStep(None, is_known=False)
    return KeptStep(best[0])


def _best_of(evaluations: Sequence[Evaluation], metric: str) -> Evaluation | None:
    ordered = sorted(evaluations)
    place = first_best([value for _step, _time, value in ordered], metric)
    return None if place is None else ordered[place]
