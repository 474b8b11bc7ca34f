"""The tab Examples, and training a finished run longer from the page."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.logged_runs import log_run
from tests.pages.test_runs import visit, words
from tests.stores import new_store
from trainer_core.checkpoints import list_checkpoints
from trainer_core.config import TrainConfig
from trainer_core.data import load_data
from trainer_core.predictions import write_predictions
from trainer_core.store import Store
from trainer_core.tracking import tags, write
from trainer_core.tracking.read import get_run

REVIEWS = {"task": "sequence_classification", "dataset": "reviews", "model": "small_gpt"}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DESCENT_STORE", str(tmp_path / "store"))
    return new_store(tmp_path / "store")


def keep(store: Store, run_id: str, settings: dict[str, str], step: int, wrong: int, rows: int = 30) -> None:
    """Predictions of one evaluation, of which the first `wrong` rows are wrong."""
    data = load_data(TrainConfig(**settings))  # type: ignore[arg-type]
    split = data.splits["validation"]
    said = (split.labels[:rows] + (np.arange(rows) < wrong)) % len(data.label_names)
    probabilities = np.eye(len(data.label_names), dtype=np.float32)[said] * 0.9
    ids = [split.example_id(row) for row in range(rows)]
    write_predictions(store, run_id, step, ids, split.labels[:rows], probabilities, data.label_names)


def examples(run_id: str) -> AppTest:
    return visit(run=run_id, tab="Examples")


@pytest.mark.parametrize(("settings", "column"), [(REVIEWS, "Text"), ({"dataset": "digits"}, "Picture")])
def test_examples_show_what_is_wrong_now_and_what_changed(store: Store, settings: dict[str, str], column: str) -> None:
    run_id = log_run(store, "bold-heron-7", settings=settings)
    keep(store, run_id, settings, step=10, wrong=20)
    keep(store, run_id, settings, step=20, wrong=5)
    page = examples(run_id)
    table = page.dataframe[0].value
    assert list(table.columns) == [column, "True label", "Now, step 20", "Sure", "10"]
    assert len(table) == 5
    assert all(said.startswith("✕") for said in table["Now, step 20"])
    assert all(len(str(shown)) > 20 for shown in table[column])
    assert "30 examples of the validation split · 2 evaluations" in words(page)
    page.segmented_control(key="examples-filter").set_value("changed").run()
    assert not page.exception
    changed = page.dataframe[0].value
    assert len(changed) == 12  # of fifteen, a page
    assert all(said.startswith("✓") for said in changed["Now, step 20"])


def test_before_the_first_evaluation_the_tab_teaches(store: Store) -> None:
    assert "No predictions yet" in words(examples(log_run(store, "bold-heron-7")))


def test_without_the_data_the_examples_are_named_by_id_and_the_reason_is_said(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7", settings={"dataset": "/nowhere/mnist"})
    keep(store, run_id, {"dataset": "digits"}, step=10, wrong=3)
    page = examples(run_id)
    assert page.dataframe[0].value.columns[0] == "Example"
    assert "There is no folder /nowhere/mnist" in words(page)


def test_what_a_resumed_run_computes_anew_is_left_out(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7")
    for step in (10, 20):
        keep(store, run_id, {"dataset": "digits"}, step=step, wrong=3)
    write.set_tags(store, run_id, {tags.RESTARTS: '[{"at": 99999999999999, "from_step": 10}]'})
    assert "Now, step 10" in examples(run_id).dataframe[0].value.columns


def test_a_run_says_what_share_is_trained_and_cut_and_that_it_is_synthetic(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7", settings=REVIEWS)
    known = {tags.PARAMETERS: "125000000", tags.TRAINED_PARAMETERS: "300000", tags.CUT_SHARE: "0.0320"}
    write.set_tags(store, run_id, known)
    said = words(visit(run=run_id))
    assert "0.24 % of 125 million parameters are trained" in said
    assert "3.2 % of the training texts are cut at 128 tokens" in said
    assert "synthetic" in said
    assert visit().dataframe[0].value["Dataset"].iloc[0] == "reviews (synthetic)"


def test_a_finished_run_can_be_trained_longer_and_a_wrong_wish_is_a_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from tests.trained_digits import train_digits
    from trainer_core import jobs

    trained, run_id = train_digits(tmp_path / "trained")
    monkeypatch.setenv("DESCENT_STORE", str(trained.root))
    asked: list[tuple[int | None, int | None]] = []
    monkeypatch.setattr(jobs, "resume", lambda _store, _run, step=None, epochs=None: asked.append((step, epochs)))
    last = list_checkpoints(trained, run_id)[-1]
    page = visit(run=run_id)
    assert not [button for button in page.button if button.label == "Resume"]
    assert page.number_input(key="longer-epochs").value == 12
    page.number_input(key="longer-epochs").set_value(20).run()
    page.button(key="longer-go").click().run()
    assert asked == [(last.step, 20)]
    assert get_run(trained, run_id).settings["epochs"] == 8
