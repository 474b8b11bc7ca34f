"""The shell: menu, sidebar's foot, and a store that can't be opened."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.components import reader
from pages.components.navigation import PAGES, page_names
from tests.stores import new_store

SHELL = str(Path(__file__).resolve().parents[2] / "pages" / "components" / "shell.py")


@pytest.fixture(autouse=True)
def forget_the_reader() -> Iterator[None]:
    """All tests without a browser share one session's name, and pages are drawn in its language."""
    yield
    reader._known.clear()


def test_the_foot_names_store_device_and_free_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_STORE", str(tmp_path / "my_store"))
    new_store(tmp_path / "my_store")
    shell = AppTest.from_file(SHELL, default_timeout=60).run()
    assert not shell.exception
    said = [caption.value.replace("\\", "") for caption in shell.sidebar.caption]
    assert any("CPU core" in line or "GiB" in line for line in said)
    assert any(line.endswith("B free") for line in said)
    assert any(line.endswith("my_store") for line in said)


def test_a_store_that_cannot_be_opened_gives_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DESCENT_STORE", str(tmp_path / "file" / "store"))
    shell = AppTest.from_file(SHELL, default_timeout=60).run()
    assert not shell.exception
    assert "can't be written" in shell.error[0].value.replace("\\", "")


def test_pages_come_in_the_order_of_the_work() -> None:
    names = page_names()
    assert names == ["train", "data", "runs", "compare", "playground"]


def test_each_page_is_drawn_in_chinese_where_the_address_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_STORE", str(tmp_path / "store"))
    new_store(tmp_path / "store")
    shell = AppTest.from_file(SHELL, default_timeout=60)
    shell.query_params["language"] = "zh_CN"
    shell.run()
    assert not shell.exception
    assert any("个 CPU 核心" in caption.value for caption in shell.sidebar.caption)
    assert "zh_CN" in shell.query_params["language"]


def test_the_choice_is_kept_in_the_store_and_an_unknown_language_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_STORE", str(tmp_path / "store"))
    store = new_store(tmp_path / "store")
    shell = AppTest.from_file(SHELL, default_timeout=60)
    shell.query_params["language"] = "xx_YY"
    shell.run()
    assert any(caption.value.endswith("free") for caption in shell.sidebar.caption)
    shell.sidebar.button_group[0].set_value("zh_CN").run()
    assert not shell.exception
    assert (store.root / "language").read_text() == "zh_CN\n"
    fresh = AppTest.from_file(SHELL, default_timeout=60).run()
    assert any("剩余" in caption.value for caption in fresh.sidebar.caption)


def test_a_store_that_cannot_be_opened_is_said_in_chinese_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DESCENT_STORE", str(tmp_path / "file" / "store"))
    shell = AppTest.from_file(SHELL, default_timeout=60)
    shell.query_params["language"] = "zh_CN"
    shell.run()
    assert "存储" in shell.error[0].value


def test_a_page_is_left_by_the_shell_whatever_part_of_it_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_STORE", str(tmp_path / "store"))
    new_store(tmp_path / "store")
    shell = AppTest.from_file(SHELL, default_timeout=60).run()
    assert shell.title[0].value == "Train"
    shell.button(key="train/own-data").click().run()
    assert not shell.exception
    assert shell.title[0].value == "Data"
    assert [path.name for path in PAGES.rglob("*.py") if "st.switch_page(" in path.read_text("utf-8")] == ["navigation.py"]
