"""Playground's views over a split, on really trained runs: flips, mistakes, calibration, and what goes wrong on the way."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.stores import new_store
from tests.trained_digits import DIGITS, train_for_real
from tests.trained_texts import REVIEWS, train_reviews
from trainer_core.checkpoints import find_checkpoint
from trainer_core.decisions import keep_threshold, read_threshold
from trainer_core.store import Store
from trainer_core.tracking import read

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "playground.py")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = new_store(tmp_path_factory.mktemp("views") / "store")
    train_for_real(store, DIGITS, "digits")
    train_for_real(store, DIGITS.model_copy(update={"name": "calm-fern-2", "epochs": 1}), "digits")
    train_reviews(store)
    train_for_real(store, REVIEWS.model_copy(update={"name": "bold-wren-5", "epochs": 1, "seed": 5}), "reviews")
    return store


@pytest.fixture
def page(trained: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setenv("DESCENT_STORE", str(trained.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield AppTest.from_file(PAGE, default_timeout=90)
    st.cache_resource.clear()


def words(page: AppTest) -> str:
    elements = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(element.value for element in elements).replace("\\", "")


def place(store: Store, name: str) -> tuple[str, int]:
    run_id = read.find_run(store, name).run_id
    return run_id, find_checkpoint(store, run_id, "best").step


def visit(page: AppTest, store: Store, name: str, view: str, beside: tuple[str, ...] = (), split: str = "validation") -> None:
    page.query_params["run"] = place(store, name)[0]
    page.query_params["view"] = view
    page.query_params["split"] = split
    if beside:
        page.query_params["beside"] = "|".join("{}:{}".format(*place(store, other)) for other in beside)
    page.run()
    end = time.monotonic() + 60
    while any("Call it off" in button.label for button in page.button) and time.monotonic() < end:
        time.sleep(0.3)  # the split is answered in a process of its own; the fragment that looks does not beat here
        page.run()
    assert not page.exception


def test_views_that_need_classes_are_offered_where_there_are_some(page: AppTest, trained: Store) -> None:
    visit(page, trained, "brisk-otter-1", "try")
    assert "Where it errs" in [option.content for option in page.get("button_group")[0].proto.options]


def test_the_evaluated_split_is_there_at_once_and_others_are_answered(page: AppTest, trained: Store) -> None:
    visit(page, trained, "brisk-otter-1", "errors")
    best = find_checkpoint(trained, place(trained, "brisk-otter-1")[0], "best")
    wrong = round((1 - best.metrics["eval/accuracy"]) * 270)
    assert f"errs on **{wrong}** of 270 rows" in words(page)
    assert f"{wrong} mistakes, those it is surest of first." in words(page)
    visit(page, trained, "brisk-otter-1", "errors", split="test")
    assert "of 270 rows" in words(page)
    folder = trained.run_folder(best.run_id) / "answers"
    assert [path.name for path in folder.glob("*-test.parquet")]


def test_a_cell_is_chosen_by_keyboard_too(page: AppTest, trained: Store) -> None:
    visit(page, trained, "calm-fern-2", "errors", split="train")
    page.selectbox(key="playground/cell-true").set_value(8)
    page.selectbox(key="playground/cell-said").set_value(8).run()
    assert not page.exception
    assert "rows, the surest first." in words(page)


def test_two_matrices_are_told_apart(page: AppTest, trained: Store) -> None:
    visit(page, trained, "brisk-otter-1", "errors", beside=("calm-fern-2",))
    assert str(page.selectbox(key="playground/errors-with").value).startswith(place(trained, "calm-fern-2")[0])
    page.session_state["playground/cells-3"] = "difference"
    page.run()
    assert not page.exception


def test_flips_need_a_second_checkpoint_and_then_count_right(page: AppTest, trained: Store) -> None:
    visit(page, trained, "brisk-otter-1", "flips")
    assert "Choose a second checkpoint" in words(page)
    visit(page, trained, "brisk-otter-1", "flips", beside=("calm-fern-2",))
    rights = [
        round(find_checkpoint(trained, place(trained, name)[0], "best").metrics["eval/accuracy"] * 270)
        for name in ("brisk-otter-1", "calm-fern-2")
    ]
    table = page.dataframe[0].value
    assert int(table["B right"].sum()) == rights[1]
    assert int(table.iloc[0][["B right", "B wrong"]].sum()) == rights[0]


def test_checkpoints_of_another_kind_are_not_offered_beside(page: AppTest, trained: Store) -> None:
    visit(page, trained, "brisk-otter-1", "try")
    options = page.multiselect(key="playground/beside").options
    assert any("calm-fern-2" in option for option in options)
    assert not any("still-reed-1" in option for option in options)


def test_a_threshold_kept_is_used_everywhere_and_says_so(page: AppTest, trained: Store) -> None:
    run_id, step = place(trained, "still-reed-1")
    folder = find_checkpoint(trained, run_id, step).path
    visit(page, trained, "still-reed-1", "calibration")
    assert "Expected calibration error" in [metric.label for metric in page.metric]
    slider = page.slider(key=f"playground/threshold/{run_id}:{step}")
    slider.set_value(0.99).run()
    assert next(metric.value for metric in page.metric if metric.label == "Recall") == "0.0 %"
    page.button(key="playground/threshold-keep").click().run()
    try:
        assert read_threshold(folder) == 0.99
        visit(page, trained, "still-reed-1", "errors")
        assert "It says positive from 99.0 % on" in words(page)
        visit(page, trained, "still-reed-1", "try")
        assert "It says **negative**" in words(page)
        assert "By the threshold kept with it: positive from 99.0 % on." in words(page)
    finally:
        (folder / "decision.json").unlink(missing_ok=True)


def test_texts_are_asked_of_several_and_differences_are_marked(page: AppTest, trained: Store) -> None:
    run_id, step = place(trained, "bold-wren-5")
    folder = find_checkpoint(trained, run_id, step).path
    keep_threshold(folder, 0.0)  # says positive, whatever it reads
    keep_threshold(find_checkpoint(trained, *place(trained, "still-reed-1")).path, 1.0)  # never does
    try:
        page.session_state["playground/text-input"] = "many"
        page.session_state["playground/texts"] = "A fine film\nA dull film"
        visit(page, trained, "still-reed-1", "try", beside=("bold-wren-5",))
        assert "They differ on **2** of 2." in words(page)
        page.session_state["playground/text-input"] = "one"
        page.session_state["playground/text"] = "电影很好看 😀 " * 20
        page.run()
        assert not page.exception
        assert "differs" in words(page)
        assert "2 models are held ready" in words(page)
    finally:
        for name in ("bold-wren-5", "still-reed-1"):
            (find_checkpoint(trained, *place(trained, name)).path / "decision.json").unlink(missing_ok=True)


def test_a_megabyte_of_text_is_answered_by_its_end(page: AppTest, trained: Store) -> None:
    page.session_state["playground/text-input"] = "one"
    page.session_state["playground/text"] = "long 电影 " * 120_000
    visit(page, trained, "still-reed-1", "try")
    assert "It says **" in words(page)


def test_a_checkpoint_deleted_while_it_is_open_is_told(page: AppTest, trained: Store, tmp_path: Path) -> None:
    run_id, step = place(trained, "calm-fern-2")
    visit(page, trained, "calm-fern-2", "errors", split="train")
    folder = find_checkpoint(trained, run_id, step).path
    away = tmp_path / "away"
    shutil.move(folder, away)
    try:
        page.run()
        assert not page.exception
        assert page.selectbox(key="playground/run").value != run_id  # it has no checkpoint left, and another run is open
        assert "That run has no checkpoint yet" in words(page)
    finally:
        shutil.move(away, folder)


def test_a_file_that_is_no_table_gets_a_sentence(page: AppTest, trained: Store) -> None:
    page.session_state["playground/text-input"] = "file"
    visit(page, trained, "still-reed-1", "try")
    page.file_uploader(key="playground/file").set_value(("broken.jsonl", b'{"text": "a"}\n{broken', "application/json")).run()
    assert not page.exception
    assert page.error
    lines = "\n".join(json.dumps({"words": f"film {number}"}) for number in range(3))
    page.file_uploader(key="playground/file").set_value(("good.jsonl", lines.encode(), "application/json")).run()
    assert not page.exception
    assert [button.label for button in page.button if button.key == "playground/file-start"] == ["Answer 3 rows"]
