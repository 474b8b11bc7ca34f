"""A launched run carries what is needed to know and to repeat it."""

import shlex
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.stores import end_processes_of, new_store
from trainer_core import jobs
from trainer_core.cli import build_parser
from trainer_core.commands import read_settings
from trainer_core.config import TrainConfig
from trainer_core.errors import DataError, RunError, StoreError
from trainer_core.jobs.summon import supervisor_lock
from trainer_core.recipes import RECIPES
from trainer_core.settings import build_config, read_config, to_params
from trainer_core.store import Store
from trainer_core.tracking import read


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store in which nobody starts runs."""
    return new_store(tmp_path_factory.mktemp("launching") / "store")


def launch(store: Store, config: TrainConfig, recipe: str | None = None, cloned_from: str | None = None) -> read.RunRecord:
    with supervisor_lock(store) as mine:
        assert mine
        return read.get_run(store, jobs.launch(store, config, recipe=recipe, cloned_from=cloned_from))


def test_a_launched_run_waits_with_params_tags_and_a_config_file(store: Store) -> None:
    config = RECIPES["digits"].config.model_copy(update={"learning_rate": 3e-2, "name": "calm-otter-3"})
    run = launch(store, config, recipe="digits", cloned_from="0" * 32)
    assert (run.state, run.name, run.recipe, run.cloned_from) == ("queued", "calm-otter-3", "digits", "0" * 32)
    assert run.params == to_params(config)
    assert read_config(store.config_file(run.run_id)) == config
    assert run.tags["descent.command"] == "python -m trainer_core launch digits --name calm-otter-3 --learning-rate 0.03"
    assert [job.run_id for job in jobs.queue(store)][-1] == run.run_id


def test_a_run_without_a_name_gets_one_that_is_kept_everywhere(store: Store) -> None:
    run = launch(store, RECIPES["digits"].config, recipe="digits")
    assert run.name.count("-") == 2
    assert read_config(store.config_file(run.run_id)).name == run.name == run.params["name"]
    assert run.tags["descent.command"] == "python -m trainer_core launch digits"


def test_data_that_is_not_there_is_refused_before_a_run_exists(store: Store, tmp_path: Path) -> None:
    before = len(read.list_runs(store))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        launch(store, TrainConfig(dataset=str(tmp_path / "empty")))
    assert len(read.list_runs(store)) == before


def test_a_relative_folder_is_kept_as_an_absolute_one(
    store: Store, mnist_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my mnist").symlink_to(mnist_folder)
    monkeypatch.chdir(tmp_path)
    run = launch(store, TrainConfig(dataset="./my mnist", batch_size=64))
    assert run.settings["dataset"] == str(tmp_path / "my mnist")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"learning_rate": 2e-5, "hidden_sizes": (64, 32), "max_steps": 3},
        {"name": "it's a “name”; rm -rf $HOME", "hidden_sizes": ()},
        {"name": "-dash", "eval_steps": 10, "optimizer": "sgd"},
    ],
)
@pytest.mark.parametrize("recipe", ["digits", "mnist"])
def test_the_command_launches_the_same_config(recipe: str, changes: dict[str, object]) -> None:
    config = RECIPES[recipe].config.model_copy(update=changes)
    words = shlex.split(jobs.launch_command(config, recipe))
    assert words[:3] == ["python", "-m", "trainer_core"]
    options = build_parser().parse_args(words[3:])
    given = read_settings(options)
    assert build_config({**RECIPES[options.recipe].config.model_dump(), **given}) == config


def test_a_setting_that_the_recipe_sets_can_be_unset_on_the_command_line() -> None:
    recipe = replace(RECIPES["digits"], config=RECIPES["digits"].config.model_copy(update={"max_steps": 5}))
    assert build_config({**recipe.config.model_dump(), "max_steps": "none"}).max_steps is None


def test_a_folder_named_without_a_slash_is_found_by_the_worker_too(
    store: Store, mnist_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mnist").symlink_to(mnist_folder)
    monkeypatch.chdir(tmp_path)
    assert launch(store, TrainConfig(dataset="mnist")).settings["dataset"] == str(tmp_path / "mnist")


def test_a_run_that_can_t_be_queued_fails_with_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = new_store(tmp_path / "store")

    def refuse(*_arguments: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr("trainer_core.jobs.launching.JobDatabase.add", refuse)
    with pytest.raises(RunError, match="could not be queued: the disk is full"):
        launch(store, TrainConfig(name="unlucky"))
    (run,) = read.list_runs(store)
    assert (run.state, run.reason) == ("failed", "The run could not be queued: the disk is full")


def test_a_damaged_queue_is_named_before_a_run_exists(tmp_path: Path) -> None:
    store = new_store(tmp_path / "store")
    store.jobs_database.write_bytes(b"this is no database, however long one looks at it")
    with pytest.raises(StoreError, match=r"jobs\.db can't be used: file is not a database"):
        launch(store, TrainConfig())
    assert read.list_runs(store) == []


def test_launching_starts_a_supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_SUPERVISOR_IDLE_SECONDS", "0.5")
    store = new_store(tmp_path / "store")
    try:
        run_id = jobs.launch(store, TrainConfig(name="real", epochs=1000))
        for _attempt in range(600):
            if (job := jobs.queue(store)[0]).worker is not None:
                break
            time.sleep(0.1)
        assert job.run_id == run_id
        assert job.state == "running"
    finally:
        end_processes_of(store)
