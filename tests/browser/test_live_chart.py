"""Charts that grow while they are looked at, in a real browser."""

import time
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Dashboard
from tests.logged_runs import log_run, log_steps
from trainer_core.tracking import write

CHART = ".descent-chart"
RANGES = "(() => { const l = document.querySelector('.descent-chart').layout; return [l.xaxis.range, l.yaxis.range]; })()"
POINTS = "(() => { const d = document.querySelector('.descent-chart').calcdata; return d ? d[0].length : 0; })()"


def test_zoom_outlives_new_points_and_the_run_s_end(dashboard: Dashboard, page: Page) -> None:
    run_id = log_run(dashboard.store, "bold-heron-7", state="running", steps=30)
    page.goto(f"{dashboard.url}/runs?run={run_id}")
    wait_for_points(page, 30)
    page.evaluate("document.querySelector('.descent-chart').dataset.mark = 'same'")
    zoom(page)
    zoomed = page.evaluate(RANGES)
    offset = dashboard.store.journal(run_id).stat().st_size
    for last in range(31, 71):
        offset = log_steps(dashboard.store, run_id, range(last, last + 1), offset=offset)
    wait_for_points(page, 70)
    assert close(page.evaluate(RANGES), zoomed)
    assert page.evaluate("document.querySelector('.descent-chart').dataset.mark") == "same", "the chart was drawn afresh"
    write.set_state(dashboard.store, run_id, "finished")
    expect(page.get_by_text("finished").first).to_be_visible()
    page.wait_for_timeout(1500)
    assert close(page.evaluate(RANGES), zoomed)


def test_charts_name_what_they_show_and_follow_the_theme(dashboard: Dashboard, page: Page) -> None:
    run_id = log_run(dashboard.store, "bold-heron-7", steps=30)
    page.emulate_media(color_scheme="dark")
    page.goto(f"{dashboard.url}/runs?run={run_id}")
    wait_for_points(page, 30)
    label = page.locator(CHART).first.get_attribute("aria-label") or ""
    assert label.startswith("Loss. training: 30 points, from")
    assert "validation split: 3 points" in label
    accuracy = page.locator(f"{CHART}[aria-label*='Accuracy']").first.get_attribute("aria-label") or ""
    assert "logistic regression 96.30 %" in accuracy
    colour = "getComputedStyle(document.querySelector('.descent-chart .xtick text')).fill"
    dark = page.evaluate(colour)
    page.emulate_media(color_scheme="light")
    page.reload()
    wait_for_points(page, 30)
    assert page.evaluate(colour) != dark
    expect(page.get_by_text("Share chart")).to_have_count(0)


def test_a_chart_keeps_its_height_and_fits_a_phone(dashboard: Dashboard, page: Page) -> None:
    run_id = log_run(dashboard.store, "bold-heron-7", steps=30)
    page.goto(f"{dashboard.url}/runs?run={run_id}")
    page.wait_for_selector(CHART)
    before = page.evaluate("document.querySelector('.descent-chart').offsetHeight")
    wait_for_points(page, 30)
    assert page.evaluate("document.querySelector('.descent-chart').offsetHeight") == before == 360
    page.set_viewport_size({"width": 400, "height": 900})
    page.wait_for_function("document.querySelector('.descent-chart .main-svg').getBoundingClientRect().width < 380")


def zoom(page: Page) -> None:
    """Draws a zoom box over the middle of the first chart."""
    chart = page.locator(CHART).first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.35 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"], steps=8)
    page.mouse.up()
    page.wait_for_function("document.querySelector('.descent-chart').layout.xaxis.autorange === false")


def wait_for_points(page: Page, count: int) -> None:
    """Waits until the first chart's first curve has so many points."""
    end = time.monotonic() + 45
    while time.monotonic() < end:
        if page.locator(f"{CHART} .main-svg").count() and page.evaluate(POINTS) >= count:
            return
        page.wait_for_timeout(200)
    raise AssertionError(f"{page.evaluate(POINTS)} points instead of {count}")


def close(one: Any, other: Any) -> bool:
    return all(abs(a - b) < 1e-6 for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True))
