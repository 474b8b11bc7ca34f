"""A run goes on while everything that shows it and watches over it is killed, and the page finds it again."""

import itertools
import os
import signal
import time

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import StartDashboard
from trainer_core import jobs
from trainer_core.jobs.summon import lock_file
from trainer_core.recipes import find_recipe
from trainer_core.store import Store
from trainer_core.tracking.read import get_run, metric_history


def step_of(store: Store, run_id: str) -> int:
    now = jobs.progress(store, run_id)
    return now.step if now else 0


def until_step(store: Store, run_id: str, step: int) -> None:
    end = time.monotonic() + 90
    while step_of(store, run_id) < step:
        assert time.monotonic() < end, "the run stands still"
        time.sleep(0.1)


def test_the_page_is_closed_and_the_dashboard_and_supervisor_are_killed_in_mid_run(
    start_dashboard: StartDashboard, browser: Browser, page: Page
) -> None:
    dashboard = start_dashboard()
    settings = {"name": "bold-heron-7", "epochs": 20_000, "save_steps": 2_000, "logging_steps": 10}
    run_id = jobs.launch(dashboard.store, find_recipe("digits").config.model_copy(update=settings), recipe="digits")
    address = f"runs?run={run_id}"
    page.goto(f"{dashboard.url}/{address}")
    expect(page.get_by_text("running").first).to_be_visible(timeout=60_000)
    until_step(dashboard.store, run_id, 50)

    page.close()  # the tab is closed
    seen = step_of(dashboard.store, run_id)
    until_step(dashboard.store, run_id, seen + 100)

    other = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    try:
        other.goto(f"{dashboard.url}/{address}")
        expect(other.get_by_role("heading", name="bold-heron-7")).to_be_visible()
        os.kill(dashboard.pid, signal.SIGKILL)
        os.kill(int(lock_file(dashboard.store).read_text()), signal.SIGKILL)
        seen = step_of(dashboard.store, run_id)
        until_step(dashboard.store, run_id, seen + 100)

        restarted = start_dashboard(first_run=True)  # the command that people use looks for runs that nobody watches over
        other.goto(restarted.url)
        expect(other).to_have_url(f"{restarted.url}/runs")  # what trains is what one comes for
        other.goto(f"{restarted.url}/{address}")
        expect(other.get_by_text("running").first).to_be_visible()
        expect(other.locator(".descent-chart-ready").first).to_be_visible()
        other.get_by_role("button", name="Stop").click()
        expect(other.locator(".stMarkdownBadge", has_text="stopped").first).to_be_visible(timeout=60_000)
        expect(other.get_by_test_id("stException")).to_have_count(0)
    finally:
        other.context.close()
    run = get_run(dashboard.store, run_id)
    assert (run.state, run.restarts, len(run.segments)) == ("stopped", (), 1)
    steps = list(metric_history(dashboard.store, [run_id], ["train/loss"])["step"])
    assert steps[:3] == [1, 10, 20]
    assert all(later - earlier <= 10 for earlier, later in itertools.pairwise(steps)), "points are missing"
    assert len(set(steps)) == len(steps)
