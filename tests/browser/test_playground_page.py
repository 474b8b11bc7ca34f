"""Playground in a real browser: side by side, flips, a cell of the matrix, a threshold, a file, and a zip to take home."""

import csv
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Dashboard, pick
from tests.browser.test_draw import ONE, draw
from tests.stores import end_processes_of, new_store
from tests.trained_digits import DIGITS, train_for_real
from tests.trained_texts import train_reviews
from trainer_core.checkpoints import find_checkpoint
from trainer_core.decisions import read_threshold
from trainer_core.store import Store, open_store
from trainer_core.tracking import read

CHART_READY = ".descent-chart-ready .main-svg"
WORST_CELL = r"""() => {
  const box = document.querySelector('.descent-chart');
  const z = box.calcdata[0][0].z;
  let worst = [0, 1];
  z.forEach((row, y) => row.forEach((count, x) => { if (x !== y && count > z[worst[0]][worst[1]]) worst = [y, x]; }));
  const {xaxis, yaxis} = box._fullLayout, place = box.getBoundingClientRect();
  const told = box.data[0].hovertext[worst[0]][worst[1]].replace(/,/g, '');
  return {true: worst[0], said: worst[1], count: Number(told.match(/(\d+) of \d+/)[1]),
    x: place.x + xaxis._offset + xaxis.l2p(worst[1]), y: place.y + yaxis._offset + yaxis.l2p(worst[0])};
}"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A well-trained run on digits, one that has hardly begun, and one on reviews."""
    store = new_store(tmp_path_factory.mktemp("playground") / "store")
    train_for_real(store, DIGITS, "digits")
    train_for_real(store, DIGITS.model_copy(update={"name": "calm-fern-2", "epochs": 1, "seed": 3}), "digits")
    train_reviews(store)
    end_processes_of(store)
    return store.root


@pytest.fixture
def store(trained: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of them: a moved store opens."""
    shutil.copytree(trained, tmp_path / "store")
    store = open_store(tmp_path / "store", environment={})
    yield store
    end_processes_of(store)


def place_of(store: Store, name: str) -> tuple[str, int]:
    """The run's id and the step of its best checkpoint."""
    run_id = read.find_run(store, name).run_id
    return run_id, find_checkpoint(store, run_id, "best").step


def visit(page: Page, dashboard: Dashboard, name: str, more: str = "") -> None:
    run_id, _step = place_of(dashboard.store, name)
    page.set_viewport_size({"width": 1400, "height": 1500})
    page.goto(f"{dashboard.url}/playground?run={run_id}{more}")
    expect(page.get_by_role("heading", name="Playground")).to_be_visible(timeout=60_000)


def nothing_broke(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_two_checkpoints_are_asked_side_by_side_and_flips_are_paged_through(dashboard: Dashboard, page: Page) -> None:
    visit(page, dashboard, "brisk-otter-1")
    pick(page, re.compile("Beside it"), re.compile("calm-fern-2"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name=re.compile("^It says"))).to_have_count(2, timeout=60_000)
    expect(page.get_by_text("2 models are held ready")).to_be_visible()
    assert f"beside={place_of(dashboard.store, 'calm-fern-2')[0]}" in page.url
    page.get_by_text("Draw", exact=True).click()
    draw(page, ONE)
    expect(page.get_by_role("heading", name=re.compile("^It says"))).to_have_count(2, timeout=30_000)
    expect(page.get_by_role("heading", name="It says 1").first).to_be_visible()

    page.get_by_role("radio", name="Flips", exact=True).click()
    page.get_by_text("train (1,257)").click()
    flips = page.get_by_role("radio", name=re.compile(r"A right, B wrong \(\d+\)"))
    expect(page.get_by_text("of 1,257 rows")).to_be_visible(timeout=60_000)
    count = int(re.search(r"\((\d+)\)", flips.inner_text()).group(1))  # type: ignore[union-attr]
    assert count > 20
    expect(page.get_by_text(f"1 to 10 of {count}")).to_be_visible()
    page.get_by_role("button", name="Page 2", exact=True).click()
    expect(page.get_by_text(f"11 to 20 of {count}")).to_be_visible()
    expect(page.get_by_text("They say the same on")).to_be_visible()
    nothing_broke(page)


def test_a_cell_of_the_matrix_shows_its_examples_and_one_opens_in_try(dashboard: Dashboard, page: Page) -> None:
    other, step = place_of(dashboard.store, "calm-fern-2")
    visit(page, dashboard, "calm-fern-2", "&view=errors&split=train")
    expect(page.locator(CHART_READY).first).to_be_visible(timeout=60_000)
    cell = page.evaluate(WORST_CELL)
    assert cell["count"] > 0
    page.mouse.click(cell["x"], cell["y"])
    expect(page.get_by_text(f"{int(cell['count'])} rows, the surest first.")).to_be_visible(timeout=20_000)
    table = page.get_by_test_id("stDataFrame").last
    opened = page.get_by_role("button", name="Open in Try")
    expect(opened).to_be_disabled()
    for _again in range(5):  # the table moves while what is above it is drawn
        expect(table.locator("canvas").first).to_be_visible()
        box = table.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 17, box["y"] + 38 + 26)
        with suppress(AssertionError):
            expect(opened).to_be_enabled(timeout=10_000)
            break
    expect(opened).to_be_enabled()
    opened.click()
    expect(page.get_by_role("heading", name=f"It says {cell['said']}")).to_be_visible(timeout=60_000)
    expect(page.get_by_text(f"wrong, it is {cell['true']}")).to_be_visible()
    assert (other, step) == place_of(dashboard.store, "calm-fern-2")
    nothing_broke(page)


def test_a_threshold_is_moved_kept_used_and_let_go(dashboard: Dashboard, page: Page) -> None:
    run_id, step = place_of(dashboard.store, "still-reed-1")
    folder = find_checkpoint(dashboard.store, run_id, step).path
    visit(page, dashboard, "still-reed-1", "&view=calibration")
    slider = page.get_by_role("slider")
    expect(slider).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Expected calibration error")).to_be_visible()
    slider.focus()
    for _press in range(3):
        slider.press("ArrowRight")
    expect(slider).to_have_value("0.53")
    page.get_by_role("button", name="Keep this threshold").click()
    expect(page.get_by_text("Kept: positive from 53 % on.")).to_be_visible()
    assert read_threshold(folder) == 0.53
    page.get_by_role("radio", name="Try", exact=True).click()
    expect(page.get_by_text("By the threshold kept with it: positive from 53.0 % on.")).to_be_visible(timeout=60_000)
    page.get_by_role("radio", name="Calibration", exact=True).click()
    page.get_by_role("button", name="Back to the likelier class").click()
    expect(page.get_by_text("Kept: positive")).to_have_count(0)
    assert read_threshold(folder) is None
    nothing_broke(page)


def test_a_file_is_answered_and_a_checkpoint_is_taken_home(dashboard: Dashboard, page: Page, tmp_path: Path) -> None:
    asked = tmp_path / "电影 asked.csv"
    with asked.open("w", encoding="utf-8", newline="") as file:
        rows = [[number, f"The plot was {'wonderful' if number % 2 else 'dull'} 😀"] for number in range(300)]
        csv.writer(file).writerows([["number", "review"], *rows])
    visit(page, dashboard, "still-reed-1")
    page.get_by_text("A file", exact=True).click()
    page.locator("input[type=file]").set_input_files(asked)
    page.get_by_role("button", name="Answer 300 rows").click()
    download = page.get_by_role("button", name="Download the answers")
    expect(download).to_be_visible(timeout=60_000)
    expect(page.get_by_text("The first 200 of 300.")).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    with page.expect_download() as waited:
        download.click()
    saved = tmp_path / "answers.csv"
    waited.value.save_as(saved)
    with saved.open(encoding="utf-8-sig", newline="") as file:
        answers = list(csv.DictReader(file))
    assert len(answers) == 300
    assert answers[1]["review"] == "The plot was wonderful 😀"
    assert {row["prediction"] for row in answers} <= {"positive", "negative"}

    page.get_by_role("radio", name="Take it home").click()
    page.get_by_role("button", name="Write the zip").click()
    zipped = page.get_by_role("button", name=re.compile(r"^Download still-reed-1-step-\d+\.zip"))
    expect(zipped).to_be_visible(timeout=60_000)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    with page.expect_download() as waited:
        zipped.click()
    waited.value.save_as(tmp_path / "home.zip")
    with zipfile.ZipFile(tmp_path / "home.zip") as archive:
        assert {name.rpartition("/")[2] for name in archive.namelist()} >= {"README.md", "ask.py", "ask.json", "model.safetensors"}
    nothing_broke(page)
