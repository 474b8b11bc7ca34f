"""What is done with chosen runs: live ones are left alone, the others put away together and brought back together."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.logged_runs import log_run
from tests.stores import new_store
from trainer_core import jobs
from trainer_core.errors import RunError
from trainer_core.store import Store
from trainer_core.tracking import read, write


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DESCENT_STORE", str(tmp_path / "store"))
    return new_store(tmp_path / "store")


def bar() -> None:
    import streamlit as st

    from pages.components.comparison import from_address
    from pages.components.marks_bar import marks_bar
    from pages.components.run_actions import offer_undo
    from pages.components.session import current_store
    from trainer_core.tracking.read import list_runs

    store = current_store()
    offer_undo(store)
    marks_bar(store, from_address(st.query_params.get("runs", ""), list_runs(store, archived=True, foreign=True)))


def choose(*run_ids: str) -> AppTest:
    page = AppTest.from_function(bar, default_timeout=60)
    page.query_params["runs"] = ",".join(run_id[:8] for run_id in run_ids)
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*page.markdown, *page.caption, *page.error]).replace("\\", "")


def keys(page: AppTest) -> set[str]:
    return {str(button.key) for button in page.button}


def names(store: Store) -> list[str]:
    return sorted(run.name for run in read.list_runs(store))


def test_several_runs_are_asked_about_by_name_put_away_and_brought_back(store: Store) -> None:
    ids = [log_run(store, f"run-{number}", steps=10) for number in range(3)]
    page = choose(*ids[:2])
    assert "2 runs: run-1, run-0" in words(page)
    page.button(key="really-Delete").click().run()
    assert names(store) == ["run-2"]
    assert "2 runs are deleted." in words(page)
    assert "runs" not in page.query_params, "what is gone is not chosen"
    page.button(key="undo").click().run()
    assert names(store) == ["run-0", "run-1", "run-2"]
    assert page.query_params["runs"] == ",".join(run_id[:8] for run_id in ids[:2]), "the choice comes back with them"
    assert "undo" not in keys(page)


def test_a_run_left_stays_chosen(store: Store) -> None:
    over, live = log_run(store, "over", steps=10), log_run(store, "live", steps=10, state="running")
    page = choose(over, live)
    assert "1 run is at work or waits: stop it before putting it away." in words(page)
    assert "1 run: over" in words(page)
    page.button(key="really-Archive").click().run()
    assert names(store) == ["live"]
    assert page.query_params["runs"] == live[:8]
    assert not {"really-Archive", "really-Delete"} & keys(page)


def test_one_that_can_not_go_is_named_and_keeps_no_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = log_run(store, "one", steps=10), log_run(store, "other", steps=10)
    page = choose(one, other)
    archive = jobs.archive

    def resumed_just_now(store: Store, run_id: str) -> None:
        if run_id == other:
            raise RunError("other is running: stop it before archiving it.")
        archive(store, run_id)

    monkeypatch.setattr(jobs, "archive", resumed_just_now)
    page.button(key="really-Archive").click().run()
    assert names(store) == ["other"]
    assert "**one** is archived." in words(page)
    assert "other is running: stop it before archiving it." in words(page)
    page.button(key="undo").click().run()
    assert names(store) == ["one", "other"]
    assert "is running" not in words(page)


def test_an_archived_run_is_restored(store: Store) -> None:
    run_id = log_run(store, "run", steps=10)
    jobs.archive(store, run_id)
    choose(run_id).button(key="restore").click().run()
    assert names(store) == ["run"]


def test_runs_are_tagged_together_and_a_tag_is_taken_off(store: Store) -> None:
    ids = [log_run(store, f"run-{number}", steps=10) for number in range(2)]
    page = choose(*ids)
    page.text_input[0].set_value("stage")
    page.text_input[1].set_value("*one*")
    next(button for button in page.button if button.label == "Tag 2 runs").click().run()
    assert [run.labels for run in read.list_runs(store)] == [{"stage": "*one*"}] * 2
    page = choose(ids[0])
    page.button(key="untag-0").click().run()
    assert [read.get_run(store, run_id).labels for run_id in ids] == [{}, {"stage": "*one*"}]


def test_a_name_that_will_not_do_is_said_where_it_was_typed(store: Store) -> None:
    page = choose(log_run(store, "run", steps=10))
    page.text_input[0].set_value("mlflow.runName")
    next(button for button in page.button if button.label == "Tag the run").click().run()
    assert "can't be a tag's name" in words(page)


def test_a_note_and_a_name_are_for_one_run(store: Store) -> None:
    ids = [log_run(store, f"run-{number}", steps=10) for number in range(2)]
    page = choose(ids[0])
    page.text_area[0].set_value("Wider.")
    next(button for button in page.button if button.label == "Save").click().run()
    assert read.get_run(store, ids[0]).note == "Wider."
    page = choose(ids[0])
    next(field for field in page.text_input if field.label == "New name").set_value("calm-otter-9")
    next(button for button in page.button if button.label == "Rename").click().run()
    assert read.get_run(store, ids[0]).name == "calm-otter-9"
    assert not choose(*ids).text_area


def test_runs_of_other_programs_are_only_looked_at(store: Store) -> None:
    page = choose(write.create_run(store, name="theirs", experiment="other", params={}, tags={}))
    assert not page.button
    assert "were not launched here" in words(page)


def test_runs_of_other_programs_among_the_chosen_are_named_as_left_out(store: Store) -> None:
    ours = log_run(store, "ours", steps=10)
    theirs = write.create_run(store, name="theirs", experiment="other", params={}, tags={})
    page = choose(ours, theirs)
    said = "Left out, since it was not launched here: theirs. What is done below is done to the other 1 chosen."
    assert said in words(page)
    page.button(key="star").click().run()
    assert said in words(page)
    assert read.get_run(store, ours).starred
    assert not read.get_run(store, theirs).starred
    page.text_input[0].set_value("final")
    next(button for button in page.button if button.label == "Tag the run").click().run()
    assert read.get_run(store, ours).labels == {"final": ""}
    assert read.get_run(store, theirs).labels == {}
    assert "Left out" not in words(choose(ours))
