"""Leaving a page of a run at work by each of its buttons. Shared with `benchmarks.clicks`."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Error, Page, WebSocketRoute

from trainer_core import jobs
from trainer_core.checkpoints import list_checkpoints
from trainer_core.recipes import find_recipe
from trainer_core.store import Store

RUN_NAME = "bold-heron-7"
ARRIVED = "arrived"
_ARRIVES_WITHIN_MS = 30_000


@dataclass(frozen=True)
class Way:
    """A button that leads away from a page: the page's address and heading, what to click, and the heading that is arrived at."""

    name: str
    address: str
    heading: str
    click: Callable[[Page], None]
    arrives_at: str


def ways(run_id: str) -> list[Way]:
    """From the pages of a run at work to wherever their buttons lead."""
    run = f"/runs?run={run_id}"

    def button(name: str) -> Callable[[Page], None]:
        return lambda page: page.get_by_role("button", name=name).first.click()

    return [
        Way("Clone into the form", run, RUN_NAME, button("Clone into the form"), "Train"),
        Way("Try it", f"{run}&tab=Checkpoints", RUN_NAME, button("Try it"), "Playground"),
        Way("Open the run", "/runs", "Runs", button(RUN_NAME), RUN_NAME),
        Way("All runs", run, RUN_NAME, button("All runs"), "Runs"),
        Way("Data, in the menu", run, RUN_NAME, lambda page: page.get_by_role("link", name="Data").click(), "Data"),
    ]


class LateAnswers:
    """Holds what the server sends, as a browser does that is busy drawing charts: meanwhile it goes on asking for what it shows."""

    def __init__(self, page: Page) -> None:
        self._held: list[tuple[WebSocketRoute, str | bytes]] = []
        self._holds = False
        page.route_web_socket("**/_stcore/stream", self._connect)

    def _connect(self, route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        route.on_message(server.send)

        def pass_on(message: str | bytes) -> None:
            if self._holds:
                self._held.append((route, message))
            else:
                route.send(message)

        server.on_message(pass_on)

    def hold(self) -> None:
        """From now on the browser hears nothing."""
        self._holds = True

    def let_go(self) -> None:
        """What was held arrives, in order, and what follows at once."""
        self._holds = False
        for route, message in self._held:
            route.send(message)
        self._held.clear()


def leave(page: Page, url: str, way: Way, phase: float, stays_ms: int, late: LateAnswers | None = None) -> str:
    """Opens the page and clicks once; `arrived`, or what was seen instead. `phase` is how long after drawing, in seconds.

    It has arrived where the heading is seen, and still is `stays_ms` later. `late` has the browser hear of the click's effect only
    once it has asked anew for each part of the page that is left.
    """
    page.goto(f"{url}{way.address}")
    try:
        page.get_by_role("heading", name=way.heading, exact=True).wait_for()
        page.wait_for_timeout(1_000 * phase)
        if late is not None:
            late.hold()
        way.click(page)
        if late is not None:
            page.wait_for_timeout(1_100)  # the parts of a run at work are asked for each second
            late.let_go()
    except Error:
        return "not drawn before the click"
    heading = page.get_by_role("heading", name=way.arrives_at, exact=True)
    try:
        heading.wait_for(timeout=_ARRIVES_WITHIN_MS)
        page.wait_for_timeout(stays_ms)
        if page.get_by_test_id("stException").count():
            return "exception"
        if heading.is_visible():
            return ARRIVED
    except Error:
        pass
    main = page.get_by_test_id("stMain")
    if not main.count():
        return "white"
    return "blank" if not main.inner_text().strip() else "elsewhere"


def launch_long_run(store: Store) -> str:
    """A run that trains until it is stopped, with a checkpoint already; its id."""
    config = find_recipe("digits").config.model_copy(update={"name": RUN_NAME, "epochs": 100_000, "save_steps": 400})
    run_id = jobs.launch(store, config, recipe="digits")
    end = time.monotonic() + 300
    while not list_checkpoints(store, run_id):
        if time.monotonic() > end:
            raise TimeoutError("The run has saved no checkpoint within five minutes.")
        time.sleep(0.2)
    return run_id
