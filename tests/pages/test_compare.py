"""Compare: empty, the default choice, a choice from the address, differences and scatter."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.logged_runs import log_run
from tests.pages.drawn import figure
from tests.stores import new_store
from trainer_core.store import Store
from trainer_core.tracking import write
from trainer_core.tracking.write import delete_run

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


def test_an_empty_store_teaches_and_offers_to_train(store: Store) -> None:
    page = visit()
    assert "Nothing to compare yet" in words(page)
    assert page.button[0].label == "Train a model"


def test_without_a_choice_the_newest_runs_lie_over_each_other(store: Store) -> None:
    for number in range(6):
        log_run(store, f"run-{number}", best=0.8 + number / 100)
    page = visit()
    assert "Nothing is chosen: the newest runs on digits are shown." in words(page)
    assert [trace["name"] for trace in figure(page)["data"] if not trace.get("meta")] == [
        f"run-{number}" for number in (5, 4, 3, 2, 1)
    ]
    assert figure(page)["layout"]["title"]["text"] == "Accuracy, validation split"


def test_the_address_is_the_view(store: Store) -> None:
    ids = [log_run(store, f"run-{number}", settings={"learning_rate": 10.0**-number}) for number in (1, 2, 3)]
    chosen = f"{ids[0][:8]},{ids[2][:8]}"
    page = visit(
        runs=chosen, metrics="train/loss", over="epoch", smoothing="0.6", logy="true", below="What matters", setting="learning_rate"
    )
    drawn = figure(page)
    assert [trace["name"] for trace in drawn["data"] if trace.get("showlegend", True)] == ["run-3", "run-1"]
    assert drawn["layout"]["title"]["text"] == "Loss, training"
    assert drawn["layout"]["xaxis"]["title"]["text"] == "Epoch"
    assert drawn["layout"]["yaxis"]["type"] == "log"
    assert len(drawn["data"]) == 4  # each raw curve lies faintly under its smoothed one
    assert "2 of 3 runs chosen" in words(page)
    assert figure(page, 1)["layout"]["xaxis"]["type"] == "log"


def test_choosing_writes_the_address(store: Store) -> None:
    log_run(store, "run-1")
    page = visit()
    page.multiselect(key="metrics").set_value(["eval/loss"]).run()
    assert page.query_params["metrics"] == "eval/loss"
    page.segmented_control(key="over").set_value("minutes").run()
    assert page.query_params["over"] == "minutes"
    assert figure(page)["layout"]["xaxis"]["title"]["text"] == "Minutes, pauses left out"
    page.multiselect(key="metrics").set_value(["eval/accuracy", "loss"]).run()
    assert "metrics" not in page.query_params, "the default is left out"


def test_only_differing_settings_are_listed(store: Store) -> None:
    log_run(store, "run-1", settings={"learning_rate": 0.1})
    log_run(store, "run-2", settings={"learning_rate": 0.01})
    rows = visit().dataframe[1].value
    assert rows.to_numpy().tolist() == [["Settings", "Learning rate", "0.01", "0.1"]]


def test_one_run_asks_for_a_second(store: Store) -> None:
    log_run(store, "run-1")
    assert "Choose a second run" in words(visit())


def test_equal_runs_are_said_to_be_equal(store: Store) -> None:
    log_run(store, "run-1")
    log_run(store, "run-2")
    assert "these runs have the same settings" in words(visit())


def test_an_address_whose_runs_are_gone_says_so_and_shows_none_in_their_place(store: Store) -> None:
    ids = [log_run(store, f"run-{number}") for number in (1, 2)]
    page = visit(runs="zzzzzzzz,<b>", group="batch_size")
    [warning] = [str(element.value) for element in page.warning]
    assert "2 runs that the address names are not here: zzzzzzzz, " in warning
    assert "None is shown in their place." in warning
    assert not page.get("bidi_component")
    assert page.query_params["runs"], "the address stays what it was"
    assert list(table(page)["Name"]) == ["run-2", "run-1"], "others can be chosen"
    delete_run(store, ids[0])
    page = visit(runs=f"{ids[0][:8]},{ids[1][:8]}")
    assert [trace["name"] for trace in figure(page)["data"] if not trace.get("meta")] == ["run-2"]
    assert ids[0][:8] in str(page.warning[0].value)
    page.button(key="gone").click().run()
    assert not page.warning
    assert page.query_params["runs"] == ids[1][:8]


def test_adding_a_column_swaps_no_other(store: Store) -> None:
    for rate in (0.5, 0.25):
        log_run(store, f"rate-{rate}", settings={"learning_rate": rate})
    page = visit()
    columns = page.multiselect(key="columns")
    assert "learning_rate" in columns.value
    columns.set_value([*columns.value, "train/learning_rate"]).run()
    shown = table(page)
    assert (list(shown["Learning rate"]), list(shown["Learning rate, logged"])) == ([0.25, 0.5], [1e-3, 1e-3])
    page.multiselect(key="columns").set_value([*page.multiselect(key="columns").value, "epochs"]).run()
    assert list(table(page)["Learning rate"]) == [0.25, 0.5]


def test_an_address_that_makes_no_sense_falls_back_to_the_default(store: Store) -> None:
    log_run(store, "run-1")
    page = visit(metrics="no/such", over="years", columns="x|y", where="z:1:<b>", group="nothing", pin="q")
    assert [trace["name"] for trace in figure(page)["data"] if not trace.get("meta")] == ["run-1"]


def test_an_evaluation_on_the_test_split_is_called_so(store: Store) -> None:
    log_run(store, "run-1", settings={"evaluation_split": "test"})
    page = visit()
    assert figure(page)["layout"]["title"]["text"] == "Accuracy, test split"


def table(page: AppTest) -> Any:
    return page.dataframe[0].value


def test_the_table_is_searched_ranged_and_its_columns_chosen(store: Store) -> None:
    for number in range(4):
        log_run(
            store, f"run-{number}", best=0.6 + number / 10, settings={"learning_rate": 10.0**-number, "batch_size": 8 << number}
        )
    page = visit()
    page.text_input(key="search").set_value("accuracy>0.75 -run-3").run()
    assert list(table(page)["Name"]) == ["run-2"]
    page = visit(where="learning_rate:0.05:1", columns="batch_size|eval/loss|tags")
    assert list(table(page)["Name"]) == ["run-1", "run-0"]
    assert list(table(page)["Batch size"]) == [16, 8]
    assert {"Loss", "Tags"} <= set(table(page).columns)
    page = visit(search="zzzz")
    assert "No run fits the search" in words(page)


def test_runs_are_grouped_with_the_seed_left_out(store: Store) -> None:
    for number in range(4):
        log_run(store, f"run-{number}", best=0.6 + number / 10, settings={"batch_size": 8 if number < 2 else 64, "seed": number})
    page = visit(group="batch_size|seed")
    assert page.multiselect(key="group").value == ["batch_size"]
    assert [trace["name"] for trace in figure(page)["data"]] == ["Batch size 8 (2 runs)"] * 2 + ["Batch size 64 (2 runs)"] * 2
    groups = page.dataframe[1].value
    assert list(groups["Runs"]) == [2, 2]
    assert list(groups["Best run"]) == ["run-1", "run-3"]
    assert "4 runs in 2 groups" in words(page)


def test_chosen_runs_are_starred_tagged_noted_and_put_away_with_undo(store: Store) -> None:
    one, other = log_run(store, "run-1"), log_run(store, "run-2")
    page = visit(runs=one[:8])
    page.button(key="star").click().run()
    assert list(table(page)["★"]) == ["★", ""], "a chosen run stands first"
    page = visit(runs=f"{one[:8]},{other[:8]}")
    page.button(key="really-Archive").click().run()
    assert "2 runs are archived." in words(page)
    page.button(key="undo").click().run()
    assert sorted(table(page)["Name"]) == ["run-1", "run-2"]
    page = visit(runs=f"{one[:8]},{other[:8]}")
    page.button(key="really-Delete").click().run()
    assert "Nothing to compare yet" in words(page)
    page.button(key="undo").click().run()
    assert not page.exception
    assert sorted(table(page)["Name"]) == ["run-1", "run-2"]


def test_a_failed_run_and_one_that_has_not_logged_are_no_trouble(store: Store) -> None:
    ids = [log_run(store, "waits", state="queued", steps=0), log_run(store, "broke", state="failed", steps=0, reason="Disk full.")]
    page = visit(runs=",".join(run_id[:8] for run_id in ids))
    assert "Nothing to compare yet" in words(page)
    ids.append(log_run(store, "n" * 200))
    page = visit(runs=",".join(run_id[:8] for run_id in ids), below="What matters", view="parallel")
    assert not page.error
    assert max(len(trace["name"]) for trace in figure(page)["data"]) < 60


def test_settings_matter_in_three_charts(store: Store) -> None:
    for number in range(6):
        log_run(
            store,
            f"run-{number}",
            best=0.6 + number / 20,
            settings={"learning_rate": 10.0 ** -(number % 3), "batch_size": 8 << (number // 3)},
        )
    kinds = {view: figure(visit(below="What matters", view=view), 2)["data"][0]["type"] for view in ("scatter", "parallel", "heat")}
    assert kinds == {"scatter": "scatter", "parallel": "parcoords", "heat": "heatmap"}


def test_what_a_chart_picks_is_chosen_in_the_table(store: Store) -> None:
    ids = [log_run(store, f"run-{number}", settings={"learning_rate": 10.0**-number}) for number in range(3)]

    def script() -> None:
        import streamlit as st

        from pages.components.compare_table import choose

        if not st.session_state.get("done"):
            st.session_state["done"] = True
            choose(st.session_state["ids"], 3)

    page = AppTest.from_function(script)
    page.session_state["ids"] = [ids[0], ids[2], ids[0]]
    page.run()
    assert page.query_params["runs"] == f"{ids[0][:8]},{ids[2][:8]}"


def test_a_clone_is_told_beside_the_differences(store: Store) -> None:
    parent = log_run(store, "run-1", best=0.8, settings={"learning_rate": 0.1})
    child = log_run(store, "run-2", best=0.9, settings={"learning_rate": 0.01})
    write.set_tags(store, child, {"descent.cloned_from": parent})
    assert "run-2 is a clone of run-1: Learning rate 0.1 → 0.01 · Accuracy" in words(visit()).replace("*", "")
