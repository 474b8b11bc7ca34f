"""Train with texts: shown token by token, refused with a sentence at the field, launched."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.conftest import skip_or_fail
from tests.pages.test_train import choose, page, type_in, words
from trainer_core import jobs
from trainer_core.recipes import RECIPES
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


def rows_of_tokens(page: AppTest) -> list[dict[str, Any]]:
    """What the element that draws tokens was given."""
    (element,) = page.get("bidi_component")
    rows: list[dict[str, Any]] = json.loads(element.proto.json)["rows"]
    return rows


def take_model(page: AppTest, recipe: str, model: str) -> None:
    """Types a model into its select box. AppTest sends offered options only, so it is made to think that it is one."""
    box = page.selectbox(key=f"train/{recipe}/model")
    box.options.append(model)
    box.set_value(model).run()
    assert not page.exception


def test_reviews_are_shown_token_by_token_said_to_be_synthetic_and_launched(page: AppTest, store: Store) -> None:
    page.run()
    choose(page, "reviews")
    assert not page.exception
    said = words(page)
    assert "**4,200** training · **900** validation · **900** test rows" in said
    assert "synthetic: written by a grammar" in said
    assert "Synthetic reviews as the model sees them, token by token" in said
    assert "No text is cut" in said
    assert RECIPES["reviews"].expect in said
    assert "Small GPT **2 × 64**, 4 heads · 140,736 parameters, from scratch" in said
    rows = rows_of_tokens(page)
    assert {row["learned"] for row in rows} == {"negative", "positive"}
    assert len(rows[0]["start"]) > 5
    assert page.code[0].value == "python -m trainer_core launch reviews"
    assert "1,320 steps** · effective batch 32" in said
    page.button(key="launch").click().run()
    assert not page.exception
    (job,) = jobs.queue(store)
    settings = read.get_run(store, job.run_id).settings
    assert (settings["task"], settings["model"], settings["max_length"]) == ("sequence_classification", "small_gpt", 48)


def test_a_shorter_max_length_cuts_texts_at_once(page: AppTest) -> None:
    page.run()
    choose(page, "reviews")
    type_in(page, "reviews", max_length="10")
    assert "of the texts are cut" in words(page)
    rows = rows_of_tokens(page)
    assert any(row["cut"] for row in rows)
    assert all(len(row["start"]) <= 10 for row in rows)
    type_in(page, "reviews", max_length="1")
    said = words(page)
    assert "Max length (max_length) is “1”; it takes a whole number, at least 2" in said
    assert "To mend: Max length" in said
    assert any(text.value.startswith("negative: ") for text in page.text)


def test_a_folder_of_texts_and_a_model_folder_show_what_is_cut_and_what_is_learned(page: AppTest, data_folder: Path) -> None:
    page.run()
    choose(page, "sentiment")
    type_in(page, "sentiment", dataset=str(data_folder / "rotten_tomatoes"))
    take_model(page, "sentiment", str(data_folder / "models" / "stories260K"))
    said = words(page)
    assert "**8,530** training" in said
    assert "learns only the label's token after it" in said
    assert "90 % of the texts are cut" in said
    assert "**stories260K** from a folder · 260,032 parameters" in said
    assert "1,067 steps** · effective batch 8" in said
    assert "Texts as the model sees them" in said
    row = rows_of_tokens(page)[1]
    assert row["end"] == []
    assert len(row["start"]) == 31
    assert "1 learned" in row["words"]
    assert "cut off at the start" in row["words"]
    assert "--model" in page.code[0].value
    assert not page.button(key="launch").disabled


def test_a_hub_model_without_a_network_is_told_at_its_field_and_the_texts_are_still_shown(page: AppTest, data_folder: Path) -> None:
    page.run()
    choose(page, "sentiment")
    type_in(page, "sentiment", dataset=str(data_folder / "rotten_tomatoes"))
    said = words(page)
    assert "The model “gpt2” is not on this machine and the hub can't be reached" in said
    assert "The tokens are shown once the model can be read. To mend: Model." in said
    assert "Mend to launch: Model" in said
    assert any(text.value.startswith("neg: ") for text in page.text)
    assert page.button(key="launch").disabled


def test_a_hub_model_that_the_run_can_download_leaves_the_texts_and_says_so(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from trainer_core.data import hub

    there = hub.HubEntry("descent-tests/no-such-model", "0" * 40, {"config.json": 1, "model.safetensors": 1})
    monkeypatch.setattr(hub, "look_up", lambda kind, name, revision="": there)
    page.run()
    choose(page, "reviews")
    take_model(page, "reviews", "descent-tests/no-such-model")
    said = words(page)
    assert "descent-tests/no-such-model is not on this machine, so there is no preview of its tokens" in said
    assert "Synthetic training texts" in said
    assert any(text.value.startswith("negative: ") for text in page.text)
    assert not page.button(key="launch").disabled


def test_a_folder_without_a_model_is_told_at_the_field(page: AppTest, tmp_path: Path) -> None:
    page.run()
    choose(page, "reviews")
    take_model(page, "reviews", str(tmp_path))
    assert "holds no model: it has no config.json" in words(page)
    take_model(page, "reviews", "/no/such/folder")
    assert "There is no model folder /no/such/folder" in words(page)
    assert page.button(key="launch").disabled


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
    assert "Mend to launch: Dataset" in words(page)
    assert page.button(key="launch").disabled


def test_an_adapter_on_a_model_without_trained_weights_is_refused_at_its_field(page: AppTest) -> None:
    page.run()
    choose(page, "reviews")
    page.selectbox(key="train/reviews/adapter").set_value("lora").run()
    said = words(page)
    assert "has no trained weights to adapt" in said
    assert "Mend to launch: Adapter (in Adapter)" in said
    assert page.button(key="launch").disabled


def test_from_pictures_to_texts_takes_two_clicks_that_stand_at_their_fields(page: AppTest) -> None:
    page.run()
    page.selectbox(key="train/digits/task").set_value("label_token").run()
    said = words(page)
    assert "“digits” holds pictures" in said
    assert "which does not do label_token" in said
    assert "Mend to launch: Model, Dataset" in said or "Mend to launch: Dataset, Model" in said
    page.button(key="train/digits/dataset/remedy").click().run()
    page.button(key="train/digits/model/remedy").click().run()
    assert not page.exception
    said = words(page)
    assert "Synthetic reviews as the model sees them" in said
    assert not page.button(key="launch").disabled


def test_the_hub_is_shown_without_its_token_and_asked_on_demand(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
    page.run()
    choose(page, "reviews")
    [told] = [frame.value for frame in page.dataframe if "Setting" in frame.value and "HF_ENDPOINT" in list(frame.value["Setting"])]
    values = dict(zip(told["Setting"], told["Value"], strict=True))
    assert values["HF_TOKEN"] == "set"
    assert "hf_of_nobody" not in str(values)
    page.button(key="train/hub-check").click().run()
    assert not page.exception
    assert "can't be reached (HF_HUB_OFFLINE is set)" in words(page)
