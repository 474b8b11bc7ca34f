"""Runs: empty, live, queued, over, failed, and what can be done with each."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.components.charts import loss_figure
from tests.logged_runs import log_run
from tests.pages.drawn import figure, numbers
from tests.stores import end_processes_of, new_store
from trainer_core import jobs
from trainer_core.batch_in_force import Smaller, format_smaller
from trainer_core.jobs.database import JobDatabase
from trainer_core.jobs.summon import lock_file, supervisor_lock
from trainer_core.store import Store
from trainer_core.tracking.read import get_run, list_deleted, list_runs, metric_history
from trainer_core.tracking.tags import SMALLER
from trainer_core.tracking.write import create_run, set_tags
from trainer_core.training.ending import Ending

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "runs.py")


@pytest.fixture
def unattended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that no supervisor is at work for."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DESCENT_STORE", str(tmp_path / "store"))
    return new_store(tmp_path / "store")


@pytest.fixture
def store(unattended: Store) -> Iterator[Store]:
    """A store whose supervisor does nothing: what waits goes on waiting."""
    with supervisor_lock(unattended):
        yield unattended


def visit(**query: str) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=60)
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    """Everything the page says, without Markdown's escapes."""
    elements = [*page.title, *page.markdown, *page.caption, *page.error, *page.warning, *page.info, *page.code]
    return "\n".join(str(element.value) for element in elements).replace("\\", "")


def test_an_empty_store_teaches_and_offers_to_train(store: Store) -> None:
    page = visit()
    assert "No runs yet" in words(page)
    assert [button.label for button in page.button] == ["Train a model"]


def test_history_lists_what_is_over_and_the_search_narrows_it(store: Store) -> None:
    log_run(store, "bold-heron-7")
    log_run(store, "calm-owl-2", settings={"dataset": "/data/mnist"})
    page = visit()
    rows = page.dataframe[0].value
    assert list(rows["Name"]) == ["calm-owl-2", "bold-heron-7"]
    assert rows["State"].iloc[0] == ["✓ finished"]
    assert rows["Result"].iloc[0] == pytest.approx(90.0, abs=2.0)
    page.text_input(key="search").set_value("mnist").run()
    assert list(page.dataframe[0].value["Name"]) == ["calm-owl-2"]
    page.text_input(key="search").set_value("nothing like it").run()
    assert "No run fits the search." in words(page)


def test_a_running_run_has_a_card_with_progress_and_a_way_to_stop_it(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7", state="running")
    write_progress(store, run_id, time.time())
    page = visit()
    assert page.button(key=f"open-{run_id}").label == "**bold\\-heron\\-7**"
    assert page.button(key=f"stop-{run_id}").label == "Stop"
    said = words(page)
    assert "running" in said
    assert "Best checkpoint so far: accuracy" in said
    assert "Step 420 of 1,180 · epoch 10.5 of 30 · about 2 min left" in page.get("progress")[0].proto.text.replace("\\", "")


def test_a_run_that_is_not_heard_of_is_called_silent(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7", state="running")
    write_progress(store, run_id, time.time() - 60)
    assert "silent" in words(visit())
    said = words(visit(run=run_id))
    assert "silent" in said
    assert "Nothing has been heard of the run for a while" in said


def test_a_stopped_run_says_what_was_left_out(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7", state="stopped", reason=Ending(False, 1_440, left_out="evaluation").reason)
    assert "Stopped at step 1,440, with a checkpoint to go on from. The evaluation of that step was left out." in words(
        visit(run=run_id)
    )


def test_the_queue_can_be_reordered_and_left(store: Store) -> None:
    first, second = (queued(store, name) for name in ("first-1", "second-2"))
    page = visit()
    said = words(page)
    assert said.index("first-1") < said.index("second-2")
    page.button(key=f"first-{second}").click().run()
    assert words(page).index("second-2") < words(page).index("first-1")
    page.button(key=f"cancel-{first}").click().run()
    assert get_run(store, first).state == "stopped"
    assert list(page.dataframe[0].value["Name"]) == ["first-1"]


def test_an_open_run_shows_its_figures_and_curves(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7")
    page = visit(run=run_id)
    assert page.title[0].value.replace("\\", "") == "bold-heron-7"
    figures = {metric.label: metric.value for metric in page.metric}
    assert figures["Logistic regression"] == "96.30 %"
    assert figures["Time"] == "1 min"
    assert len(page.get("bidi_component")) >= 4


@pytest.mark.parametrize(("axis", "last"), [("step", 40), ("epoch", 4.0), ("samples", 40 * 32)])
def test_the_curves_of_an_open_run_reach_as_far_as_it_came_over_any_axis(store: Store, axis: str, last: float) -> None:
    run_id = log_run(store, "bold-heron-7", steps=40)
    page = AppTest.from_file(PAGE, default_timeout=60)
    page.query_params["run"] = run_id
    page.session_state["axis"] = axis
    page.run()
    for number in range(2):
        for line in figure(page, number)["data"]:
            assert numbers(line["x"])[-1] == pytest.approx(last)


def test_settings_show_what_differs_from_the_recipe_first(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7", settings={"learning_rate": 0.05})
    page = visit(run=run_id, tab="Settings")
    differences = page.dataframe[0].value
    rate = differences[differences["Setting"] == "Learning rate"].iloc[0]
    assert (rate["Recipe"], rate["This run"]) == ("2e-3", "0.05")
    assert len(page.dataframe[1].value) >= 28


def test_the_log_is_shown_letter_by_letter_without_colour_codes(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7")
    store.log(run_id).write_text("10 %\r50 %\r100 %\n\x1b[31m<b>:red[x]\x1b[0m\n")
    assert "100 %\n<b>:red[x]" in words(visit(run=run_id, tab="Log"))


def test_a_failed_run_says_why_and_shows_its_log_on_demand(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7", state="failed", reason="The loss exploded at step 2. Divide the learning rate by ten.")
    store.log(run_id).write_text("last words\n")
    page = visit(run=run_id)
    assert page.error[0].value.replace("\\", "") == "The loss exploded at step 2. Divide the learning rate by ten."
    assert page.expander[0].label == "Show log"
    assert "last words" in words(page)
    assert not [button for button in page.button if button.label == "Resume"]  # there is no checkpoint to go on from


def test_archiving_can_be_undone_on_the_spot(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7")
    page = visit(run=run_id)
    page.button(key="archive").click().run()
    assert "bold-heron-7** is archived" in words(page)
    assert get_run(store, run_id).archived
    assert not page.dataframe
    page.button(key="undo").click().run()
    assert not get_run(store, run_id).archived
    assert list(page.dataframe[0].value["Name"]) == ["bold-heron-7"]


def test_archived_runs_show_on_demand_and_can_be_restored(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7")
    page = visit(run=run_id)
    page.button(key="archive").click().run()
    page.toggle(key="archived").set_value(True).run()
    assert list(page.dataframe[0].value["Name"]) == ["bold-heron-7"]
    page = visit(run=run_id)
    page.button(key="restore").click().run()
    assert not get_run(store, run_id).archived


def test_a_run_can_be_renamed_and_an_empty_name_is_refused_with_a_sentence(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7")
    page = visit(run=run_id)
    rename(page, "*mine* <b>")
    assert get_run(store, run_id).name == "*mine* <b>"
    assert page.title[0].value == "\\*mine\\* \\<b\\>"
    rename(page, "   ")
    assert "1 to 200 characters" in words(page)


def test_a_run_that_is_gone_gives_a_sentence(store: Store) -> None:
    assert "There is no run" in words(visit(run="0" * 32))


def test_foreign_runs_stand_behind_a_filter_and_cannot_be_changed(store: Store) -> None:
    log_run(store, "ours-1")
    run_id = create_run(store, name="theirs-1", experiment="elsewhere", params={"lr": "0.1"}, tags={})
    from trainer_core.tracking.write import set_state

    set_state(store, run_id, "finished")
    page = visit()
    assert list(page.dataframe[0].value["Name"]) == ["ours-1"]
    page.toggle(key="elsewhere").set_value(True).run()
    assert set(page.dataframe[0].value["Name"]) == {"ours-1", "theirs-1"}
    page = visit(run=run_id)
    assert "was not launched here" in words(page)
    assert not [button for button in page.button if button.label in ("Archive", "Resume", "Clone into the form")]


def queued(store: Store, name: str) -> str:
    run_id = log_run(store, name, state="queued", steps=0)
    JobDatabase(store.jobs_database).add(run_id)
    return run_id


def test_looking_at_runs_that_wait_starts_the_supervisor_that_was_killed(unattended: Store) -> None:
    queued(unattended, "bold-heron-7")
    try:
        visit()
        end = time.monotonic() + 30
        while not lock_file(unattended).read_text().strip().isdigit():
            assert time.monotonic() < end, "no supervisor came"
            time.sleep(0.05)
    finally:
        end_processes_of(unattended)


def rename(page: AppTest, name: str) -> None:
    page.text_input[0].set_value(name)
    next(button for button in page.button if button.label == "Rename").click().run()
    assert not page.exception


def write_progress(store: Store, run_id: str, moment: float) -> None:
    progress = {
        "time": moment,
        "phase": "training",
        "step": 420,
        "total_steps": 1180,
        "epoch": 10.5,
        "epochs": 30,
        "samples_per_second": 900.0,
        "seconds_left": 120.0,
        "started": moment - 60,
        "pid": 1,
    }
    store.progress(run_id).write_text(json.dumps(progress))


def test_a_deleted_run_comes_back_at_once_or_later_and_goes_for_good_after_a_question(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7")
    kept = log_run(store, "calm-owl-2")
    page = visit(run=run_id)
    page.button(key="delete").click().run()
    assert "bold-heron-7 is deleted" in words(page).replace("*", "")
    page.button(key="undo").click().run()
    assert list(page.dataframe[0].value["Name"]) == ["calm-owl-2", "bold-heron-7"]

    page = visit(run=run_id)
    page.button(key="delete").click().run()
    page.session_state["disk"] = True
    page.run()
    assert "1 deleted run still takes" in words(page)
    assert "free on the disk" in words(page)
    assert "can't be undone" in words(page)
    assert store.journal(run_id).exists()
    page.button(key="purge").click().run()
    assert not page.exception
    assert not store.journal(run_id).exists()
    assert [run.run_id for run in list_runs(store)] == [kept]
    assert list_deleted(store) == []


def test_a_batch_made_smaller_is_told_and_marked(store: Store) -> None:
    run_id = log_run(store, "bold-heron-7")
    made = Smaller(at=1, step=20, memory="machine", batch_size=16, accumulation_steps=2, eval_batch_size=256)
    set_tags(store, run_id, {SMALLER: format_smaller([made])})
    page = visit(run=run_id)
    assert "the machine's memory ran out, the run takes 16 examples at a time, 2 times a step" in words(page)
    assert "A step still sees 32, as launched" in words(page)
    figure = loss_figure(metric_history(store, [run_id], ["train/loss"]), smaller=get_run(store, run_id).smaller)
    assert [note.text for note in figure.layout.annotations] == ["batch of 16"]


def test_little_room_on_the_disk_is_said_while_there_is_some(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    log_run(store, "bold-heron-7", state="running")
    assert "free on the disk" not in words(visit())
    monkeypatch.setattr(jobs, "free_bytes", lambda _store: 123_000_000)
    page = visit()
    assert "Only 123 MB are free on the disk" in words(page)
    assert "points wait in memory" in words(page)
