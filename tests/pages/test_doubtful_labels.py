"""Doubtful labels on the page Data: training rows are chosen, the change is asked and named; rows that judge come one by one."""

import csv
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.test_data import PAGE, until, words
from tests.stores import end_processes_of
from trainer_core.curating.work import answer
from trainer_core.data import library, steps
from trainer_core.store import Store

WORDS = (("dull", "clumsy", "tedious", "bland"), ("superb", "witty", "charming", "moving"))


@pytest.fixture
def page(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setenv("DESCENT_STORE", str(store.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield AppTest.from_file(PAGE, default_timeout=60)
    end_processes_of(store)


def save(store: Store, folder: Path, judging: int) -> set[int]:
    """300 training rows and `judging` each of validation and test, 60 of the training labels turned; the turned rows."""
    draw = random.Random(5)
    turned = set(draw.sample(range(300), 60))
    with (folder / "films.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label", "split"))
        for row in range(300 + 2 * judging):
            label = row % 2
            text = f"Film {row} was {draw.choice(WORDS[label])} and its end {draw.choice(WORDS[label])}"
            split = "train" if row < 300 else "validation" if row < 300 + judging else "test"
            writer.writerow((text, ("bad", "good")[1 - label if row in turned else label], split))
    look = answer(store, {"do": "look", "source": str(folder / "films.csv")}, lambda _share, _what: None)
    request = {"do": "save", "source": str(folder / "films.csv"), "reading": look["reading"], "name": "films"}
    answer(store, request, lambda _share, _what: None)
    return turned


def doubt(page: AppTest) -> str:
    page.query_params["dataset"] = "films"
    page.run()
    until(page, "films")
    page.segmented_control(key="data/part").set_value("doubts").run()
    page.button(key="data/doubt").click().run()
    return until(page, "which did not train on these rows")


def test_training_rows_are_listed_whole_chosen_asked_about_and_changed(page: AppTest, store: Store, tmp_path: Path) -> None:
    turned = save(store, tmp_path, 30)
    assert "(5 folds), which did not train on these rows" in doubt(page)
    listed = page.dataframe[0].value
    assert len(set(listed["Row"]) & turned) >= 55, "all are listed, not fifty of them"
    assert page.button(key="data/doubt-correct").disabled, "nothing is chosen"
    page.button(key="data/doubt-choose").click().run()
    assert f"{len(listed)} of {len(listed)} chosen" in words(page)
    page.button(key="data/doubt-correct").click().run()
    said = words(page)
    assert f"**{len(listed)} training rows of films@1 get the labels that" in said
    assert "bad → good" in said
    assert "Validation and test rows stay as they are." in said
    assert library.find(store.datasets, "films").version == 1, "asked first"
    page.button(key="data/doubt-do").click().run()
    until(page, "version 2")
    record = library.find(store.datasets, "films")
    assert steps.describe(record.steps[-1]).startswith(f"{len(listed)} training labels corrected, of {len(listed)} doubted by")
    assert f"{len(listed)} of them are changed or taken out." in words(page)
    page.button(key="data/undo").click().run()
    until(page, "version 3")
    before, now = (library.find(store.datasets, f"films@{version}").digest for version in (1, 3))
    assert before == now


def test_a_dataset_without_rows_to_judge_by_has_them_drawn_first(page: AppTest, store: Store, tmp_path: Path) -> None:
    save(store, tmp_path, 0)
    assert "There is no split validation, test: each launch draws it from these training rows" in doubt(page)
    assert not any(button.key == "data/doubt-correct" for button in page.button)
    page.button(key="data/draw-missing").click().run()
    until(page, "version 2")
    rows = library.find(store.datasets, "films").rows
    assert rows == {"train": 210, "validation": 45, "test": 45}
    assert page.button(key="data/doubt-correct").label.startswith("Give them")
