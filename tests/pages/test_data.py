"""Data: a source is looked at, corrected, saved, mended and taken back; what can't be read gives a sentence."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.stores import end_processes_of
from tests.tiny_texts import write_csv
from trainer_core.data import library
from trainer_core.store import Store

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "data.py")


@pytest.fixture
def page(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setenv("DESCENT_STORE", str(store.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    yield AppTest.from_file(PAGE, default_timeout=60)
    end_processes_of(store)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Sixty rows with a leak, an empty row and a column that could be taken for the label."""
    rows = [
        (
            f"Film number {row} of the season is {'fine' if row % 2 else 'dull'} in its own way",
            "pos" if row % 2 else "neg",
            f"w{row % 3}",
        )
        for row in range(60)
    ]
    write_csv(
        tmp_path / "films" / "train.csv",
        ("text", "site", "mood"),
        [(text, site, mood) for text, mood, site in [*rows[:50], ("", "pos", "w0")]],
    )
    write_csv(
        tmp_path / "films" / "test.csv",
        ("text", "site", "mood"),
        [(text, site, mood) for text, mood, site in [rows[3], *rows[50:]]],
    )
    return tmp_path / "films"


def words(page: AppTest) -> str:
    elements = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info, *page.success, *page.subheader]
    return "\n".join(element.value for element in elements).replace("\\", "")


def until(page: AppTest, wanted: str) -> str:
    """Draws the page anew until it says something; a fragment's clock does not tick here."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        page.run()
        assert not page.exception
        said = words(page)
        working = any("%" in progress.proto.text for progress in page.get("progress"))
        if wanted in said and not working:
            return said
        time.sleep(0.2)
    pytest.fail(f"“{wanted}” was not said: {words(page)}")


def look(page: AppTest, source: str) -> None:
    page.run()
    page.text_input(key="data/source").set_value(source)
    next(button for button in page.button if button.label == "Look at it").click()
    page.run()


def test_an_empty_store_says_what_will_be_here(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert "What you save stands here" in words(page)


def test_from_a_folder_to_a_mended_dataset_and_back(page: AppTest, store: Store, films: Path) -> None:
    look(page, str(films))
    said = until(page, "rows")
    assert "**51** train · **11** test rows" in said
    assert page.selectbox(key="data/label_column").value == "mood"  # the last of those with few values
    assert "The label “mood” is a guess. It could also be" in said
    page.button(key="data/label/site").click().run()
    assert page.selectbox(key="data/label_column").value == "site"
    assert "The label could also be" in words(page)
    assert any("site · label" in frame.value.columns for frame in page.dataframe)
    page.button(key="data/label/mood").click().run()
    page.button(key="data/save").click().run()
    said = until(page, "version 1")
    assert "The same in two splits (leak)" in said
    assert "Empty texts" in said
    page.button(key="data/fix/leak/0").click().run()
    until(page, "version 2")
    said = until(page, "Empty texts")
    assert "The same in two splits (leak)" not in said
    page.button(key="data/fix/empty/0").click().run()
    until(page, "version 3")
    assert [step.do for step in library.find(store.datasets, "films").steps] == ["drop_leaks", "drop_empty"]
    page.segmented_control(key="data/part").set_value("steps").run()
    assert "1. Rows that stand in a held-out split taken out of training: 62 → 61" in words(page)
    page.button(key="data/undo").click().run()
    until(page, "version 4")
    assert [step.do for step in library.find(store.datasets, "films").steps] == ["drop_leaks"]


def test_every_part_of_an_opened_dataset_is_drawn(page: AppTest, store: Store, films: Path) -> None:
    look(page, str(films))
    until(page, "rows")
    page.button(key="data/save").click().run()
    until(page, "version 1")
    for part, wanted in (
        ("in", "The rows"),
        ("tokens", "No text is cut"),
        ("splits", "is drawn from the training rows"),
        ("doubts", "Rows of validation and test are doubted by a finished run"),
        ("steps", "Nothing has been done to it yet"),
    ):
        page.segmented_control(key="data/part").set_value(part).run()
        assert not page.exception
        assert wanted in words(page)
    page.segmented_control(key="data/part").set_value("in").run()
    page.text_input(key="data/search").set_value("number 17").run()
    assert "1 row found" in words(page)
    page.segmented_control(key="data/part").set_value("splits").run()
    page.button(key="data/draw").click().run()
    until(page, "version 2")
    assert set(library.find(store.datasets, "films").rows) == {"train", "validation", "test"}


def test_removing_can_be_taken_back_at_once(page: AppTest, store: Store, films: Path) -> None:
    look(page, str(films))
    until(page, "rows")
    page.button(key="data/save").click().run()
    until(page, "version 1")
    page.button(key="data/remove").click().run()
    assert "**films** is removed" in words(page)
    page.button(key="data/restore").click().run()
    assert library.list_saved(store.datasets)[0].name == "films"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("/no/such/file.csv", "There is no file or folder /no/such/file.csv"),
        ("nobody/no-such-dataset", "HF_HUB_OFFLINE is set"),
        ("../../etc/passwd.csv", "There is no file or folder"),
    ],
)
def test_what_can_not_be_read_is_said_in_a_sentence(page: AppTest, source: str, sentence: str) -> None:
    look(page, source)
    assert sentence in until(page, sentence)
    assert page.text_input(key="data/source").value == source  # nothing that was typed is lost


def test_an_unknown_dataset_in_the_address_leads_back(page: AppTest) -> None:
    page.query_params["dataset"] = "nobody"
    page.run()
    assert not page.exception
    assert "There is no saved dataset “nobody”" in words(page)
