"""The whole road, on the real thing: a first run seen live, one's own run launched and watched, both compared, a digit drawn."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import StartDashboard
from tests.browser.test_draw import ONE, draw, open_canvas
from trainer_core.tracking.read import list_runs

POINTS = "chart => chart.calcdata ? chart.calcdata[0].length : 0"


def test_from_a_first_visit_to_a_drawn_digit(start_dashboard: StartDashboard, page: Page) -> None:
    dashboard = start_dashboard(first_run=True)

    page.goto(f"{dashboard.url}/runs")  # the newcomer sees the first run train
    [first] = list_runs(dashboard.store)
    card = page.locator(f".st-key-card-{first.run_id}")
    expect(card.get_by_text("running")).to_be_visible(timeout=60_000)
    expect(card.get_by_text(re.compile(r"Step [\d,]+ of"))).to_be_visible(timeout=60_000)
    expect(row_of(page, first.name)).to_contain_text("finished", timeout=60_000)

    menu(page, "Train").click()  # launches one with another learning rate
    rate = page.get_by_role("textbox", name="Learning rate")
    rate.fill("3e-2")
    rate.press("Enter")
    expect(page.get_by_text("1 setting differs from the recipe digits")).to_be_visible()
    page.get_by_role("button", name="Launch", exact=True).click()
    page.get_by_role("button", name="Watch it").click()
    second = next(run for run in list_runs(dashboard.store) if run.run_id != first.run_id)
    expect(page.get_by_role("heading", name=second.name)).to_be_visible()
    expect(page.locator(".stMarkdownBadge", has_text="finished")).to_be_visible(timeout=60_000)
    expect(page.locator(".descent-chart-ready").first).to_be_visible()
    assert page.locator(".descent-chart").first.evaluate(POINTS) > 10

    menu(page, "Compare").click()  # lays both over each other
    for name in (first.name, second.name):
        choose(page, name)
    expect(page.get_by_text("2 runs chosen")).to_be_visible()
    shows_both(page, first.name, second.name)

    tab = page.context.new_page()  # the address alone is the view
    tab.goto(page.url)
    expect(tab.get_by_text("2 runs chosen")).to_be_visible()
    shows_both(tab, first.name, second.name)
    tab.close()

    open_canvas(page, dashboard)  # asks the newest run
    draw(page, ONE)
    expect(page.get_by_role("heading", name=re.compile(r"It says \d"))).to_be_visible(timeout=60_000)
    expect(page.locator(".js-plotly-plot .bars .point")).to_have_count(10)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def menu(page: Page, title: str) -> Locator:
    """A page's entry in the menu."""
    return page.get_by_test_id("stSidebarNavLink").filter(has_text=title)


def row_of(page: Page, name: str) -> Locator:
    """A run's row in a table. Tables are drawn on a canvas and keep their rows in it for screen readers."""
    return page.get_by_test_id("stDataFrame").locator("tr", has_text=name)


def choose(page: Page, name: str) -> None:
    """Ticks a run in the table of runs."""
    table = page.get_by_test_id("stDataFrame").first
    rows = table.locator("tr[aria-rowindex]")
    expect(rows.filter(has_text=name)).to_have_count(1)
    place = int(rows.filter(has_text=name).get_attribute("aria-rowindex") or 0)
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 17, box["y"] + 35 * (place - 1) + 17)


def shows_both(page: Page, first: str, second: str) -> None:
    """The curves of both runs lie in the chart, and the only difference named is the learning rate."""
    chart = page.locator(".descent-chart-ready").first
    expect(chart).to_have_attribute("aria-label", re.compile(f"(?=.*{first})(?=.*{second})"))
    differences = page.get_by_test_id("stDataFrame").nth(1)
    differences.scroll_into_view_if_needed()  # its rows are drawn once it is in sight
    rows = differences.locator("tr[aria-rowindex]")
    expect(rows).to_have_count(2)  # the head, and one difference
    expect(rows.nth(1)).to_contain_text("Learning rate")
    for rate in ("2e-3", "0.03"):
        expect(rows.nth(1)).to_contain_text(rate)
