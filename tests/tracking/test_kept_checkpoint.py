"""Which checkpoint a run keeps as its best: told by its worker, by its folder, or found by the rule that training went by."""

import json
import math
from pathlib import Path

import pytest

from tests.kept_runs import CHAT, NUMBERS, PICTURES, REGRESSION, TALKS, log_kept_run
from tests.stores import new_store
from tests.tracking_server import Server
from trainer_core.checkpoints import BEST
from trainer_core.store import Store, open_store
from trainer_core.tracking import read, tags, write
from trainer_core.tracking.journal import Journal
from trainer_core.tracking.kept_checkpoint import KeptStep, computed_step
from trainer_core.tracking.records import Restart, best_by_of
from trainer_core.tracking.ship import ship


def test_of_equals_the_first_is_kept_in_the_metrics_own_direction_and_never_what_is_no_number() -> None:
    evaluations = [(10, 1, 0.5), (20, 2, 0.9), (30, 3, 0.9), (40, 4, math.nan)]
    assert computed_step(evaluations, "eval/accuracy", ()) == KeptStep(20)
    assert computed_step(evaluations, "eval/loss", ()) == KeptStep(10)
    assert computed_step([(10, 1, math.nan)], "eval/loss", ()) == KeptStep(None)
    assert computed_step([], "eval/loss", ()) == KeptStep(None)


def test_what_a_restart_superseded_is_kept_no_longer() -> None:
    before = [(10, 1, 0.5), (20, 2, 0.7), (30, 3, 0.6)]
    restart = (Restart(at=10, from_step=20),)
    assert computed_step([*before, (30, 11, 0.65)], "eval/accuracy", restart) == KeptStep(20)
    assert computed_step([*before, (30, 11, 0.8)], "eval/accuracy", restart) == KeptStep(30)
    assert computed_step([*before, (10, 11, 0.4)], "eval/accuracy", (Restart(10, 0),)) == KeptStep(10), "it began again"


def test_which_checkpoint_stood_in_for_a_superseded_best_one_is_not_guessed() -> None:
    before = [(10, 1, 0.6), (20, 2, 0.5), (30, 3, 0.9)]
    restart = (Restart(at=10, from_step=20),)
    assert computed_step([*before, (30, 11, 0.55)], "eval/accuracy", restart) == KeptStep(None, is_known=False)
    assert computed_step([*before, (30, 11, 0.7)], "eval/accuracy", restart) == KeptStep(30), "a better one came"


def test_the_rule_that_a_run_was_launched_with_decides_what_auto_means() -> None:
    assert best_by_of({"task": "regression", "best_metric": "auto"}, {}) == "eval/loss"
    assert best_by_of({"task": "regression", "best_metric": "auto"}, {"descent.rules": "labels best"}) == "eval/rmse"
    assert best_by_of({"task": "regression", "best_metric": "eval/mae"}, {}) == "eval/mae"
    assert best_by_of({"task": "chat", "best_metric": "auto"}, {"descent.rules": "best", tags.BEST_BY: "eval/loss"}) == "eval/loss"
    assert best_by_of({}, {}) == "eval/accuracy"


def test_a_runs_folder_says_which_was_kept_where_no_tag_does(tmp_path: Path) -> None:
    store = new_store(tmp_path / "store")
    run_id = log_kept_run(store, "old", NUMBERS, 30, settings=REGRESSION, is_told=False)
    run = read.get_run(store, run_id)
    assert (run.kept_step, run.headline) == (30, 0.55), "a better one could not be written, say: the folder knows"
    (store.checkpoints(run_id) / BEST).unlink()
    assert read.get_run(store, run_id).kept_step == 30, "the last stands in, as the playground has it"
    other = log_kept_run(store, "told", NUMBERS, 10, settings=REGRESSION)
    (store.checkpoints(other) / BEST).write_text(json.dumps({"step": 20}))
    assert read.get_run(store, other).kept_step == 10


def test_before_a_checkpoint_is_chosen_there_is_no_headline(tmp_path: Path) -> None:
    store = new_store(tmp_path / "store")
    run_id = log_kept_run(store, "waits", PICTURES, 20, has_folder=False)
    write.set_tags(store, run_id, {tags.KEPT_STEP: tags.NONE_KEPT})
    run = read.get_run(store, run_id)
    assert (run.kept_step, run.headline, run.kept_is_known) == (None, None, True)
    assert run.best["eval/accuracy"] == 0.95


def test_a_metric_that_was_not_measured_at_the_kept_step_is_taken_from_no_other(tmp_path: Path) -> None:
    store = new_store(tmp_path / "store")
    run_id = log_kept_run(store, "gap", {10: {"loss": 0.2}, 20: {"loss": 0.3, "accuracy": 0.9}}, 10)
    run = read.get_run(store, run_id)
    assert (run.kept, run.headline, run.best["eval/accuracy"]) == ({"eval/loss": 0.2}, None, 0.9)


def test_a_database_and_a_server_agree_on_what_is_kept(
    store: Store, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    far = open_store(tmp_path / "far")
    found = []
    for own in (store, far):
        log_kept_run(own, "told", PICTURES, 20, settings={"best_metric": "eval/loss"})
        log_kept_run(own, "old", NUMBERS, 20, settings=REGRESSION, is_told=False)
        log_kept_run(own, "gone", TALKS, 20, settings=CHAT, is_told=False, has_folder=False)
        resumed = log_kept_run(own, "resumed", NUMBERS, 20, settings=REGRESSION, is_told=False, has_folder=False)
        lost = log_kept_run(own, "lost", NUMBERS, 20, settings=REGRESSION, is_told=False, has_folder=False)
        for run_id, step, loss in ((resumed, 20, 0.25), (lost, 10, 0.6)):
            journal = Journal(own.journal(run_id))
            journal.restart(step)
            journal.metrics({"eval/loss": loss, "eval/rmse": 0.5}, step=30, epoch=3.0, samples=30)
            journal.close()
            ship(own, run_id, 0)
        runs = read.list_runs(own)
        found.append({run.name: (run.best_by, run.kept_step, run.kept_is_known, run.headline, dict(run.kept)) for run in runs})
        assert all(read.get_run(own, run.run_id) == run for run in runs)
    assert found[0] == found[1]
    assert {name: told[1:4] for name, told in found[0].items()} == {
        "told": (20, True, 0.88),
        "old": (20, True, 0.6),
        "gone": (20, True, 0.3),
        "resumed": (30, True, 0.5),
        "lost": (None, False, None),
    }
