"""A first visit straight to a page, on a server that nobody has visited, goes through the shell."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PAGES, StartDashboard


@pytest.mark.parametrize("address", ["", *PAGES])
def test_a_first_visit_shows_the_page_with_the_sidebar(start_dashboard: StartDashboard, page: Page, address: str) -> None:
    dashboard = start_dashboard()
    page.goto(f"{dashboard.url}/{address}")
    expect(page.locator("h1").first).to_be_visible()
    links = page.get_by_test_id("stSidebarNavLink")
    expect(links).to_have_count(len(PAGES))
    named = [text.split("\n")[-1].strip() for text in links.all_inner_texts()]
    assert [name.lower() for name in named] == ["train", "data", "runs", "compare", "playground"][: len(PAGES)]
    expect(page.get_by_test_id("stSidebar").get_by_text("free")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)
    shown = page.evaluate("document.querySelector('[data-testid=stSidebarNavLink][aria-current=page]')?.innerText ?? ''")
    assert (address or "train") in shown.lower()


def test_a_wide_page_fits_a_phone(start_dashboard: StartDashboard, page: Page) -> None:
    dashboard = start_dashboard()
    page.set_viewport_size({"width": 400, "height": 800})
    for address in PAGES:
        page.goto(f"{dashboard.url}/{address}")
        expect(page.locator("h1").first).to_be_visible()
        page.wait_for_timeout(500)
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 400, address
