"""What browser tests share: real dashboards on free ports over stores of their own, and chromium."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Error, Page, expect, sync_playwright

from tests.conftest import skip_or_fail
from tests.stores import end_processes_of, new_store
from trainer_core.store import Store

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py") if not path.stem.startswith("_"))
"""The pages by the last part of their address."""
_CHROMIUM = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_START_SECONDS = 60.0
_own_port = 0


@dataclass(frozen=True)
class Dashboard:
    """A dashboard that runs: its address, without a slash at the end, its store and its process."""

    url: str
    store: Store
    pid: int


class StartDashboard(Protocol):
    """Starts a dashboard; `first_run` and `app` as `dashboards` tells."""

    def __call__(self, first_run: bool = False, app: str = "app.py") -> Dashboard: ...


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store without runs; whatever works for it is ended with the test."""
    store = new_store(tmp_path / "store")
    yield store
    end_processes_of(store)


@contextmanager
def dashboards(store: Store, folder: Path) -> Iterator[StartDashboard]:
    """Starts a fresh dashboard over the store each time it is called; all are ended at last. Their logs go into the folder.

    With `first_run`, through the command line, as `make run` does: a store without runs gets its first one queued. `app` is
    another ASGI app than the dashboard's own, as seen from the repository's root.
    """
    started: list[subprocess.Popen[bytes]] = []

    def start(first_run: bool = False, app: str = "app.py") -> Dashboard:
        port = _port()
        bare = ["streamlit", "run", app, "--server.port", str(port), "--server.headless", "true"]
        command = [sys.executable, "-m", *(["trainer_core", "dashboard", "--port", str(port)] if first_run else bare)]
        environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
        environment |= {"DESCENT_STORE": str(store.root), "MLFLOW_DISABLE_TELEMETRY": "true", "HF_HUB_OFFLINE": "1"}
        log = folder / f"dashboard-{port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        started.append(process)
        _wait_until_healthy(f"http://127.0.0.1:{port}", process, log)
        return Dashboard(f"http://127.0.0.1:{port}", store, process.pid)

    try:
        yield start
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def start_dashboard(store: Store, tmp_path: Path) -> Iterator[StartDashboard]:
    """Starts dashboards over the test's store, see `dashboards`."""
    with dashboards(store, tmp_path) as start:
        yield start


@pytest.fixture
def dashboard(start_dashboard: StartDashboard) -> Dashboard:
    """A dashboard over an empty store."""
    return start_dashboard()


@pytest.fixture(scope="module")
def shared_dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """One for the tests of a file that write nothing."""
    yield from _one_for_all(tmp_path_factory.mktemp("shared"), "app.py")


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A page of charts, and nothing else, served as the dashboard is."""
    yield from _one_for_all(tmp_path_factory.mktemp("charts"), "tests/browser/chart_tools/app.py")


def _one_for_all(folder: Path, app: str) -> Iterator[Dashboard]:
    store = new_store(folder / "store")
    with dashboards(store, folder) as start:
        yield start(app=app)
    end_processes_of(store)


@pytest.fixture(scope="session")
def chromium() -> Iterator[BrowserType]:
    """Chromium as installed on this machine; nothing is downloaded."""
    if find_chromium() is None:
        skip_or_fail("There is no chromium on this machine: `apt-get install chromium` brings it.")
    expect.set_options(timeout=30_000)  # a busy machine of two cores takes its time
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="session")
def browser(chromium: BrowserType) -> Iterator[Browser]:
    """A browser for tests that open profiles of their own."""
    browser = chromium.launch(executable_path=find_chromium(), args=list(CHROMIUM_ARGUMENTS))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def profile(chromium: BrowserType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A profile that keeps Streamlit's scripts compiled from test to test: a page opens with half the work of a first visit."""
    context = chromium.launch_persistent_context(
        tmp_path_factory.mktemp("profile"),
        executable_path=find_chromium(),
        args=list(CHROMIUM_ARGUMENTS),
        viewport={"width": 1400, "height": 900},
        reduced_motion="reduce",
        locale="en-GB",
    )
    yield context
    context.close()


@pytest.fixture
def page(profile: BrowserContext) -> Iterator[Page]:
    """An empty tab, 1400 by 900 pixels; what sites stored in the profile is gone after the test."""
    page = profile.new_page()
    page.set_default_timeout(30_000)
    yield page
    first, *others = profile.pages  # the first, which is empty, keeps the browser open
    place = urlsplit(page.url)
    if place.scheme == "http":
        forget = {"origin": f"http://{place.netloc}", "storageTypes": "cookies,local_storage,indexeddb"}
        profile.new_cdp_session(first).send("Storage.clearDataForOrigin", forget)
    for each in others:
        each.close()


def find_chromium() -> str | None:
    """Where chromium is installed on this machine; None where it is not."""
    return next((found for name in _CHROMIUM if (found := shutil.which(name))), None)


def pick(page: Page, label: str | re.Pattern[str], option: str | re.Pattern[str]) -> None:
    """Chooses in a select box, the first whose option matches; its list closes when the page is drawn anew, so this tries again."""
    box = page.get_by_role("combobox", name=label).first
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            box.click(timeout=3_000)
            page.get_by_role("option", name=option, exact=True).first.click(timeout=3_000)
        except Error:
            page.keyboard.press("Escape")
        else:
            return
    raise AssertionError(f"“{option}” could not be chosen in {label}")


def _port() -> int:
    """This process's own port, or another one while that is taken: what the profile keeps belongs to an address."""
    global _own_port
    for wanted in (_own_port, 0):
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", wanted))
            found = int(probe.getsockname()[1])
            _own_port = _own_port or found
            return found
    raise OSError("no port is free")


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:  # noqa: S310
                if answer.status == 200:
                    return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    pytest.fail(f"The dashboard did not start:\n{log.read_text(errors='replace')[-3000:]}")
