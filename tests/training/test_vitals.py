"""How long a run says it still takes."""

import json
from pathlib import Path
from typing import Any

import pytest

from trainer_core.training.time_left import Schedule
from trainer_core.training.vitals import Pulse


class Rehearsal:
    """A pulse whose clock and steps are the test's."""

    def __init__(self, path: Path, total_steps: int, first_step: int = 0) -> None:
        self.now = 1000.0
        self._path = path
        self.pulse = Pulse(path, lambda: self.now)
        self.pulse.plan(Schedule(total_steps, total_steps, total_steps), first_step)
        self.pulse.enter("training")

    def pass_time(self, seconds: float, steps_per_second: float = 0.0) -> float | None:
        """Lets time go by in half seconds, as the pulse beats; returns what it then says is left."""
        begun, steps = self.now, self.pulse.step
        for beat in range(1, round(2 * seconds) + 1):
            self.now = begun + beat / 2
            self.pulse.step = steps + int(beat / 2 * steps_per_second)
            self.pulse._write()
        left: float | None = self.told["seconds_left"]
        return left

    @property
    def told(self) -> dict[str, Any]:
        """What the file says."""
        found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        return found

    def do(self, phase: str, seconds: float) -> None:
        """Goes through a phase."""
        self.pulse.enter(phase)
        self.now += seconds

    def evaluate(self, phase: str, done: int, seconds: float, of: int | None = None) -> float | None:
        """Goes through so many rows of a phase; returns what it then says is left."""
        self.pulse.enter(phase)
        self.pulse.begin("rows", of or done)
        self.now += seconds
        self.pulse.advance(done)
        self.pulse._write()
        left: float | None = self.told["seconds_left"]
        return left


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.json"


def test_nothing_is_said_before_two_seconds_of_steps_are_there_to_reckon_from(path: Path) -> None:
    run = Rehearsal(path, total_steps=1000)
    assert run.pass_time(30) is None  # the first step compiles, warms up, waits for the baselines
    assert run.pass_time(2, steps_per_second=10) is None
    assert run.pass_time(0.5, steps_per_second=10) is not None


def test_a_slow_first_step_does_not_count(path: Path) -> None:
    run = Rehearsal(path, total_steps=1000)
    run.pass_time(40)
    assert run.pass_time(10, steps_per_second=10) == pytest.approx(90, rel=0.02)


def test_a_resumed_run_counts_its_own_steps_only(path: Path) -> None:
    run = Rehearsal(path, total_steps=1000, first_step=900)
    run.pass_time(5)
    assert run.pass_time(5, steps_per_second=10) == pytest.approx(5, rel=0.05)


def test_a_machine_that_slows_down_is_believed_from_then_on(path: Path) -> None:
    run = Rehearsal(path, total_steps=10_000)
    run.pass_time(30, steps_per_second=100)
    assert run.pass_time(40, steps_per_second=10) == pytest.approx(6_600 / 10, rel=0.05)


def test_a_long_run_reckons_as_well_as_a_short_one(path: Path) -> None:
    run = Rehearsal(path, total_steps=100_000)
    assert run.pass_time(3_600, steps_per_second=10) == pytest.approx(6_400, rel=0.01)


def test_a_run_whose_steps_stand_still_goes_by_all_it_has_seen(path: Path) -> None:
    run = Rehearsal(path, total_steps=1000)
    run.pass_time(10, steps_per_second=10)
    left = run.pass_time(30)
    assert left == pytest.approx(40 / 95 * 900, rel=0.05)


def test_what_is_left_counts_evaluations_checkpoints_and_the_final_test(path: Path) -> None:
    run = Rehearsal(path, total_steps=100)
    run.pulse.plan(Schedule(100, evaluate_every=50, save_every=50, evaluated={"rows": 200}, tested={"rows": 400}), 0)
    run.pass_time(2)
    assert run.pass_time(5, steps_per_second=10) == pytest.approx(5, rel=0.1)
    assert run.told["is_least"], "no evaluation was seen yet"
    run.do("saving", 2)
    assert run.evaluate("evaluating", 200, seconds=20) == pytest.approx(5 + 20 + 2 + 40, rel=0.1)
    run.pulse.saved(50)
    run.pulse.enter("training")
    left = run.pass_time(5, steps_per_second=10)
    assert left == pytest.approx(20 + 2 + 40, rel=0.1), "the last step is done, and the most is still to come"
    assert not run.told["is_least"]
    run.do("saving", 2)
    run.pulse.saved(100)
    assert run.evaluate("evaluating", 50, of=200, seconds=5) == pytest.approx(15 + 40, rel=0.1)
    assert (run.told["part"], run.told["part_done"], run.told["part_all"]) == ("rows", 50, 200)
    assert run.evaluate("testing", 100, of=400, seconds=10) == pytest.approx(30, rel=0.1)


def test_nothing_is_called_done_while_it_goes_on(path: Path) -> None:
    run = Rehearsal(path, total_steps=12)
    run.pulse.plan(Schedule(12, 12, 12, evaluated={"rows": 10, "turns": 4}, tested={}), 0)
    run.pass_time(2)
    run.pass_time(2, steps_per_second=6)
    run.do("saving", 1)
    for seconds, done in ((0, 0), (5, 0), (5, 5), (600, 10)):  # behind its last row an evaluation measures, however long
        run.evaluate("evaluating", done, of=10, seconds=seconds)
        assert run.told["seconds_left"] is None or run.told["seconds_left"] > 0.4
    run.pulse.begin("turns", 4)
    run.now += 60
    run.pulse._write()
    assert run.told["is_least"], "none is written yet"
    run.pulse.advance(1)
    run.pulse._write()
    assert run.told["seconds_left"] == pytest.approx(180, abs=2)
    run.pulse.enter("computing baselines")
    run.pulse._write()
    assert run.told["seconds_left"] is None


def test_an_evaluation_behind_a_few_quick_steps_tells_what_it_takes_at_least(path: Path) -> None:
    run = Rehearsal(path, total_steps=100)
    run.pulse.plan(Schedule(100, 10, 10, evaluated={"rows": 200}), 0)
    run.pass_time(1, steps_per_second=10)
    assert run.evaluate("evaluating", 50, of=200, seconds=5) == pytest.approx(15 + 9 * 20, rel=0.1)
    assert run.told["is_least"], "too little was trained to say how long steps take"


def test_a_run_resumed_before_its_evaluation_counts_it(path: Path) -> None:
    run = Rehearsal(path, total_steps=100)
    run.pulse.plan(Schedule(100, 50, 50, evaluated={"rows": 200}, tested={"rows": 400}), 100, is_evaluated=False)
    assert run.evaluate("evaluating", 100, of=200, seconds=10) == pytest.approx(10 + 40, rel=0.1)


def test_a_disk_that_is_away_silences_the_pulse_only_as_long_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "journals" / "progress.json"
    pulse = Pulse(place)
    pulse._write()  # the folder is not there
    place.parent.mkdir()
    pulse._write()
    assert json.loads(place.read_text(encoding="utf-8"))["phase"] == "starting"


def test_a_new_phase_is_written_at_once(path: Path) -> None:
    pulse = Pulse(path)
    pulse.start()
    try:
        pulse.enter("training")
        assert json.loads(path.read_text(encoding="utf-8"))["phase"] == "training"
    finally:
        pulse.end("finished")
