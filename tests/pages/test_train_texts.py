"""Train with texts: shown token by token, refused with a sentence at the field, launched."""

import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.conftest import skip_or_fail
from tests.pages.test_train import choose, page, type_in, words
from trainer_core import jobs
from trainer_core.store import Store
from trainer_core.tracking import read

__all__ = ["page"]


@pytest.fixture(scope="module")
def data_folder() -> Path:
    """The folder with rotten_tomatoes and small trained models."""
    folder = Path(os.environ.get("DESCENT_TEST_DATA", "../shared/data")).resolve()
    if not (folder / "rotten_tomatoes").is_dir():
        skip_or_fail(f"There is no rotten_tomatoes in {folder}; DESCENT_TEST_DATA names the folder that holds it.")
    return folder


def test_reviews_are_shown_token_by_token_said_to_be_synthetic_and_launched(page: AppTest, store: Store) -> None:
    page.run()
    choose(page, "reviews")
    assert not page.exception
    said = words(page)
    assert "**4,200** training · **900** validation · **900** test rows" in said
    assert "synthetic" in said
    assert "token by token" in said
    assert "none is cut" in said
    assert "**2 layers of 64 units**" in said
    page.button(key="launch").click().run()
    assert not page.exception
    (job,) = jobs.queue(store)
    assert read.get_run(store, job.run_id).settings["task"] == "sequence_classification"


def test_a_folder_of_texts_and_a_model_folder_show_what_is_cut_and_what_is_learned(page: AppTest, data_folder: Path) -> None:
    page.run()
    choose(page, "sentiment")
    type_in(page, "sentiment", dataset=str(data_folder / "rotten_tomatoes"))
    page.session_state["train/sentiment/model"] = str(data_folder / "models" / "stories260K")  # AppTest knows no new options
    page.run()
    assert not page.exception
    said = words(page)
    assert "**8,530** training" in said
    assert "learns only the token after it" in said
    assert "of the texts are longer and lose their start" in said


def test_a_model_that_is_not_here_leaves_the_texts_and_says_so(page: AppTest, data_folder: Path) -> None:
    page.run()
    choose(page, "sentiment")
    type_in(page, "sentiment", dataset=str(data_folder / "rotten_tomatoes"))
    assert "gpt2 is not on this machine" in words(page)
    assert any(text.value.startswith("neg: ") for text in page.text)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (None, "has no train.csv"),
        ("text,label\nfine,1\ngood,1\nnice,1\n", "There is nothing to tell apart"),
        ("text,label\nfine,1\n,0\n", "are empty"),
        ("words,label\nfine,1\nbad,0\n", "has no column “text”"),
    ],
)
def test_a_folder_that_does_not_fit_is_told_at_the_field(page: AppTest, tmp_path: Path, table: str | None, sentence: str) -> None:
    if table is not None:
        (tmp_path / "train.csv").write_text(table, encoding="utf-8")
    page.run()
    choose(page, "sentiment-small")
    type_in(page, "sentiment-small", dataset=str(tmp_path))
    assert sentence in words(page)
    assert page.button(key="launch").disabled


def test_an_adapter_on_a_model_without_trained_weights_is_refused_at_its_field(page: AppTest) -> None:
    page.run()
    choose(page, "reviews")
    page.selectbox(key="train/reviews/adapter").set_value("lora").run()
    assert "has no trained weights to adapt" in words(page)
