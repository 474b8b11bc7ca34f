"""Drawing with mouse, finger and keyboard, asked of a really trained checkpoint."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Dashboard
from tests.stores import end_processes_of
from tests.trained_digits import train_digits
from trainer_core.store import Store

Points = list[tuple[float, float]]
ONE: Points = [(0.5, 0.1), (0.5, 0.9)]
ZERO: Points = [(0.5, 0.1), (0.28, 0.3), (0.28, 0.7), (0.5, 0.9), (0.72, 0.7), (0.72, 0.3), (0.5, 0.1)]
INK = """canvas => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let inked = 0;
  for (let place = 3; place < pixels.length; place += 4) inked += pixels[place] > 0;
  return inked;
}"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with a trained run; whatever works for it is ended with the test."""
    store, _run_id = train_digits(tmp_path / "store")
    yield store
    end_processes_of(store)


def open_canvas(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.url}/playground")
    page.get_by_text("Draw", exact=True).click()
    expect(page.get_by_label("Drawing area")).to_be_visible()


def on_canvas(page: Page, points: Points, label: str = "Drawing area") -> Points:
    """Points of the canvas, 0 to 1, as points of the window."""
    box = page.get_by_label(label).bounding_box()
    assert box
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]


def draw(page: Page, points: Points, label: str = "Drawing area") -> None:
    (first_x, first_y), *others = on_canvas(page, points, label)
    page.mouse.move(first_x, first_y)
    page.mouse.down()
    for x, y in others:
        page.mouse.move(x, y, steps=10)
    page.mouse.up()


def ink(page: Page) -> int:
    return int(page.get_by_label("Drawing area").evaluate(INK))


def test_a_drawn_one_is_recognised_kept_elsewhere_and_taken_back_by_keyboard(dashboard: Dashboard, page: Page) -> None:
    open_canvas(page, dashboard)
    undo, clear = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Clear")
    expect(undo).to_be_disabled()
    draw(page, ONE)
    expect(page.get_by_role("heading", name="It says 1")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("What the model saw")).to_be_visible()
    inked = ink(page)
    assert inked > 0

    page.get_by_text("Upload", exact=True).first.click()
    expect(page.get_by_label("Drawing area")).to_have_count(0)
    page.get_by_text("Draw", exact=True).click()
    expect(page.get_by_role("heading", name="It says 1")).to_be_visible()
    assert ink(page) == inked

    for stroke in (ZERO, ONE, ONE):  # faster than the server answers
        draw(page, stroke)
    page.wait_for_timeout(1500)
    assert ink(page) > inked
    for _stroke in range(3):
        undo.press("Enter")
    expect(page.get_by_role("heading", name="It says 1")).to_be_visible()
    assert ink(page) == inked
    clear.press("Space")
    expect(page.get_by_role("heading", name="It says")).to_have_count(0)
    expect(clear).to_be_disabled()
    assert ink(page) == 0


def test_a_finger_on_a_dark_phone_draws_and_does_not_scroll(dashboard: Dashboard, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True, color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(30_000)
    try:
        open_canvas(page, dashboard)
        page.get_by_label("Drawing area").scroll_into_view_if_needed()
        points = on_canvas(page, ZERO)
        finger = context.new_cdp_session(page)
        for place, (x, y) in enumerate(points):
            kind = "touchStart" if place == 0 else "touchMove"
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        expect(page.get_by_role("heading", name="It says 0")).to_be_visible(timeout=60_000)
        assert on_canvas(page, ZERO) == points
        colours = page.get_by_label("Drawing area").evaluate(
            "c => [getComputedStyle(c).color, getComputedStyle(c).backgroundColor]"
        )
        ink_level, paper_level = (sum(int(part) for part in colour[4:-1].split(",")) for colour in colours)
        assert ink_level > paper_level  # light ink on dark paper
    finally:
        context.close()


def test_another_test_picture_is_asked_about_by_a_click(dashboard: Dashboard, page: Page) -> None:
    page.goto(f"{dashboard.url}/playground")
    row = page.get_by_role("group", name="Pictures of the test split")
    expect(page.get_by_role("heading", name="It says")).to_be_visible(timeout=60_000)
    chosen = row.get_by_role("button", name="Test picture of 6").first
    chosen.click()
    expect(page.get_by_role("heading", name="It says 6")).to_be_visible()
    expect(chosen).to_have_attribute("aria-pressed", "true")
    expect(row.locator("[aria-pressed=true]")).to_have_count(1)
