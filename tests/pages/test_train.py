"""Train: from a recipe, through what the data and the form say, to a queued run."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.trained_digits import DIGITS
from trainer_core import jobs
from trainer_core.errors import DataError
from trainer_core.foreseen import Foreseen
from trainer_core.jobs.summon import supervisor_lock
from trainer_core.recipes import RECIPES
from trainer_core.settings import to_params
from trainer_core.store import Store
from trainer_core.tracking import read, tags, write

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "train.py")


@pytest.fixture
def page(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """The page over an empty store whose queue stands still: no run starts, so no process is left behind."""
    monkeypatch.setenv("DESCENT_STORE", str(store.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with supervisor_lock(store) as free:
        assert free
        yield AppTest.from_file(PAGE, default_timeout=60)


def words(page: AppTest) -> str:
    """Everything the page says, without Markdown's escapes."""
    elements = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(element.value for element in elements).replace("\\", "")


def choose(page: AppTest, recipe: str) -> None:
    page.button(key=f"train/choose/{recipe}").click().run()


def type_in(page: AppTest, recipe: str, **texts: str) -> None:
    for name, text in texts.items():
        page.text_input(key=f"train/{recipe}/{name}").set_value(text)
    page.run()
    assert not page.exception


def test_a_first_visit_shows_recipes_data_model_and_what_a_launch_does(page: AppTest) -> None:
    page.run()
    assert not page.exception
    said = words(page)
    for recipe in RECIPES.values():
        assert recipe.title in said
        assert recipe.learns in said
    assert RECIPES["digits"].expect in said
    assert "**1,257** training · **270** validation · **270** test rows" in said
    assert "64-256-128-10** · 50,826 parameters" in said
    assert "1,200 steps** · effective batch 32" in said
    assert len(page.image) == 10
    assert "Nothing differs from the recipe digits" in said
    assert page.code[0].value == "python -m trainer_core launch digits"
    assert not page.button(key="launch").disabled


def test_a_launch_with_a_changed_setting_queues_that_run_and_keeps_the_form(page: AppTest, store: Store) -> None:
    page.run()
    type_in(page, "digits", learning_rate="3e-2", name="slow boat")
    assert "Learning rate: 2e-3 → **3e-2**" in words(page)
    assert "--learning-rate 0.03" in page.code[0].value
    page.button(key="launch").click().run()
    assert not page.exception
    (record,) = read.list_runs(store)
    assert (record.name, record.state, record.recipe, record.cloned_from) == ("slow boat", "queued", "digits", None)
    assert record.settings["learning_rate"] == 0.03
    assert [job.run_id for job in jobs.queue(store)] == [record.run_id]
    assert "Queued as **slow boat**" in words(page)
    assert page.text_input(key="train/digits/learning_rate").value == "3e-2"
    assert page.text_input(key="train/digits/name").value == ""  # a name is for one run
    type_in(page, "digits", learning_rate="4e-2")
    assert "Queued as" not in words(page)
    assert not page.button(key="launch").disabled


def test_problems_are_said_at_their_fields_and_stop_the_launch(page: AppTest) -> None:
    page.run()
    type_in(page, "digits", learning_rate="0", epochs="few", dropout="2")
    said = words(page)
    assert "Learning rate (learning_rate) is “0”; it takes a number, above 0." in said
    assert "Epochs (epochs) is “few”" in said
    assert "Dropout (dropout) is “2”" in said
    assert "Mend to launch" in said
    assert "Dropout (in Model)" in said
    assert page.button(key="launch").disabled


def test_a_batch_larger_than_the_data_is_said_at_the_batch_size(page: AppTest) -> None:
    page.run()
    type_in(page, "digits", batch_size="5000")
    assert "Batch size (batch_size) is 5,000, more than the 1,257 training rows" in words(page)
    assert page.button(key="launch").disabled


def test_each_recipe_keeps_what_was_typed_over_it(page: AppTest) -> None:
    page.run()
    type_in(page, "digits", epochs="7")
    choose(page, "mnist")
    assert page.text_input(key="train/mnist/epochs").value == "5"
    choose(page, "digits")
    assert page.text_input(key="train/digits/epochs").value == "7"


def test_all_changes_are_taken_back_at_once(page: AppTest) -> None:
    page.run()
    type_in(page, "digits", epochs="7", seed="1")
    next(button for button in page.button if button.label == "Take all of it back").click().run()
    assert page.text_input(key="train/digits/epochs").value == "30"
    assert "Nothing differs" in words(page)


def test_a_hub_dataset_without_a_network_says_which_folder_would_do(page: AppTest) -> None:
    page.run()
    choose(page, "mnist")
    assert not page.exception
    assert "is not on this machine" in words(page)
    assert "four IDX" in words(page)
    assert page.button(key="launch").disabled


def test_a_folder_without_idx_files_is_said_at_the_field(page: AppTest, tmp_path: Path) -> None:
    page.run()
    choose(page, "mnist")
    (tmp_path / "pictures").mkdir()
    type_in(page, "mnist", dataset=str(tmp_path / "pictures"))
    assert "lacks all four IDX files" in words(page)
    type_in(page, "mnist", dataset=str(tmp_path / "nowhere"))
    assert "There is no folder" in words(page)
    assert page.button(key="launch").disabled


def test_mnist_from_a_folder_is_shown_as_the_model_sees_it(page: AppTest, mnist_folder: Path) -> None:
    page.run()
    choose(page, "mnist")
    type_in(page, "mnist", dataset=f" {mnist_folder} ")
    said = words(page)
    assert "**60,000** training · **10,000** test rows" in said
    assert "784-256-128-64-10** · 242,762 parameters" in said
    assert "pixels from -0.42 to 2.82" in said
    assert "4,690 steps" in said
    assert "Evaluated on the test split" in said
    assert not page.button(key="launch").disabled


def test_a_folder_that_was_mended_is_seen_at_once(page: AppTest, tmp_path: Path, mnist_folder: Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    for file in sorted(mnist_folder.iterdir())[1:]:
        shutil.copy(file, folder)
    page.run()
    choose(page, "mnist")
    type_in(page, "mnist", dataset=str(folder))
    assert "lacks t10k-images-idx3-ubyte.gz" in words(page)
    shutil.copy(sorted(mnist_folder.iterdir())[0], folder)
    page.run()
    assert "**60,000** training" in words(page)


def a_finished_run(store: Store, found: dict[str, str]) -> str:
    run_id = write.create_run(store, name="brisk-otter-1", experiment="descent", params=to_params(DIGITS), tags=found)
    write.set_state(store, run_id, "finished")
    return run_id


def test_a_clone_starts_from_the_settings_of_its_run(page: AppTest, store: Store) -> None:
    run_id = a_finished_run(store, {tags.RECIPE: "digits"})
    page.session_state["clone_from"] = run_id
    page.run()
    assert not page.exception
    assert "Cloned from **brisk-otter-1**" in words(page)
    assert page.text_input(key=f"train/{run_id}/hidden_sizes").value == "64"
    assert page.text_input(key=f"train/{run_id}/name").value == ""
    assert "Nothing differs from brisk-otter-1" in words(page)
    page.text_input(key=f"train/{run_id}/epochs").set_value("9").run()
    assert "Epochs: 8 → **9**" in words(page)
    page.button(key="launch").click().run()
    newest = read.list_runs(store)[0]
    assert (newest.cloned_from, newest.recipe, newest.settings["epochs"]) == (run_id, "digits", 9)


def test_cloning_a_run_that_is_gone_is_said_and_the_form_stays(page: AppTest) -> None:
    page.session_state["clone_from"] = "0" * 32
    page.run()
    assert not page.exception
    assert "There is no run" in words(page)
    assert page.text_input(key="train/digits/epochs").value == "30"


def test_a_recipe_card_says_how_long_the_recipe_took_here(page: AppTest, store: Store) -> None:
    config = RECIPES["digits"].config
    found = {tags.RECIPE: "digits", tags.SEGMENTS: "[[0, 14000]]"}
    run_id = write.create_run(store, name="calm-fern-2", experiment="descent", params=to_params(config), tags=found)
    page.run()
    assert "Took" not in words(page)
    write.set_state(store, run_id, "finished")
    a_finished_run(store, {tags.RECIPE: "digits", tags.SEGMENTS: "[[0, 99000]]"})  # with other settings: no measure for the recipe
    page.run()
    assert "Took 14 s here" in words(page)


def test_the_foot_says_how_long_a_run_like_it_took_here(page: AppTest, store: Store) -> None:
    config = RECIPES["digits"].config.model_copy(update={"epochs": 15, "learning_rate": 0.5})
    found = {tags.SEGMENTS: "[[0, 14000]]", "descent.total_steps": "600", tags.RECIPE: "digits"}
    run_id = write.create_run(store, name="calm-fern-2", experiment="descent", params=to_params(config), tags=found)
    write.set_state(store, run_id, "finished")
    page.run()
    assert "1,200 steps** · effective batch 32 · about 28 s here" in words(page)
    type_in(page, "digits", hidden_sizes="2048")
    assert "about" not in words(page).split("effective batch")[1]


def test_a_model_whose_checkpoints_do_not_fit_is_told_before_the_launch(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    page.run()
    assert not page.warning
    monkeypatch.setattr(jobs, "free_bytes", lambda _store: 200_000)
    page.run()
    (warning,) = page.warning
    assert "A checkpoint of this model takes about" in warning.value
    assert "200 kB are free" in warning.value
    assert "keep fewer checkpoints" in warning.value


def test_a_dry_run_tells_time_memory_and_disk_and_goes_stale_with_the_settings(page: AppTest) -> None:
    page.run()
    type_in(page, "digits", epochs="2")
    page.button(key="dry-run").click().run()
    end = time.monotonic() + 120
    while "Measured over" not in words(page):
        assert time.monotonic() < end, words(page)
        assert not page.exception
        time.sleep(0.5)
        page.run()
    figures = {metric.label: metric.value for metric in page.metric}
    assert set(figures) >= {"Whole run", "Samples a second", "Peak memory", "Disk"}
    assert figures["Peak memory"].endswith(("MB", "GB"))
    (foot,) = [line for line in words(page).splitlines() if "effective batch" in line]
    assert f"[dry run](#dry-run): {figures['Whole run']}, " in foot
    assert foot.endswith("B of memory")
    type_in(page, "digits", epochs="3")
    assert "The dry run was of other settings" in words(page)
    assert "Whole run" not in {metric.label for metric in page.metric}
    type_in(page, "digits", epochs="2")
    assert "Measured over" in words(page)


def test_what_does_not_fit_is_mended_with_a_click(page: AppTest) -> None:
    page.run()
    config = RECIPES["digits"].config.model_copy(update={"batch_size": 64, "name": ""})
    type_in(page, "digits", batch_size="64")
    page.session_state["train/dry-run/asked"] = config
    page.session_state["train/dry-run/found"] = Foreseen(
        False, 3, 600, 0, (0, 0), None, None, (5e9, 5e9, 5e9), None, available=4e9, beside=True
    )
    page.run()
    said = words(page)
    assert "It does not fit: 4.0 GB of memory are free. These take less:" in said
    assert "Another run was at work beside it" in said
    assert "effective batch 64 · :red[:material/memory:] [It does not fit into memory](#dry-run)" in said
    assert [metric.value for metric in page.metric if metric.label == "Peak memory"] == ["over 5.0 GB"]
    page.button(key="dry-run/remedy-0").click().run()
    assert not page.exception
    assert page.text_input(key="train/digits/batch_size").value == "32"
    assert "The dry run was of other settings" in words(page)


def test_a_dry_run_of_data_that_is_not_there_says_so(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    page.run()

    def refuse(*_arguments: object) -> None:
        raise DataError("There is no folder /gone. Give another.")

    monkeypatch.setattr(jobs, "start_dry_run", refuse)
    page.button(key="dry-run").click().run()
    assert "There is no folder /gone" in words(page)
