"""Playground for texts: what really trained runs answer, one text, several, and pairs."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.stores import new_store
from tests.trained_texts import train_pairs, train_reviews
from trainer_core.store import Store

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "playground.py")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, str, str]:
    folder = tmp_path_factory.mktemp("texts")
    store = new_store(folder / "store")
    return store, train_pairs(store, folder / "pairs"), train_reviews(store)


@pytest.fixture
def page(trained: tuple[Store, str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setenv("DESCENT_STORE", str(trained[0].root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    page = AppTest.from_file(PAGE, default_timeout=90)
    page.query_params["run"] = trained[2]
    yield page
    st.cache_resource.clear()


def words(page: AppTest) -> str:
    elements = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(element.value for element in elements).replace("\\", "")


def shown_tokens(page: AppTest) -> str:
    """The tokens and words that are handed to the element which sets them as text alone, put together."""
    (element,) = page.get("bidi_component")
    rows = json.loads(element.proto.json)["rows"]
    return "\n".join("".join(row["start"]) + row["words"] for row in rows)


def test_an_example_is_answered_from_the_start_and_called_synthetic(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert page.text_input(key="playground/text").value
    said = words(page)
    assert "It says **" in said
    assert "right]" in said or "wrong]" in said
    assert "synthetic" in said
    assert page.get("plotly_chart")
    assert page.expander[0].label == "What the model saw"


def test_a_typed_text_is_answered_without_a_button(page: AppTest) -> None:
    page.run()
    page.text_input(key="playground/text").set_value("The plot was wonderful & <b>witty</b>.").run()
    assert not page.exception
    said = words(page)
    assert "It says **" in said
    assert "right]" not in said
    assert "<b>" in shown_tokens(page)
    assert not page.get("html")
    page.text_input(key="playground/text").set_value("  ").run()
    assert "It says" not in words(page)
    assert "Type a text, or take an example." in words(page)


def test_an_example_is_one_click(page: AppTest) -> None:
    page.run()
    example = [button for button in page.button if str(button.key).startswith("playground/example-")][1]
    example.click().run()
    assert not page.exception
    text = page.text_input(key="playground/text").value
    assert str(text)[:40] in example.label.replace("\\", "")
    before = [button.key for button in page.button]
    page.button(key="playground/other-texts").click().run()
    assert [button.key for button in page.button] != before


def test_a_text_that_is_too_long_is_said_to_be_cut(page: AppTest) -> None:
    page.run()
    page.text_input(key="playground/text").set_value("dull " * 100).run()
    assert "cut off at the start, since max length is 32" in shown_tokens(page)


def test_several_lines_make_a_table(page: AppTest) -> None:
    page.session_state["playground/text-input"] = "many"
    page.run()
    page.text_area(key="playground/texts").set_value("The plot was wonderful.\n\nThe cast was dull.\n 电影 ").run()
    assert not page.exception
    table = page.dataframe[0].value
    assert list(table["Text"]) == ["The plot was wonderful.", "The cast was dull.", "电影"]
    assert set(table["It says"]) <= {"negative", "positive"}
    assert (table["Probability"] >= 50).all()
    page.text_area(key="playground/texts").set_value("\n".join(["dull"] * 205)).run()
    assert "the first 200 are asked" in words(page)
    assert len(page.dataframe[0].value) == 200


def test_a_run_on_pairs_takes_two_texts(page: AppTest, trained: tuple[Store, str, str]) -> None:
    page.query_params["run"] = trained[1]
    page.run()
    assert not page.exception
    assert "It says **" in words(page)
    page.text_input(key="playground/second").set_value("").run()
    assert "Give both texts" in words(page)
    page.session_state["playground/text-input"] = "many"
    page.run()
    page.text_area(key="playground/texts").set_value("one\ntwo").run()
    assert "2 first texts and 0 second ones" in words(page)
    page.text_area(key="playground/seconds").set_value("one\nthree").run()
    assert not page.exception
    assert list(page.dataframe[0].value["Second text"]) == ["one", "three"]


def test_a_damaged_checkpoint_of_texts_gives_a_sentence(
    trained: tuple[Store, str, str], tmp_path: Path, page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained[0].root, copy)
    monkeypatch.setenv("DESCENT_STORE", str(copy))
    for weights in copy.rglob("model.safetensors"):
        weights.write_bytes(weights.read_bytes()[:-10] + b"0123456789")
    page.run()
    assert not page.exception
    assert "is damaged" in words(page)
