"""Playground for chat models: a talk with really trained ones, its searches and hotels, and what can be done with it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.stores import new_store
from tests.trained_texts import TALK_ANSWER, TALK_ASKS, TALK_HOTEL, TALK_NEXT, train_talk
from trainer_core.store import Store

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "playground.py")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, str]:
    folder = tmp_path_factory.mktemp("talk")
    store = new_store(folder / "store")
    return store, train_talk(store, folder / "dialogues")


@pytest.fixture
def page(trained: tuple[Store, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setenv("DESCENT_STORE", str(trained[0].root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    page = AppTest.from_file(PAGE, default_timeout=90)
    page.query_params["run"] = trained[1]
    yield page
    st.cache_resource.clear()


def words(page: AppTest) -> str:
    elements = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(element.value for element in elements).replace("\\", "")


def ask(page: AppTest, text: str) -> None:
    page.chat_input[0].set_value(text).run()
    assert not page.exception


def test_it_offers_beginnings_and_one_of_them_is_answered(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert "begin as one of these users did" in words(page)
    page.button(key="playground/begin-0").click().run()
    assert not page.exception
    assert len(page.chat_message) == 2


def test_a_search_is_a_card_with_the_hotels_and_the_price_is_answered(page: AppTest) -> None:
    page.run()
    ask(page, TALK_ASKS)
    said = words(page)
    assert "search_hotels" in said
    table = page.dataframe[0].value
    assert TALK_HOTEL in table["name"].tolist()
    assert "tokens in" in said
    ask(page, TALK_NEXT)
    assert TALK_ANSWER in words(page)


def test_a_turn_is_tried_again_edited_and_the_talk_begun_anew(page: AppTest) -> None:
    page.run()
    ask(page, TALK_ASKS)
    page.button(key="playground/retry").click().run()
    assert not page.exception
    assert len(page.chat_message) == 2
    page.button(key="playground/edit-turn-0").click().run()
    page.text_area(key="playground/edit-0").set_value("有经济型酒店吗？").run()
    page.button(key="playground/edit-send").click().run()
    assert not page.exception
    said = words(page)
    assert TALK_ASKS not in said
    assert "有经济型酒店吗？" in said
    page.button(key="playground/new-talk").click().run()
    assert not page.chat_message


def test_what_the_model_can_not_read_is_said_and_the_talk_is_kept(page: AppTest) -> None:
    page.run()
    page.chat_input[0].set_value("很" * 4_000).run()
    assert not page.exception
    assert "The last turn takes" in words(page)
    assert len(page.chat_message) == 2


def test_without_hotels_a_sentence_says_where_they_belong(page: AppTest, trained: tuple[Store, str]) -> None:
    hotels = trained[0].root.parent / "dialogues" / "hotels.json"
    aside = hotels.with_suffix(".aside")
    shutil.move(hotels, aside)
    try:
        page.run()
        ask(page, TALK_ASKS)
        assert "There is no hotels.json in" in words(page)
        assert "Nothing was found." in words(page)
    finally:
        shutil.move(aside, hotels)
