"""Playground: what it teaches without a checkpoint, and how a really trained one answers."""

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from tests.trained_digits import DIGITS, train_digits, train_for_real
from trainer_core.checkpoints import BEST, MANIFEST, find_checkpoint, list_checkpoints
from trainer_core.data import load_data
from trainer_core.jobs.predictor import Predictions, Predictor
from trainer_core.settings import to_params
from trainer_core.store import Store
from trainer_core.tracking import tags, write

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "playground.py")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, str]:
    return train_digits(tmp_path_factory.mktemp("trained") / "store")


@pytest.fixture
def _no_worker_stays() -> Iterator[None]:
    yield
    st.cache_resource.clear()


@pytest.fixture
def page(trained: tuple[Store, str], monkeypatch: pytest.MonkeyPatch, _no_worker_stays: None) -> AppTest:
    monkeypatch.setenv("DESCENT_STORE", str(trained[0].root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return AppTest.from_file(PAGE, default_timeout=90)


@pytest.fixture
def empty_page(store: Store, monkeypatch: pytest.MonkeyPatch, _no_worker_stays: None) -> AppTest:
    monkeypatch.setenv("DESCENT_STORE", str(store.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return AppTest.from_file(PAGE, default_timeout=90)


def words(page: AppTest) -> str:
    elements = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(element.value for element in elements).replace("\\", "")


def test_without_a_checkpoint_it_teaches_what_to_do(empty_page: AppTest) -> None:
    empty_page.run()
    assert not empty_page.exception
    assert "Here you ask a model that you trained" in words(empty_page)
    assert [button.label for button in empty_page.button] == ["Train a model"]


def test_while_a_run_is_on_its_way_it_says_which(empty_page: AppTest, store: Store) -> None:
    write.create_run(store, name="calm-fern-2", experiment="descent", params=to_params(DIGITS), tags={tags.RECIPE: "digits"})
    empty_page.run()
    assert "**calm-fern-2** is on its way" in words(empty_page)
    assert [button.label for button in empty_page.button] == ["Watch it"]


def test_the_newest_runs_best_answers_without_a_button(page: AppTest, trained: tuple[Store, str]) -> None:
    store, run_id = trained
    page.run()
    assert not page.exception
    assert page.selectbox(key="playground/run").value == run_id
    best = find_checkpoint(store, run_id, "best")
    assert page.selectbox(key="playground/checkpoint").value == best.step
    assert any("★ best" in option for option in page.selectbox(key="playground/checkpoint").options)
    assert "It says" in words(page)
    assert "What the model saw" in words(page)
    assert page.get("plotly_chart")


def test_choosing_another_test_picture_asks_about_that_one(page: AppTest) -> None:
    split = load_data(DIGITS).splits["test"]
    row = int(np.flatnonzero(split.labels == 6)[0])
    page.run()
    page.session_state["playground/row"] = {"chosen": f"test/{row}"}
    page.run()
    assert not page.exception
    assert "It says **6** :green[:material/check: right]" in words(page)
    page.button[0].click().run()
    assert not page.exception
    assert "It says" in words(page)


def test_the_address_names_run_and_checkpoint(page: AppTest, trained: tuple[Store, str]) -> None:
    store, run_id = trained
    first = list_checkpoints(store, run_id)[0]
    page.query_params["run"] = DIGITS.name
    page.query_params["checkpoint"] = str(first.step)
    page.run()
    assert not page.exception
    assert page.selectbox(key="playground/checkpoint").value == first.step
    last = list_checkpoints(store, run_id)[-1]
    page.selectbox(key="playground/checkpoint").set_value(last.step).run()
    assert page.query_params["checkpoint"] == str(last.step)
    assert page.selectbox(key="playground/checkpoint").value == last.step


def test_an_address_that_names_no_run_is_said_and_the_newest_answers(page: AppTest) -> None:
    page.query_params["run"] = "nobody-1"
    page.query_params["checkpoint"] = "7"
    page.run()
    assert not page.exception
    assert len(page.error) == 2
    assert "It says" in words(page)


def test_a_drawing_is_answered(page: AppTest) -> None:
    page.session_state["playground/input"] = "draw"
    page.run()
    assert not page.exception
    assert "Draw one of 0, 1, 2" in words(page)
    assert "It says" not in words(page)
    page.session_state["playground/canvas"] = {"strokes": [[[0.5, 0.1], [0.5, 0.9]]]}
    page.run()
    assert not page.exception
    assert "It says **1**" in words(page)


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def upload(page: AppTest, name: str, content: bytes) -> None:
    page.session_state["playground/input"] = "upload"
    page.run()
    page.file_uploader(key="playground/upload").set_value((name, content, "image/png")).run()
    assert not page.exception


def test_an_uploaded_photograph_with_dark_ink_is_answered(page: AppTest) -> None:
    photograph = Image.new("L", (400, 300), 230)
    ImageDraw.Draw(photograph).ellipse((140, 60, 260, 240), outline=20, width=26)
    upload(page, "zero.png", png(photograph))
    assert "It says **0**" in words(page)


def test_an_upload_that_is_no_picture_is_said(page: AppTest) -> None:
    upload(page, "notes.png", b"dear diary")
    assert "not a picture that can be read" in words(page)
    assert "It says" not in words(page)


def test_an_empty_picture_is_said(page: AppTest) -> None:
    upload(page, "white.png", png(Image.new("L", (64, 64), 255)))
    assert "stands out from its background" in words(page)


def test_a_damaged_checkpoint_gives_a_sentence(
    trained: tuple[Store, str], tmp_path: Path, page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained[0].root, copy)
    monkeypatch.setenv("DESCENT_STORE", str(copy))
    for weights in copy.rglob("model.safetensors"):
        weights.write_bytes(weights.read_bytes()[:-10] + b"0123456789")
    page.run()
    assert not page.exception
    assert "is damaged" in words(page)
    assert "Choose another checkpoint" in words(page)


def test_a_torn_checkpoint_is_not_offered(
    trained: tuple[Store, str], tmp_path: Path, page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained[0].root, copy)
    monkeypatch.setenv("DESCENT_STORE", str(copy))
    for weights in copy.rglob("model.safetensors"):
        weights.write_bytes(weights.read_bytes()[:-10])
    page.run()
    assert not page.exception
    assert "No run has saved a checkpoint yet" in words(page)


def test_without_its_data_a_run_can_still_be_drawn_for(
    page: AppTest, trained: tuple[Store, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained[0].root, copy)
    monkeypatch.setenv("DESCENT_STORE", str(copy))
    for config in copy.rglob("train_config.json"):
        before = config.read_text()
        config.write_text(before.replace('"digits"', '"/nowhere/mnist"'))
        manifest = json.loads((config.parent / MANIFEST).read_text())
        manifest["files"][config.name]["bytes"] = config.stat().st_size
        (config.parent / MANIFEST).write_text(json.dumps(manifest))
    page.run()
    assert not page.exception
    assert "There is no folder /nowhere/mnist" in words(page)
    assert "Drawing and uploading work without it" in words(page)


def test_a_checkpoint_that_gave_way_to_a_newer_one_is_asked_about_anew(
    page: AppTest, trained: tuple[Store, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained[0].root, copy)
    monkeypatch.setenv("DESCENT_STORE", str(copy))
    gone: list[int] = []
    predict = Predictor.predict

    def predict_late(self: Predictor, run_id: str, step: int, images: NDArray[np.uint8]) -> Predictions:
        if not gone:
            gone.append(step)
            shutil.rmtree(next(copy.rglob(f"step-{step:08d}")))
        return predict(self, run_id, step, images)

    monkeypatch.setattr(Predictor, "predict", predict_late)
    page.run()
    assert not page.exception
    assert not page.error
    assert page.selectbox(key="playground/checkpoint").value not in gone
    assert "It says" in words(page)


@pytest.fixture
def own_store(trained: tuple[Store, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _no_worker_stays: None) -> Store:
    """A store that a test may write into, with the trained run."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DESCENT_STORE", str(tmp_path / "store"))
    return train_digits(tmp_path / "store")[0]


def test_a_run_that_finishes_meanwhile_does_not_take_the_place_of_the_one_shown(own_store: Store) -> None:
    page = AppTest.from_file(PAGE, default_timeout=90).run()
    shown = page.selectbox(key="playground/run").value
    train_for_real(own_store, DIGITS, "digits")
    page.run()
    assert not page.exception
    assert len(page.selectbox(key="playground/run").options) == 2
    assert page.selectbox(key="playground/run").value == shown
    assert page.query_params["run"] == shown
    assert AppTest.from_file(PAGE, default_timeout=90).run().selectbox(key="playground/run").value != shown, "a new visit"


def test_a_new_best_of_the_run_is_offered_and_the_step_shown_stays(own_store: Store) -> None:
    page = AppTest.from_file(PAGE, default_timeout=90).run()
    run_id, shown = picked(page)
    later = max(checkpoint.step for checkpoint in list_checkpoints(own_store, run_id) if checkpoint.step != shown)
    mark_best(own_store, run_id, later)
    page.run()
    assert page.selectbox(key="playground/checkpoint").value == shown
    assert f"Step {later} is the run's best checkpoint by now." in words(page)
    page.button(key="playground/newer-best").click().run()
    assert not page.exception
    assert page.selectbox(key="playground/checkpoint").value == later
    assert "by now" not in words(page)


def test_a_checkpoint_that_the_run_has_replaced_is_said_for_as_long_as_another_stands_in(own_store: Store) -> None:
    page = AppTest.from_file(PAGE, default_timeout=90).run()
    run_id, shown = picked(page)
    later = max(checkpoint.step for checkpoint in list_checkpoints(own_store, run_id) if checkpoint.step != shown)
    shutil.rmtree(find_checkpoint(own_store, run_id, shown).path)
    mark_best(own_store, run_id, later)
    for _drawing in range(2):
        page.run()
        assert page.selectbox(key="playground/checkpoint").value == later
        assert f"The run has no checkpoint “{shown}”" in words(page)
        assert f"Here is step {later} in its place." in words(page)


def picked(page: AppTest) -> tuple[str, int]:
    """The run's id and the step that the page shows."""
    return str(page.selectbox(key="playground/run").value), int(page.selectbox(key="playground/checkpoint").value or 0)


def mark_best(store: Store, run_id: str, step: int) -> None:
    """As the worker does when an evaluation is the best so far."""
    (store.checkpoints(run_id) / BEST).write_text(json.dumps({"step": step}))
