"""A real run on the Runs page: seen live, stopped, found again after a restart of the dashboard, opened, resumed, archived."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import StartDashboard
from tests.logged_runs import log_run
from trainer_core import jobs
from trainer_core.recipes import find_recipe
from trainer_core.tracking.read import get_run


def test_a_run_is_watched_stopped_resumed_and_put_away(start_dashboard: StartDashboard, page: Page) -> None:
    dashboard = start_dashboard()
    config = find_recipe("digits").config.model_copy(update={"name": "bold-heron-7", "epochs": 20_000, "save_steps": 400})
    run_id = jobs.launch(dashboard.store, config, recipe="digits")

    page.goto(f"{dashboard.url}/runs")
    card = page.locator(f".st-key-card-{run_id}")
    expect(card.get_by_text("running")).to_be_visible(timeout=60_000)
    expect(card.get_by_text("Best checkpoint so far")).to_be_visible(timeout=60_000)
    expect(card.locator(".descent-chart-ready")).to_have_count(2)
    page.reload()
    expect(page.get_by_test_id("stSidebarNavLink").get_by_text("1 running")).to_be_visible()

    restarted = start_dashboard()
    page.goto(f"{restarted.url}/runs?run={run_id}")
    expect(page.get_by_role("heading", name="bold-heron-7")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(badge(page, "stopped")).to_be_visible(timeout=60_000)
    assert get_run(dashboard.store, run_id).state == "stopped"

    page.get_by_role("tab", name="Checkpoints").click()
    expect(page.get_by_text("latest").first).to_be_visible()
    page.get_by_role("button", name="Resume from here").first.click()
    expect(badge(page, "running")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Stop").click()
    expect(badge(page, "stopped")).to_be_visible(timeout=60_000)

    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("is archived")).to_be_visible()
    assert get_run(dashboard.store, run_id).archived
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("is archived")).to_have_count(0)
    assert not get_run(dashboard.store, run_id).archived
    expect(page.get_by_test_id("stException")).to_have_count(0)


def badge(page: Page, state: str) -> Locator:
    """The badge beside the open run's name."""
    return page.locator(".stMarkdownBadge", has_text=state).first


def test_a_click_in_the_history_opens_the_run_and_the_way_back_leads_to_all(start_dashboard: StartDashboard, page: Page) -> None:
    dashboard = start_dashboard()
    log_run(dashboard.store, "bold-heron-7")
    run_id = log_run(dashboard.store, "<b>calm</b> *owl* :red[2]")
    page.goto(f"{dashboard.url}/runs")
    table = page.get_by_test_id("stDataFrame")
    expect(table).to_be_visible()
    page.wait_for_timeout(1_000)
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 170, box["y"] + 35 + 17)
    expect(page.get_by_role("heading", name="<b>calm</b> *owl* :⁠red[2]")).to_be_visible()
    assert f"run={run_id}" in page.url
    page.get_by_role("button", name="All runs").click()
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
    assert "run=" not in page.url
