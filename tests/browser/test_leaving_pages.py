"""Buttons that leave a page work while a run trains: each click arrives at a page that is drawn and stays."""

from collections import Counter
from itertools import cycle, islice

from playwright.sync_api import Page

from tests.browser.conftest import Dashboard
from tests.browser.leaving import ARRIVED, LateAnswers, launch_long_run, leave, ways

CLICKS = 10


def test_ten_clicks_away_from_a_run_at_work_arrive_at_drawn_pages(dashboard: Dashboard, page: Page) -> None:
    run_id = launch_long_run(dashboard.store)
    late = LateAnswers(page)
    outcomes = Counter(
        f"{way.name}: {leave(page, dashboard.url, way, phase=0, stays_ms=300, late=late)}"
        for way in islice(cycle(ways(run_id)), CLICKS)
    )
    assert {outcome.rpartition(": ")[2] for outcome in outcomes} == {ARRIVED}, outcomes
