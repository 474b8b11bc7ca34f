"""A talk in a real browser: a search and its hotels, a second question, two checkpoints beside each other, a stopped stream."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Dashboard, pick
from tests.stores import end_processes_of, new_store
from tests.trained_texts import TALK_ANSWER, TALK_ASKS, TALK_HOTEL, TALK_NEXT, train_talk
from trainer_core.store import Store, open_store
from trainer_core.tracking import read

SETTLED = "[data-test-script-state=notRunning]"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that knows its dialogues by heart, and one that has hardly begun."""
    folder = tmp_path_factory.mktemp("talk")
    store = new_store(folder / "store")
    train_talk(store, folder / "dialogues")
    train_talk(store, folder / "dialogues", name="mute-vole-5", epochs=1)
    end_processes_of(store)
    return store.root


@pytest.fixture
def store(trained: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of them: a moved store opens."""
    shutil.copytree(trained, tmp_path / "store")
    store = open_store(tmp_path / "store", environment={})
    yield store
    end_processes_of(store)


def say(page: Page, text: str) -> None:
    field = page.get_by_test_id("stChatInputTextArea")
    field.fill(text)
    field.press("Enter")


def test_the_road_of_a_talk(dashboard: Dashboard, page: Page) -> None:
    run_id = read.find_run(dashboard.store, "chatty-crow-4").run_id
    page.goto(f"{dashboard.url}/playground?run={run_id}")
    expect(page.get_by_text("begin as one of these users did")).to_be_visible(timeout=60_000)
    say(page, TALK_ASKS)
    answers = page.get_by_test_id("stChatMessage")
    expect(answers.filter(has_text="search_hotels")).to_have_count(1, timeout=60_000)
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    expect(answers.nth(1)).to_contain_text(TALK_HOTEL)
    again = page.get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    say(page, TALK_NEXT)
    expect(answers).to_have_count(4)
    expect(answers.nth(3)).to_contain_text(TALK_ANSWER)
    expect(again).to_be_visible()

    # The same, asked of a checkpoint beside it, which gets what was said until now.
    pick(page, re.compile("Beside it"), re.compile("mute-vole-5"))
    page.keyboard.press("Escape")
    expect(page.get_by_text("mute-vole-5, step")).to_be_visible()
    say(page, "多少钱一晚？")
    expect(answers.filter(has_text="多少钱一晚？")).to_have_count(2, timeout=60_000)
    expect(page.locator(SETTLED).first).to_be_attached(timeout=60_000)
    expect(answers).to_have_count(12, timeout=60_000)  # three turns and their answers in each column
    expect(again).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_stream_is_stopped_midway_and_what_was_written_stays(dashboard: Dashboard, page: Page) -> None:
    run_id = read.find_run(dashboard.store, "mute-vole-5").run_id
    page.goto(f"{dashboard.url}/playground?run={run_id}")
    expect(page.get_by_text("begin as one of these users did")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="How it writes").click()
    page.get_by_role("slider", name="Temperature").press("End")  # nearly any token: it will not come to an end soon
    tokens = page.get_by_role("spinbutton", name="Tokens at most")
    tokens.fill("4000")
    tokens.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator(SETTLED).first).to_be_attached()
    say(page, "你好")
    writing = page.get_by_test_id("stChatMessage").nth(1)
    expect(writing).to_contain_text("▌", timeout=60_000)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(writing).to_contain_text("stopped here", timeout=30_000)
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    # The process is ready for the next turn at once: nothing of the old one is left in its pipe.
    page.get_by_role("button", name="New talk").click()
    expect(page.get_by_text("begin as one of these users did")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
