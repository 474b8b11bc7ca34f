"""One headline: wherever a run is told, it is its main metric at the checkpoint that is kept, not the best of all evaluations."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from pages.components.comparison import result_of, results_of
from pages.components.differences import clone_lines
from pages.components.run_export import export_frame
from pages.components.run_groups import group_rows, group_runs
from pages.components.run_query import find
from tests.kept_runs import CHAT, NUMBERS, PICTURES, REGRESSION, TALKS, log_kept_run
from tests.pages.test_compare import visit as visit_compare
from tests.pages.test_compare import words
from tests.pages.test_runs import visit as visit_runs
from tests.stores import new_store
from trainer_core.checkpoints import find_checkpoint
from trainer_core.cli import main
from trainer_core.handing_in.model_zip import write_card
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord, find_run, list_runs


@dataclass(frozen=True)
class Told:
    """A run's main metric by key and label, its value as pages and command line write it, and the best of all, which is another."""

    key: str
    label: str
    value: float
    page: str
    command: str
    best: str


RUNS = {
    "by-loss": Told("eval/accuracy", "Accuracy", 0.88, "88.00 %", "accuracy 0.8800", "95.00 %"),
    "talk": Told("eval/slot_f1", "Slots of searches, F1", 0.55, "55.00 %", "slots of searches, F1 0.5500", ""),
    "old-talk": Told("eval/slot_f1", "Slots of searches, F1", 0.3, "30.00 %", "slots of searches, F1 0.3000", "55.00 %"),
    "number": Told("eval/rmse", "RMSE", 0.55, "0.5500", "RMSE 0.5500", ""),
    "old-number": Told("eval/rmse", "RMSE", 0.6, "0.6000", "RMSE 0.6000", "0.5500"),
    "old-gone": Told("eval/rmse", "RMSE", 0.6, "0.6000", "RMSE 0.6000", "0.5500"),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A run kept by its loss, a chat and a regression, of today and of before; of the last one the checkpoints are gone."""
    store = new_store(tmp_path_factory.mktemp("headline") / "store")
    parent = log_kept_run(store, "by-loss", PICTURES, 20, settings={"best_metric": "eval/loss"})
    log_kept_run(store, "talk", TALKS, 30, settings=CHAT)
    log_kept_run(store, "old-talk", TALKS, 20, settings=CHAT, is_told=False)
    log_kept_run(store, "number", NUMBERS, 30, settings=REGRESSION)
    log_kept_run(store, "old-number", NUMBERS, 20, settings=REGRESSION, is_told=False)
    log_kept_run(store, "old-gone", NUMBERS, 20, settings=REGRESSION, is_told=False, has_folder=False)
    log_kept_run(store, "works", PICTURES, 20, settings={"best_metric": "eval/loss"}, state="running")
    clone = {"descent.cloned_from": parent}
    log_kept_run(store, "clone", {10: {"loss": 0.1, "accuracy": 0.89}, 20: {"loss": 0.2, "accuracy": 0.99}}, 10, tags=clone)
    return store


@pytest.fixture(autouse=True)
def _shown(runs: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_STORE", str(runs.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def records(store: Store) -> dict[str, RunRecord]:
    return {run.name: run for run in list_runs(store)}


@pytest.mark.parametrize("name", RUNS)
def test_a_runs_page_tells_it_and_the_best_of_all_beside_it_where_that_differs(runs: Store, name: str) -> None:
    figures = {metric.label: metric.value for metric in visit_runs(run=find_run(runs, name).run_id).metric}
    assert figures[RUNS[name].label] == RUNS[name].page
    assert figures.get("Best of all", "") == RUNS[name].best


def test_a_running_runs_card_tells_the_best_checkpoint_so_far() -> None:
    assert "Best checkpoint so far: accuracy 88.00 %, validation split" in words(visit_runs())


def test_the_table_of_runs_tells_it_of_every_task() -> None:
    rows = visit_runs().dataframe[0].value.set_index("Name")["Result"]
    assert {name: rows[name] for name in RUNS} == pytest.approx(
        {name: told.value * (100 if told.page.endswith("%") else 1) for name, told in RUNS.items()}
    )


def test_compare_tells_it_in_its_table_its_groups_and_its_clones(runs: Store) -> None:
    found = records(runs)
    frame = visit_compare().dataframe[0].value.set_index("Name")
    for name, told in RUNS.items():
        head = told.label + (" (%)" if told.page.endswith("%") else "")
        assert frame.loc[name, head] == pytest.approx(told.value * (100 if head.endswith("(%)") else 1)), name
    assert results_of([found["number"], found["old-number"]])[0] == "eval/rmse", "the main metric is the first column"
    group = group_rows(group_runs([found["number"], found["old-number"]], ["task"]), "eval/rmse", "validation").iloc[0]
    assert (group["Lowest"], group["Highest"]) == (0.55, 0.6)
    [(_name, _parent, changes)] = clone_lines([found["clone"]], list(found.values()))
    assert "+1.00 points" in changes


def test_a_search_and_an_export_go_by_it(runs: Store) -> None:
    found = list_runs(runs)
    assert {run.name for run in find(found, "accuracy>0.88")} == {"clone"}
    assert {run.name for run in find(found, "rmse<0.58")} == {"number"}
    rows = export_frame(found).set_index("name")
    for name, told in RUNS.items():
        assert rows.loc[name, f"kept/{told.key}"] == told.value == rows.loc[name, "headline"]
    assert rows.loc["old-number", "best/eval/rmse"] == 0.55
    assert rows.loc["old-number", "kept_step"] == 20


def test_the_command_line_tells_it_in_words_and_as_json(runs: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--store", str(runs.root), "runs"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    for name, told in RUNS.items():
        assert told.command in lines[name]
    assert main(["--store", str(runs.root), "runs", "--json"]) == 0
    told_runs = {run["name"]: run for run in map(json.loads, capsys.readouterr().out.splitlines())}
    for name, told in RUNS.items():
        assert (told_runs[name]["main_metric"], told_runs[name]["headline"]) == (told.key, told.value)


@pytest.mark.parametrize("name", [name for name in RUNS if name != "old-gone"])
def test_waiting_and_the_models_card_tell_it(runs: Store, capsys: pytest.CaptureFixture[str], name: str) -> None:
    from trainer_core.commands import _wait

    run = find_run(runs, name)
    checkpoint = find_checkpoint(runs, run.run_id, "best")
    assert checkpoint.metrics[RUNS[name].key] == result_of(run, RUNS[name].key) == RUNS[name].value
    told = {"kind": "picture", "labels": ["0", "1"], "threshold": None}
    card = write_card(run, checkpoint, checkpoint.config(), told)
    assert card.split("| --- | --- |\n")[1].startswith(f"| {RUNS[name].key.replace('_', chr(92) + '_')} (step {checkpoint.step}) |")
    assert _wait(runs, run.run_id, name, "descent") == 0
    said = capsys.readouterr().out
    assert f"Best checkpoint: step {checkpoint.step}, {RUNS[name].command.rstrip('0')}." in said


def test_a_card_of_another_checkpoint_does_not_have_the_best_ones_test(tmp_path: Path) -> None:
    store = new_store(tmp_path / "store")
    tested = {**PICTURES, 20: {**PICTURES[20]}}
    run_id = log_kept_run(store, "by-loss", tested, 20, settings={"best_metric": "eval/loss"})
    run = next(run for run in list_runs(store) if run.run_id == run_id)
    run = RunRecord(**{**vars(run), "metrics": {**run.metrics, "test/accuracy": 0.87}})
    cards = {
        which: write_card(run, checkpoint, checkpoint.config(), {"kind": "picture", "labels": [], "threshold": None})
        for which in ("best", 30)
        if (checkpoint := find_checkpoint(store, run_id, which))
    }
    assert "0.8700" in cards["best"]
    assert "0.8700" not in cards[30]
    assert "which is that of step 20" in cards[30]
