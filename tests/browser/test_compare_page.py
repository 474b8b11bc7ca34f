"""Compare in a real browser: choosing, links, a zoom that reads again, growth under it, shared cursors, files, clicks on points."""

import math
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chart_tools.viewer import CHART, box_of, drag
from tests.browser.conftest import Dashboard
from tests.browser.test_live_chart import close
from tests.logged_runs import log_run
from tests.trained_digits import DIGITS, train_for_real
from trainer_core.store import Store
from trainer_core.tracking import read
from trainer_core.tracking.client import open_client, sql_engine
from trainer_core.tracking.points import Point, insert_points

READY = "(count) => document.querySelectorAll('.descent-chart-ready .main-svg').length >= count"
IN_VIEW = """(number) => {
  const box = document.querySelectorAll('.descent-chart')[number];
  const [low, high] = box.layout.xaxis.range;
  return box.calcdata[0].filter((point) => point.x >= low && point.x <= high).length;
}"""


def log_points(store: Store, run_id: str, steps: range, key: str = "train/loss") -> None:
    engine = sql_engine(open_client(store))
    assert engine is not None
    insert_points(engine, run_id, [Point(key, 1.0 + math.sin(step / 50), 1_700_000_000_000 + step, step) for step in steps])


def visit(page: Page, dashboard: Dashboard, query: str = "", charts: int = 2) -> None:
    page.goto(f"{dashboard.url}/compare{query}")
    # Each chart has two drawings, one above the other.
    page.wait_for_function(READY, arg=2 * charts, timeout=60_000)


def test_what_is_chosen_in_the_table_stands_in_the_address_and_a_link_opens_the_same_view(
    dashboard: Dashboard, page: Page, browser: Browser
) -> None:
    for number in range(3):
        log_run(dashboard.store, f"run-{number}", settings={"learning_rate": 10.0**-number})
    visit(page, dashboard, "?metrics=eval/accuracy&over=epoch&smoothing=0.5&logy=true", charts=1)
    table = page.get_by_test_id("stDataFrame").first
    box = table.bounding_box()
    assert box is not None
    for row in (0, 2):
        page.mouse.click(box["x"] + 17, box["y"] + 35 * (row + 1.5))
        page.wait_for_timeout(1_200)
    runs = {run.name: run.run_id for run in read.list_runs(dashboard.store)}
    expect(page.get_by_text("2 of 3 runs chosen")).to_be_visible()
    assert f"{runs['run-2'][:8]}" in page.url
    assert f"{runs['run-0'][:8]}" in page.url
    link = page.url
    other = browser.new_context().new_page()
    try:
        other.goto(link)
        other.wait_for_function(READY, arg=2, timeout=60_000)
        told = (
            "(() => { const b = document.querySelector('.descent-chart'); return [b.layout.title.text, b.layout.xaxis.title.text,"
            " b.layout.yaxis.type, b.data.filter((t) => t.showlegend !== false).map((t) => t.name)]; })()"
        )
        assert other.evaluate(told) == page.evaluate(told) == ["Accuracy, validation split", "Epoch", "log", ["run-2", "run-0"]]
    finally:
        other.context.close()


def test_a_zoom_reads_again_in_full_detail_and_outlives_new_points(dashboard: Dashboard, page: Page) -> None:
    run_id = log_run(dashboard.store, "bold-heron-7", state="running", steps=0)
    log_points(dashboard.store, run_id, range(1, 8_001))
    visit(page, dashboard, "?metrics=train/loss", charts=1)
    whole = page.evaluate("document.querySelector('.descent-chart').calcdata[0].length")
    assert whole < 2_100, "the whole curve comes thinned"
    drag(page, 0, (0.5, 0.3), (0.57, 0.6))
    page.wait_for_function("document.querySelector('.descent-chart').layout.xaxis.autorange === false")
    low, high = page.evaluate("document.querySelector('.descent-chart').layout.xaxis.range")
    page.wait_for_function(f"({IN_VIEW})(0) >= {int((high - low) * 0.95)}", timeout=20_000)
    log_points(dashboard.store, run_id, range(8_001, 8_101))
    page.wait_for_function(
        "Math.max(...document.querySelector('.descent-chart').calcdata[0].map((p) => p.x)) === 8100", timeout=20_000
    )
    assert close([page.evaluate("document.querySelector('.descent-chart').layout.xaxis.range")], [[low, high]])
    assert page.evaluate(f"({IN_VIEW})(0)") >= int((high - low) * 0.95)


def test_charts_share_cursor_and_zoom(dashboard: Dashboard, page: Page) -> None:
    log_run(dashboard.store, "bold-heron-7")
    page.set_viewport_size({"width": 1400, "height": 1400})  # both in sight
    visit(page, dashboard)
    box_of(page, 0)
    place = """(() => {
      const box = document.querySelector('.descent-chart'), own = box.getBoundingClientRect(), { xaxis, yaxis } = box._fullLayout;
      const point = box.calcdata[0][1];
      return [own.x + xaxis._offset + xaxis.d2p(point.x), own.y + yaxis._offset + yaxis.d2p(point.y)];
    })()"""
    x, y = page.evaluate(place)
    page.mouse.move(x - 6, y)
    page.mouse.move(x, y, steps=4)
    shown = "document.querySelectorAll('.descent-chart')[1].querySelectorAll('.hoverlayer .hovertext, .hoverlayer .legend').length"
    page.wait_for_function(f"{shown} > 0")
    drag(page, 0, (0.4, 0.3), (0.7, 0.6))
    page.wait_for_function("document.querySelectorAll('.descent-chart')[1].layout.xaxis.autorange === false")
    ranges = page.evaluate("[...document.querySelectorAll('.descent-chart')].map((b) => b.layout.xaxis.range)")
    assert close([ranges[0]], [ranges[1]])
    page.wait_for_timeout(1_500)  # the page is drawn anew meanwhile
    again = page.evaluate("[...document.querySelectorAll('.descent-chart')].map((b) => b.layout.xaxis.range)")
    assert close(again, ranges)


@pytest.mark.parametrize("kind", ["PNG", "SVG", "page"])
def test_a_chart_is_saved_by_the_browser(dashboard: Dashboard, page: Page, browser: Browser, tmp_path: Path, kind: str) -> None:
    log_run(dashboard.store, "bold </script> heron")
    visit(page, dashboard, "?metrics=eval/accuracy", charts=1)
    box = box_of(page)
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.4 * box["height"])
    with page.expect_download(timeout=30_000) as download:
        page.locator(f"{CHART} .modebar-btn[data-title*='{kind}']").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.stem == "compare-eval-accuracy"
    if kind == "PNG":
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 5_000
    elif kind == "SVG":
        context = browser.new_context(offline=True)
        try:
            alone = context.new_page()
            alone.goto(path.as_uri())  # an SVG that is not well-formed XML shows an error in its place
            assert "Accuracy, validation split" in alone.evaluate("document.documentElement.textContent")
            assert alone.evaluate("document.querySelectorAll('.scatterlayer path').length") > 0
        finally:
            context.close()
    else:
        context = browser.new_context(offline=True)
        try:
            alone = context.new_page()
            alone.goto(path.as_uri())
            alone.wait_for_selector("#chart .main-svg")
            assert alone.evaluate("document.querySelector('#chart').data[0].name") == "bold &lt;/script&gt; heron"
            assert "Accuracy" in (alone.locator("#chart .gtitle").text_content() or "")
        finally:
            context.close()


def test_points_picked_in_a_chart_are_chosen_in_the_table(dashboard: Dashboard, page: Page) -> None:
    for number in range(4):
        log_run(dashboard.store, f"run-{number}", best=0.6 + number / 10, settings={"learning_rate": 10.0**-number})
    visit(page, dashboard, "?metrics=eval/accuracy&below=What+matters", charts=2)
    place = """(() => {
      const box = document.querySelectorAll('.descent-chart')[1];
      const point = box.querySelector('.point').getBoundingClientRect();
      return [point.x + point.width / 2, point.y + point.height / 2];
    })()"""
    box_of(page, 1)
    page.wait_for_timeout(500)
    x, y = page.evaluate(place)
    page.mouse.click(x, y)
    expect(page.get_by_text("1 of 4 runs chosen")).to_be_visible(timeout=15_000)
    assert "runs=" in page.url


def test_a_checkpoint_opens_in_the_playground_by_a_click_on_its_point(dashboard: Dashboard, page: Page) -> None:
    train_for_real(dashboard.store, DIGITS, "digits")
    visit(page, dashboard, "?metrics=eval/accuracy", charts=1)
    box_of(page)
    page.wait_for_timeout(500)
    place = """(() => {
      const box = document.querySelector('.descent-chart');
      const number = box.data.findIndex((trace) => trace.meta === 'checkpoint');
      const id = box._fullData[number].uid;
      const point = box.querySelector(`.trace${id} .point`).getBoundingClientRect();
      return [point.x + point.width / 2, point.y + point.height / 2];
    })()"""
    x, y = page.evaluate(place)
    page.mouse.click(x, y)
    page.wait_for_url("**/playground?**checkpoint=**", timeout=20_000)
