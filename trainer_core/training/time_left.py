"""How long a run still takes: its steps, and the evaluations, checkpoints and final test that are still to come.

Each is reckoned from what its like took so far. What was never done yet takes an unknown time on top: then it is said that the run
takes at least so long. A step that counted the evaluations behind it would say "0.0 s left" before the last of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

RECKON_SECONDS = 2.0
"""How long a stretch must be before the time left is reckoned from it: a guess from the first steps is wild."""
_SHORTEST_SECONDS = 0.05
"""What is shorter would be shown as 0.0 s."""
_KEPT_SHARE = 0.9
_MOST_MARKS = 256


@dataclass(frozen=True)
class Schedule:
    """What a run does beside its steps. Intervals are in steps; the last step is always evaluated and saved.

    `evaluated` and `tested` are what an evaluation and the final test go through, by kind (`rows`, `turns`); {} for no test.
    """

    total_steps: int
    evaluate_every: int
    save_every: int
    evaluated: Mapping[str, int] = field(default_factory=dict)
    tested: Mapping[str, int] = field(default_factory=dict)


class TimeLeft:
    """Learns from what is done; told of it in seconds of one clock."""

    def __init__(self) -> None:
        self.schedule: Schedule | None = None
        self.first_step = 0
        self._phase, self._since = "", 0.0
        self._training_seconds = 0.0
        self._marks: list[tuple[float, int]] = []
        """After how many seconds of training which step was done, oldest first. The first step is behind the first mark: it takes
        far longer than others."""
        self._saving: float | None = None
        self._each: dict[str, float] = {}
        """Seconds a row, or a turn, in the last evaluation."""
        self._kind, self._kind_since, self._done, self._all = "", 0.0, 0, 0
        self._evaluated_step = self.saved_step = 0
        self._is_tested = False

    def enter(self, phase: str, step: int, now: float) -> None:
        """The run goes on to another phase."""
        self._end_part(now)
        if self._phase == "training":
            self._training_seconds += now - self._since
        elif self._phase == "saving":
            # Adding the figures of an evaluation takes far less than a checkpoint, and is no measure of the next one.
            self._saving = max(now - self._since, _KEPT_SHARE * (self._saving or 0.0))
        self._phase, self._since = phase, now
        if phase == "evaluating":
            self._evaluated_step = step
        elif phase == "testing":
            self._is_tested = True

    def begin(self, kind: str, count: int, now: float) -> None:
        """So many rows or turns of the phase follow."""
        self._end_part(now)
        self._kind, self._kind_since, self._done, self._all = kind, now, 0, count

    def advance(self, done: int) -> None:
        """So many of them are done."""
        self._done = done

    def resume_from(self, step: int, is_evaluated: bool) -> None:
        """The run goes on from a step, whose evaluation may be still to come."""
        self.first_step = self.saved_step = step
        self._evaluated_step = step if is_evaluated else step - 1

    def mark(self, step: int, now: float) -> None:
        """Notes how far the run is, now and then."""
        if step <= self.first_step or self.schedule is None:
            return
        self._marks.append((self._trained(now), step))
        if len(self._marks) > _MOST_MARKS:
            self._marks = self._marks[::2]

    def reckon(self, step: int, now: float) -> tuple[float | None, bool]:
        """Seconds left, and whether it is at least so long, for something was never done yet. None where nothing can be said.

        Never shown as 0 while the run is at work: then it takes a time that nobody knows.
        """
        todo = self.schedule
        if todo is None or self._phase == "computing baselines":
            return None, False
        seconds, is_least = 0.0, False
        if step < todo.total_steps:
            each = self._step_seconds(step, now)
            if each is None and self._phase not in ("evaluating", "testing"):
                return None, False
            seconds, is_least = (each or 0.0) * (todo.total_steps - step), each is None
        evaluations, checkpoints = self._to_come(todo, step)
        parts = [self._of(todo.evaluated, evaluations, now), self._current(todo, now)]
        if todo.tested and not self._is_tested:
            parts.append(self._of(todo.tested, 1, now))
        if self._saving is not None:
            parts.append((checkpoints * self._saving, False))
        for part, is_more in parts:
            seconds, is_least = seconds + part, is_least or is_more
        return (seconds, is_least) if seconds >= _SHORTEST_SECONDS else (None, False)

    def _to_come(self, todo: Schedule, step: int) -> tuple[int, int]:
        """Evaluations and checkpoints from this step on. Each evaluation may write one: it may be the best, or take long."""
        last = todo.total_steps
        evaluated = _count(todo.evaluate_every, max(step - 1, self._evaluated_step), last)
        saved = max(evaluated, _count(todo.save_every, max(step - 1, self.saved_step), last))
        return evaluated, saved

    def _current(self, todo: Schedule, now: float) -> tuple[float, bool]:
        """What the phase that the run is in still takes."""
        if self._phase == "saving":
            return (0.0, True) if self._saving is None else (max(0.0, self._saving - (now - self._since)), False)
        counts = {"evaluating": todo.evaluated, "testing": todo.tested}.get(self._phase)
        if counts is None:
            return 0.0, False
        if not self._kind:
            return self._of(counts, 1, now)
        following = list(counts)[list(counts).index(self._kind) + 1 :] if self._kind in counts else []
        seconds, is_least = self._of({kind: counts[kind] for kind in following}, 1, now)
        each = self._seconds_each(self._kind, now)
        if each is None:
            return seconds, True
        return seconds + each * (self._all - self._done), is_least

    def _of(self, counts: Mapping[str, int], times: int, now: float) -> tuple[float, bool]:
        each = [(count, self._seconds_each(kind, now)) for kind, count in counts.items() if count and times]
        known = [count * seconds for count, seconds in each if seconds is not None]
        return times * sum(known), len(known) < len(each)

    def _seconds_each(self, kind: str, now: float) -> float | None:
        """Of the part that the run is at where it is of that kind, else of the last such part."""
        return (now - self._kind_since) / self._done if kind == self._kind and self._done else self._each.get(kind)

    def _end_part(self, now: float) -> None:
        # One that was broken off tells too; what comes behind the last row is its own.
        if self._kind and self._done:
            self._each[self._kind] = (now - self._kind_since) / self._done
        self._kind = ""

    def _trained(self, now: float) -> float:
        return self._training_seconds + (now - self._since if self._phase == "training" else 0.0)

    def _step_seconds(self, step: int, now: float) -> float | None:
        """From the later half of the training so far: a machine that slows down is noticed, one slow step is not all."""
        trained = self._trained(now)
        if not self._marks or trained - self._marks[0][0] < RECKON_SECONDS:
            return None
        middle = (self._marks[0][0] + trained) / 2
        since, at = next(((when, of) for when, of in reversed(self._marks) if when <= middle), self._marks[0])
        if step <= at:
            since, at = self._marks[0]
        return None if step <= at else (trained - since) / (step - at)


def _count(every: int, after: int, last: int) -> int:
    """How many multiples of `every`, and the last step, lie above `after`."""
    if after >= last:
        return 0
    return (last - 1) // every - max(after, 0) // every + 1 if every > 0 else 1
