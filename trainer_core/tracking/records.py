"""A run as pages and the command line see it."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, get_args

from pydantic import ValidationError

from trainer_core.batch_in_force import Smaller, parse_smaller
from trainer_core.config import TrainConfig
from trainer_core.measures import kind_of, main_metric
from trainer_core.settings import SETTINGS, from_params
from trainer_core.tracking import tags as names

RunState = Literal["queued", "running", "finished", "failed", "stopped"]
RUN_STATES: tuple[RunState, ...] = get_args(RunState)

STATUS_OF_STATE: Mapping[RunState, str] = {
    "queued": "SCHEDULED",
    "running": "RUNNING",
    "finished": "FINISHED",
    "failed": "FAILED",
    "stopped": "KILLED",
}
STATE_OF_STATUS: Mapping[str, RunState] = {status: state for state, status in STATUS_OF_STATE.items()}


@dataclass(frozen=True)
class Restart:
    """A resumption. Points logged before `at` (ms) above `from_step` are superseded: the run computed them anew."""

    at: int
    from_step: int


@dataclass(frozen=True)
class Segment:
    """One worker's stretch of the run, in ms since 1970; `ended` is None while it works."""

    started: int
    ended: int | None


@dataclass(frozen=True)
class RunRecord:
    """One run. `metrics` are the last values, `kept` those of the evaluation at the checkpoint that is kept as the best, at
    `kept_step`; `best` the best of each eval metric over all evaluations (lowest loss, else highest), whatever was kept.

    Without a checkpoint `kept_step` is None; `kept_is_known` is False where there is one and nobody can tell any more which.
    """

    run_id: str
    name: str
    state: RunState
    experiment: str
    created: datetime | None
    ended: datetime | None
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float] = field(default_factory=dict)
    best: Mapping[str, float] = field(default_factory=dict)
    kept: Mapping[str, float] = field(default_factory=dict)
    kept_step: int | None = None
    kept_is_known: bool = True

    @property
    def main_metric(self) -> str:
        """The metric that says most of the run, see `measures.main_metric`."""
        return main_metric(self.settings.get("task"), self.metrics)

    @property
    def best_by(self) -> str:
        """The metric by which the run keeps its best checkpoint."""
        return best_by_of(self.params, self.tags)

    @property
    def headline(self) -> float | None:
        """The run's main metric at the checkpoint that is kept, which the playground answers with and the final test measures.

        None before there is one, and where its evaluation lacks the metric.
        """
        return self.kept.get(self.main_metric)

    @property
    def tested(self) -> float | None:
        """The main metric of the kept checkpoint on the test split; None where that was not measured."""
        return self.metrics.get(self.main_metric.replace("eval/", "test/"))

    @property
    def recipe(self) -> str | None:
        """The recipe that the run's settings started from."""
        return self.tags.get(names.RECIPE)

    @property
    def cloned_from(self) -> str | None:
        """The id of the run whose settings this one started from."""
        return self.tags.get(names.CLONED_FROM)

    @property
    def evaluated_digest(self) -> str:
        """The digest of the rows and labels that `eval/*` is measured on; empty for a run of before it was noted."""
        return self.tags.get(names.EVALUATED_DIGEST, "")

    @property
    def archived(self) -> bool:
        """Whether the run is put away."""
        return self.tags.get(names.ARCHIVED) == "true"

    @property
    def starred(self) -> bool:
        """Whether the user marked the run."""
        return self.tags.get(names.STARRED) == "true"

    @property
    def note(self) -> str:
        """What the user wrote about the run."""
        return self.tags.get(names.NOTE, "")

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """The user's own tags, by name; the value is empty where none was given."""
        own = {name: value for name, value in self.tags.items() if not name.startswith((names.PREFIX, "mlflow."))}
        return {name: "" if value == names.NO_VALUE else value for name, value in sorted(own.items())}

    @property
    def reason(self) -> str:
        """Why the run failed or stopped, as a sentence; empty otherwise."""
        return self.tags.get(names.REASON, "")

    @property
    def is_ours(self) -> bool:
        """Whether Descent launched the run; others in the same database are shown read-only."""
        return any(tag.startswith(names.PREFIX) for tag in self.tags)

    @property
    def is_over(self) -> bool:
        """Whether the run has ended, one way or another."""
        return self.state in ("finished", "failed", "stopped")

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The params with our settings typed; what is unknown stays text. The epochs are those it was last trained for."""
        longer = self.tags.get(names.EPOCHS, "")
        return from_params(self.params) | ({"epochs": int(longer)} if longer.isdigit() else {})

    @cached_property
    def restarts(self) -> tuple[Restart, ...]:
        """When the run was resumed and from which step, oldest first."""
        return read_restarts(self.tags.get(names.RESTARTS, ""))

    @cached_property
    def smaller(self) -> tuple[Smaller, ...]:
        """When the batch was made smaller because memory ran out, oldest first."""
        return parse_smaller(self.tags.get(names.SMALLER, ""))

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """When workers worked on the run, oldest first."""
        return read_segments(self.tags.get(names.SEGMENTS, ""))

    @property
    def started(self) -> datetime | None:
        """When the first worker started; None while the run waits."""
        if self.segments:
            return as_time(self.segments[0].started)
        return None if self.is_ours else self.created

    @property
    def duration_seconds(self) -> float | None:
        """How long workers worked on the run, pauses left out; None when none has started."""
        if self.segments:
            return self.active_seconds(int(time.time() * 1000))
        if self.started is None:
            return None
        return ((self.ended or datetime.now(UTC)) - self.started).total_seconds()

    def active_seconds(self, at: int) -> float:
        """Seconds that workers had worked by the time `at` (ms since 1970), pauses left out."""
        closed = self.is_over or self.state == "queued"
        total = 0
        for segment in self.segments:
            # A segment without an end belongs to a worker that works now, or to one that nobody saw end.
            end = segment.ended if segment.ended is not None else (segment.started if closed else at)
            total += max(0, min(at, end) - segment.started)
        return total / 1000

    def config(self) -> TrainConfig | None:
        """The run's settings as a config; None where they no longer make a valid one. What is missing takes its default."""
        known = {name: value for name, value in self.settings.items() if name in SETTINGS}
        if not known:
            return None
        try:
            return TrainConfig(**known, rules=tuple(self.tags.get(names.RULES, "").split()))
        except ValidationError:
            return None


def best_by_of(params: Mapping[str, str], tags: Mapping[str, str]) -> str:
    """The metric by which a run of these params and tags keeps its best checkpoint."""
    metric = params.get("best_metric", "auto")
    if tags.get(names.BEST_BY) or metric not in ("", "auto"):
        return tags.get(names.BEST_BY) or metric
    if "best" in tags.get(names.RULES, "").split():
        return main_metric(params.get("task"))
    return "eval/accuracy" if kind_of(params.get("task")) == "classes" else "eval/loss"


def as_time(milliseconds: int | None) -> datetime | None:
    """MLflow's milliseconds since 1970 as an aware time in UTC."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def read_restarts(text: str) -> tuple[Restart, ...]:
    """Restarts from their tag; an unreadable tag counts as none, so that the run still opens."""
    try:
        return tuple(Restart(int(entry["at"]), int(entry["from_step"])) for entry in json.loads(text or "[]"))
    except (ValueError, TypeError, KeyError):
        return ()


def add_restart(text: str, restart: Restart) -> str:
    """The restarts of a tag and one more, for the tag; the same one twice counts once."""
    restarts = [*(entry for entry in read_restarts(text) if entry.at != restart.at), restart]
    return json.dumps([{"at": entry.at, "from_step": entry.from_step} for entry in restarts])


def read_segments(text: str) -> tuple[Segment, ...]:
    """Segments from their tag; an unreadable tag counts as none."""
    try:
        return tuple(Segment(int(start), None if end is None else int(end)) for start, end in json.loads(text or "[]"))
    except (ValueError, TypeError):
        return ()


def is_superseded(restarts: tuple[Restart, ...], step: int, at: int) -> bool:
    """Whether a point was computed anew by a later resumption."""
    return any(at < restart.at and step > restart.from_step for restart in restarts)
