"""What a viewer's hand does to the page of charts in this folder."""

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Dashboard

CHART = ".descent-chart"
HOVER = "(number) => document.querySelectorAll('.descent-chart')[number].querySelector('.hoverlayer').textContent"
SPIKES = "(number) => document.querySelectorAll('.descent-chart')[number].querySelectorAll('.hoverlayer .spikeline').length"
ACROSS = "(number) => document.querySelectorAll('.descent-chart')[number].layout.xaxis.range"
ZOOMED = "[...document.querySelectorAll('.descent-chart')].map((box) => box.layout.xaxis.autorange === false)"
MARK = """([trace, number]) => {
  const box = document.querySelector('.descent-chart');
  const point = box.querySelectorAll('.scatterlayer .trace')[trace].querySelectorAll('.point')[number].getBoundingClientRect();
  return [point.x + point.width / 2, point.y + point.height / 2];
}"""


def visit(page: Page, charts: Dashboard, show: str, count: int = 1) -> None:
    page.goto(f"{charts.url}/?show={show}")
    page.wait_for_function("(count) => document.querySelectorAll('.descent-chart-ready .main-svg').length >= count", arg=2 * count)
    page.wait_for_timeout(300)


def box_of(page: Page, number: int = 0) -> Any:
    """Where a chart stands, in pixels of the window."""
    found = page.locator(CHART).nth(number)
    found.scroll_into_view_if_needed()
    box = found.bounding_box()
    assert box is not None
    return box


def point_at(page: Page, number: int, across: float, upwards: float = 0.5) -> None:
    """Moves the pointer over a chart, to a place in fractions of its size."""
    box = box_of(page, number)
    for part in (0.98, 1.0):
        page.mouse.move(box["x"] + part * across * box["width"], box["y"] + upwards * box["height"], steps=3)


def drag(page: Page, number: int, start: tuple[float, float], end: tuple[float, float]) -> None:
    box = box_of(page, number)
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=8)
    page.mouse.up()


def tool(page: Page, title: str) -> Locator:
    return page.locator(CHART).first.get_by_role("button", name=title, exact=True)


def choose_tool(page: Page, title: str) -> None:
    point_at(page, 0, 0.5)
    tool(page, title).click()


def rerun(page: Page) -> None:
    number = int(page.get_by_text(re.compile(r"^run \d+$")).inner_text().removeprefix("run "))
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_text(f"run {number + 1}", exact=True)).to_be_visible()
    page.wait_for_timeout(400)


def brush(page: Page, axis: int, low: float, high: float) -> None:
    """Drags along an axis of parallel coordinates, in fractions of its length from below."""
    place = page.locator(f"{CHART} .axis-brush .background").nth(axis).bounding_box()
    assert place is not None
    x, height = place["x"] + place["width"] / 2, place["height"] - 60  # the handles reach 30 pixels beyond both ends
    page.mouse.move(x, place["y"] + 30 + (1 - low) * height)
    page.mouse.down()
    page.mouse.move(x, place["y"] + 30 + (1 - high) * height, steps=8)
    page.mouse.up()


def swipe(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A finger that moves over the first chart, in fractions of its size."""
    box = page.locator(CHART).first.bounding_box()
    assert box is not None
    client = page.context.new_cdp_session(page)

    def send(kind: str, part: float | None) -> None:
        points = []
        if part is not None:
            across, upwards = (a + part * (b - a) for a, b in zip(start, end, strict=True))
            points = [{"x": box["x"] + across * box["width"], "y": box["y"] + upwards * box["height"]}]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", 0)
    for step in range(1, 11):
        send("touchMove", step / 10)
        page.wait_for_timeout(20)
    send("touchEnd", None)
