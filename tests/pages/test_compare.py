"""Compare: empty, the default choice, a choice from the address, differences and scatter."""

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.logged_runs import log_run
from tests.stores import new_store
from trainer_core.store import Store

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "compare.py")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DESCENT_STORE", str(tmp_path / "store"))
    return new_store(tmp_path / "store")


def visit(**query: str) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=60)
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    elements = [*page.title, *page.markdown, *page.caption, *page.error, *page.info]
    return "\n".join(str(element.value) for element in elements).replace("\\", "")


def figure(page: AppTest, number: int = 0) -> Any:
    """What a chart was given: its layout and curves."""
    proto = page.get("bidi_component")[number].proto
    mixed = proto.mixed.json if proto.WhichOneof("data") == "mixed" else proto.json
    return json.loads(json.loads(mixed)["figure"])


def test_an_empty_store_teaches_and_offers_to_train(store: Store) -> None:
    page = visit()
    assert "Nothing to compare yet" in words(page)
    assert page.button[0].label == "Train a model"


def test_without_a_choice_the_newest_runs_lie_over_each_other(store: Store) -> None:
    for number in range(6):
        log_run(store, f"run-{number}", best=0.8 + number / 100)
    page = visit()
    assert "Nothing is chosen: the newest runs on digits are shown." in words(page)
    assert [trace["name"] for trace in figure(page)["data"]] == [f"run-{number}" for number in (5, 4, 3, 2, 1)]
    assert figure(page)["layout"]["title"]["text"] == "Accuracy, validation split"


def test_the_address_is_the_view(store: Store) -> None:
    ids = [log_run(store, f"run-{number}", settings={"learning_rate": 10.0**-number}) for number in (1, 2, 3)]
    chosen = f"{ids[0][:8]},{ids[2][:8]}"
    page = visit(runs=chosen, metric="train/loss", over="epoch", smoothing="0.6", logy="true", setting="learning_rate")
    drawn = figure(page)
    assert [trace["name"] for trace in drawn["data"] if trace.get("showlegend", True)] == ["run-3", "run-1"]
    assert drawn["layout"]["title"]["text"] == "Loss, training"
    assert drawn["layout"]["xaxis"]["title"]["text"] == "Epoch"
    assert drawn["layout"]["yaxis"]["type"] == "log"
    assert len(drawn["data"]) == 4  # each raw curve lies faintly under its smoothed one
    assert "2 runs chosen" in words(page)
    assert figure(page, 1)["layout"]["xaxis"]["type"] == "log"


def test_choosing_writes_the_address(store: Store) -> None:
    log_run(store, "run-1")
    page = visit()
    page.selectbox(key="metric").set_value("eval/loss").run()
    assert page.query_params["metric"] == "eval/loss"
    page.segmented_control(key="over").set_value("minutes").run()
    assert page.query_params["over"] == "minutes"
    assert figure(page)["layout"]["xaxis"]["title"]["text"] == "Minutes"
    page.selectbox(key="metric").set_value("eval/accuracy").run()
    assert "metric" not in page.query_params


def test_only_differing_settings_are_listed(store: Store) -> None:
    log_run(store, "run-1", settings={"learning_rate": 0.1})
    log_run(store, "run-2", settings={"learning_rate": 0.01})
    rows = visit().dataframe[1].value
    assert rows.to_numpy().tolist() == [["Learning rate", "0.01", "0.1"]]


def test_one_run_asks_for_a_second(store: Store) -> None:
    log_run(store, "run-1")
    assert "Choose a second run" in words(visit())


def test_equal_runs_are_said_to_be_equal(store: Store) -> None:
    log_run(store, "run-1")
    log_run(store, "run-2")
    assert "these runs have the same settings" in words(visit())


def test_an_address_that_makes_no_sense_falls_back_to_the_default(store: Store) -> None:
    log_run(store, "run-1")
    page = visit(runs="zzzzzzzz,<b>", metric="no/such", over="years", setting="x")
    assert [trace["name"] for trace in figure(page)["data"]] == ["run-1"]


def test_an_evaluation_on_the_test_split_is_called_so(store: Store) -> None:
    log_run(store, "run-1", settings={"evaluation_split": "test"})
    page = visit()
    assert figure(page)["layout"]["title"]["text"] == "Accuracy, test split"
    assert page.dataframe[0].value["Measured on"].iloc[0] == "test"
