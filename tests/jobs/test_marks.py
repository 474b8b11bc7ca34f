"""Stars, tags and notes: written, read back, removed, refused with a sentence."""

from pathlib import Path

import pytest

from tests.stores import new_store
from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.errors import RunError
from trainer_core.settings import to_params
from trainer_core.store import Store
from trainer_core.tracking import read, write


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path / "store")


@pytest.fixture
def run_id(store: Store) -> str:
    tags = {"descent.recipe": "digits"}
    return write.create_run(store, name="calm-otter-3", experiment="descent", params=to_params(TrainConfig()), tags=tags)


def test_a_star_is_put_on_and_taken_off(store: Store, run_id: str) -> None:
    jobs.star(store, run_id, True)
    assert read.get_run(store, run_id).starred
    assert read.list_runs(store)[0].starred
    jobs.star(store, run_id, False)
    assert not read.get_run(store, run_id).starred
    assert not read.list_runs(store)[0].starred


def test_a_note_is_mlflows_description(store: Store, run_id: str) -> None:
    jobs.note(store, run_id, "  Wider, and it shows.\n酒店 ")
    run = read.get_run(store, run_id)
    assert run.note == run.tags["mlflow.note.content"] == "Wider, and it shows.\n酒店"
    with pytest.raises(RunError, match=r"at most 5,000 characters; this one has 5,001"):
        jobs.note(store, run_id, "x" * 5_001)
    jobs.note(store, run_id, "")
    assert read.get_run(store, run_id).note == ""


def test_tags_have_a_value_or_none(store: Store, run_id: str) -> None:
    jobs.set_label(store, run_id, "final")
    jobs.set_label(store, run_id, "reviewer 2", "agrees")
    assert read.get_run(store, run_id).labels == {"final": "", "reviewer 2": "agrees"}
    jobs.remove_label(store, run_id, "final")
    jobs.remove_label(store, run_id, "descent.recipe")
    run = read.get_run(store, run_id)
    assert run.labels == {"reviewer 2": "agrees"}
    assert run.recipe == "digits", "only users' own tags are removed"


def test_each_returns_what_was_there_before(store: Store, run_id: str) -> None:
    assert [jobs.star(store, run_id, on) for on in (True, True, False)] == [False, True, True]
    assert [jobs.note(store, run_id, text) for text in ("one", "two", "")] == ["", "one", "two"]
    assert [jobs.set_label(store, run_id, "stage", value) for value in ("a", "", "b")] == [None, "a", ""]
    assert [jobs.remove_label(store, run_id, "stage") for _again in range(2)] == ["b", None]


def test_a_value_that_is_too_long_is_refused(store: Store, run_id: str) -> None:
    jobs.set_label(store, run_id, "why", "x" * 500)
    with pytest.raises(RunError, match=r"at most 500 characters; this one has 501"):
        jobs.set_label(store, run_id, "why", "y" * 501)
    assert read.get_run(store, run_id).labels == {"why": "x" * 500}


@pytest.mark.parametrize(
    "name", ["", "descent.recipe", "mlflow.runName", "a=b", "x" * 101, "<b>", "-minus", "two\nlines", "a//b", "a/", "a/../b"]
)
def test_a_name_that_will_not_do_is_refused_with_what_is_accepted(store: Store, run_id: str, name: str) -> None:
    with pytest.raises(RunError, match="can't be a tag's name"):
        jobs.set_label(store, run_id, name)
    assert read.get_run(store, run_id).labels == {}


def test_runs_of_other_programs_are_not_marked(store: Store) -> None:
    foreign = write.create_run(store, name="theirs", experiment="other", params={}, tags={})
    for act in (
        lambda: jobs.star(store, foreign, True),
        lambda: jobs.note(store, foreign, "x"),
        lambda: jobs.set_label(store, foreign, "x"),
        lambda: jobs.remove_label(store, foreign, "x"),
    ):
        with pytest.raises(RunError, match="was not launched by Descent"):
            act()
