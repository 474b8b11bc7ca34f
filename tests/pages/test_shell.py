"""The shell: menu, sidebar's foot, and a store that can't be opened."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.components.navigation import page_names
from tests.stores import new_store

SHELL = str(Path(__file__).resolve().parents[2] / "pages" / "components" / "shell.py")


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
