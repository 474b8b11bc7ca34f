"""Playground for texts in a real browser: typed and answered, an example clicked, several lines."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import StartDashboard
from tests.trained_texts import train_reviews
from trainer_core.store import Store


def test_texts_are_answered_while_they_are_typed(store: Store, start_dashboard: StartDashboard, page: Page) -> None:
    run_id = train_reviews(store)
    dashboard = start_dashboard()

    page.goto(f"{dashboard.url}/runs?run={run_id}&tab=Checkpoints")
    page.get_by_role("button", name="Try it").first.click()
    expect(page.get_by_role("heading", name="Playground")).to_be_visible()
    expect(page.get_by_text("synthetic").first).to_be_visible()
    expect(page.get_by_role("heading", name="It says")).to_be_visible(timeout=60_000)
    expect(page.locator(".js-plotly-plot")).to_be_visible()

    field = page.get_by_label("Text", exact=True)
    field.fill("The plot was <b>wonderful</b>.")
    page.get_by_text("What the model saw").click()
    expect(page.get_by_text(" tokens").first).to_be_visible()

    example = page.locator(".st-key-text-examples button").nth(2)
    shown = example.inner_text()
    example.click()
    expect(field).not_to_have_value("The plot was <b>wonderful</b>.")
    assert field.input_value()[:30] in shown

    page.get_by_text("Several, a line each").click()
    lines = page.locator("textarea")
    lines.fill("The plot was wonderful.\nThe cast was dull.")
    lines.press("Control+Enter")
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
