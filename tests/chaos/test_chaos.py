"""The short form of `python -m tests.chaos`: a few kills of real runs, and a small storm. Nothing may be broken."""

from pathlib import Path

import pytest

from tests.chaos.evaluations import GRACE_SECONDS, stop_and_kill_in_evaluations
from tests.chaos.kills import Damage, end_all, kill_and_resume
from tests.chaos.storm import storm
from tests.stores import new_store


@pytest.mark.timeout(600)
def test_killed_runs_end_as_if_nothing_had_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_SPARE", "on")
    store = new_store(tmp_path / "store")
    try:
        damage = kill_and_resume(store, kills=3, seed=11)
    finally:
        end_all(store)
    assert damage == Damage(kills=3), damage.notes


@pytest.mark.timeout(600)
def test_runs_stopped_and_killed_in_long_evaluations_lose_no_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_GRACE_SECONDS", str(GRACE_SECONDS))
    store = new_store(tmp_path / "store")
    try:
        damage = stop_and_kill_in_evaluations(store, ("stop", "kill"), seed=3, epochs=1, written_turns=8)
    finally:
        end_all(store)
    assert damage == Damage(kills=2), damage.notes


def test_no_point_is_lost_in_a_storm(tmp_path: Path) -> None:
    told = storm(new_store(tmp_path / "store"), writers=3, points=2_000)
    assert (told["points_lost"], told["launches_lost"], told["lock_errors"], told["first_error"]) == (0, 0, 0, "")
    assert told["launches"] == 20
    assert told["reads"] > 0
