"""What an earlier version wrote opens, resumes, predicts and reruns to the figures that version gave."""

import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.label_roads import ask_zip
from tests.stores import end_processes_of
from trainer_core import jobs
from trainer_core.checkpoints import find_checkpoint
from trainer_core.cli import main
from trainer_core.data import load_data
from trainer_core.handing_in.rerun import rerun
from trainer_core.inference.predict import LoadedCheckpoints
from trainer_core.jobs.summon import supervisor_lock
from trainer_core.settings import read_config
from trainer_core.store import Store, open_store
from trainer_core.tracking import read
from trainer_core.tracking.journal import Journal, read_records

ARCHIVE = Path(__file__).parent / "old_stores" / "e27261d.zip"
CLOSE = 2e-3
"""Sums round differently from one processor to the next, and training carries that on."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the unpacked archive."""
    folder = tmp_path_factory.mktemp("e27261d")
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(folder)
    yield folder
    end_processes_of(open_store(folder / "store", environment={}))


@pytest.fixture(scope="module")
def old(home: Path) -> Store:
    return open_store(home / "store", environment={})


@pytest.fixture(scope="module")
def figures(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / "figures.json").read_text(encoding="utf-8"))
    return found


def run_id_of(store: Store, name: str) -> str:
    return read.find_run(store, name).run_id


def test_all_runs_are_there_with_their_figures_and_without_rules(old: Store, figures: dict[str, Any]) -> None:
    runs = {run.name: run for run in read.list_runs(old)}
    assert set(runs) == {"digits", "classes", "number", "lines", "talk"}
    for name, run in runs.items():
        config = run.config()
        assert config is not None
        assert config.rules == read_config(old.config_file(run.run_id)).rules == ()
        for metric, value in figures["runs"][name]["metrics"].items():
            assert run.metrics[metric] == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("name", ["digits", "classes", "number", "lines", "talk"])
def test_the_rows_of_an_old_run_are_those_it_was_trained_on(old: Store, name: str) -> None:
    run = read.find_run(old, name)
    data = load_data(read_config(old.config_file(run.run_id)), old.datasets)
    assert data.digest == run.tags["descent.dataset_digest"]
    assert data.label_names == find_checkpoint(old, run.run_id, "best").label_names


def test_a_checkpoint_with_permuted_names_answers_as_before_and_says_so(old: Store, figures: dict[str, Any]) -> None:
    run_id = run_id_of(old, "classes")
    checkpoint = find_checkpoint(old, run_id, "best")
    asked = [one["input"] for one in figures["asked"]]
    names, shares = LoadedCheckpoints(old).predict_texts(run_id, checkpoint.step, asked)
    for row, one in zip(shares, figures["asked"], strict=True):
        assert dict(zip(names, map(float, row), strict=True)) == pytest.approx(one["probabilities"], abs=1e-4)
        assert names[int(row.argmax())] == one["label"]
    assert asked[0] == "row 30 tells of two and two again"
    assert figures["asked"][0]["label"] == "10.0"
    assert "“10.0” is the label 2" in checkpoint.naming_problem
    for name in ("digits", "number", "talk"):
        assert find_checkpoint(old, run_id_of(old, name), "best").naming_problem == ""


def test_the_playground_and_the_command_say_it_beside_the_answer(
    old: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DESCENT_STORE", str(old.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    page = AppTest.from_file(str(Path(__file__).parents[1] / "pages" / "playground.py"), default_timeout=90)
    page.query_params["run"] = "classes"
    page.run()
    assert not page.exception
    assert any("carry each other's names" in warning.value.replace("\\", "") for warning in page.warning)
    st.cache_resource.clear()  # the warm worker ends
    page = AppTest.from_file(str(Path(__file__).parents[1] / "pages" / "runs.py"), default_timeout=90)
    page.query_params["run"] = run_id_of(old, "classes")
    page.run()
    assert not page.exception
    assert any("carry each other's names" in warning.value.replace("\\", "") for warning in page.warning)
    assert main(["--store", str(old.root), "predict", "classes", "--text", "row 30 tells of two and two again"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("row 30 tells of two and two again: 10.0")
    assert "“10.0” is the label 2" in told.err


def test_an_exported_model_still_answers(home: Path, figures: dict[str, Any], tmp_path: Path) -> None:
    with zipfile.ZipFile(home / "classes-model.zip") as archive:
        archive.extractall(tmp_path)
    [folder] = tmp_path.iterdir()
    assert ask_zip(folder, [one["input"] for one in figures["asked"]]) == [one["label"] for one in figures["asked"]]


@pytest.mark.parametrize("name", ["classes", "lines"])
def test_a_bundle_reruns_to_its_figures(home: Path, name: str) -> None:
    judged = rerun(home / f"{name}-bundle.zip")
    for claimed, now in judged.figures.values():
        assert now == pytest.approx(claimed, abs=CLOSE * max(1.0, abs(claimed)))
    assert judged.same_predictions in (None, 1.0)


@pytest.mark.parametrize("name", ["classes", "lines", "number"])
def test_a_run_goes_on_to_the_figures_it_would_have_had(old: Store, figures: dict[str, Any], name: str) -> None:
    from trainer_core.training.vitals import Pulse
    from trainer_core.training.worker import train

    run_id = run_id_of(old, name)
    step = find_checkpoint(old, run_id, "last").step
    config = read_config(old.config_file(run_id)).model_copy(update={"epochs": {"classes": 16}.get(name, 3)})
    journal = Journal(old.journal(run_id))
    try:
        assert train(old, run_id, config, journal, Pulse(old.progress(run_id)), threading.Event(), resume_from=step)
    finally:
        journal.close()
    last: dict[str, float] = {}
    for record, _end in read_records(old.journal(run_id)):
        if record["kind"] == "metrics":
            last |= record["values"]
    assert read_config(old.config_file(run_id)).rules == ()
    for metric, value in figures["resumed"][name]["metrics"].items():
        assert float(last[metric]) == pytest.approx(value, abs=CLOSE * max(1.0, abs(value))), metric


def test_train_longer_keeps_the_rules_of_the_run(old: Store) -> None:
    run_id = run_id_of(old, "digits")
    with supervisor_lock(old) as mine:  # nobody starts it
        assert mine
        assert jobs.resume(old, run_id, epochs=3) == 80
        assert read_config(old.config_file(run_id)).rules == ()
        jobs.stop(old, run_id)
