"""Takes the pictures of the README and the docs anew, from really trained runs in a temporary store:
`python docs/take_screenshots.py`.

Needs chromium and what requirements-dev.txt installs; takes about eight minutes. Nothing outside docs/images is written.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.launched import run_to_end  # noqa: E402
from tests.browser.conftest import CHROMIUM_ARGUMENTS, find_chromium  # noqa: E402
from tests.browser.test_draw import draw  # noqa: E402
from tests.browser.test_own_data import write_films  # noqa: E402
from tests.stores import end_processes_of  # noqa: E402
from trainer_core import jobs  # noqa: E402
from trainer_core.checkpoints import find_checkpoint  # noqa: E402
from trainer_core.curating.work import answer  # noqa: E402
from trainer_core.recipes import find_recipe  # noqa: E402
from trainer_core.store import Store, open_store  # noqa: E402
from trainer_core.tracking.read import list_runs  # noqa: E402

WIDTH, HEIGHT = 1400, 840
THREE = [(0.3, 0.2), (0.5, 0.1), (0.68, 0.25), (0.48, 0.47), (0.7, 0.65), (0.55, 0.88), (0.3, 0.8)]
_MOST_BYTES = 250_000
TRIED = (
    ("bold-heron-1", 2e-3, 32),
    ("calm-otter-2", 3e-4, 32),
    ("deft-finch-3", 1e-2, 32),
    ("fair-raven-4", 2e-3, 128),
    ("glad-stoat-5", 3e-4, 128),
    ("keen-marten-6", 1e-2, 128),
)
"""Name, learning rate and batch size of the runs that are compared."""


def main() -> int:
    """Trains two runs, starts a third, and photographs the pages."""
    parser = argparse.ArgumentParser(prog="python docs/take_screenshots.py", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="the folder to write to")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("There is no chromium on this machine: `apt-get install chromium` brings it.")
    with temporary_folder() as store, sync_playwright() as playwright, serve(store) as url:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGUMENTS))
        recipe = find_recipe("digits").config
        for name, rate, batch in TRIED:
            changes = {"name": name, "learning_rate": rate, "batch_size": batch}
            run_to_end(store, recipe.model_copy(update=changes), "digits")
        photograph_train(browser, url, out / "train.png")
        photograph_compare(browser, url, store, out)
        photograph_data(browser, url, store, out / "data.png")
        photograph_playground(browser, url, out / "playground.png")
        reviews = find_recipe("reviews").config.model_copy(update={"name": "still-reed-7", "epochs": 4})
        run_to_end(store, reviews, "reviews")
        photograph_views(browser, url, store, out)
        photograph_talk(browser, url, store, out / "talk.png")
        config = recipe.model_copy(update={"name": "keen-lynx-3", "learning_rate": 1e-4, "epochs": 400, "eval_steps": 200})
        run_id = jobs.launch(store, config, recipe="digits")
        photograph_live(browser, url, run_id, "light", out / "runs.png")
        photograph_live(browser, url, run_id, "dark", out / "runs-dark.png")
        jobs.stop(store, run_id)
        browser.close()
        while jobs.state_of(store, run_id)[0] == "running":
            time.sleep(0.2)
    for picture in sorted(out.glob("*.png")):
        size = picture.stat().st_size
        sys.stdout.write(f"{picture}  {size / 1000:.0f} kB{'  too big' if size > _MOST_BYTES else ''}\n")
    return 0


@contextmanager
def temporary_folder() -> Iterator[Store]:
    """A store that is called as the usual one is, since the pages show its name; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="descent-screenshots-") as folder:
        store = open_store(Path(folder) / "mlruns", environment={})
        try:
            yield store
        finally:
            end_processes_of(store)


@contextmanager
def serve(store: Store) -> Iterator[str]:
    """A dashboard over the store on a free port; gives its address and ends it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "DESCENT_STORE": str(store.root), "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def wait_until_healthy(address: str) -> None:
    """Waits until the dashboard answers. Raises SystemExit where it does not within a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own dashboard
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("The dashboard did not start within a minute.")


@contextmanager
def opened(browser: Browser, address: str, scheme: str = "light", height: int = HEIGHT, width: int = WIDTH) -> Iterator[Page]:
    """A tab with the page, its first heading in sight."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(address)
    expect(page.locator("h1").first).to_be_visible(timeout=30_000)
    yield page
    context.close()


def photograph_train(browser: Browser, url: str, path: Path) -> None:
    """The form with a changed learning rate."""
    with opened(browser, f"{url}/train", height=1400) as page:
        rate = page.get_by_role("textbox", name="Learning rate")
        rate.fill("1e-3")
        rate.press("Enter")
        expect(page.get_by_text("1 setting differs")).to_be_visible()
        expect(page.locator(".js-plotly-plot .bars .point")).to_have_count(10)
        take(page, path)


def photograph_compare(browser: Browser, url: str, store: Store, out: Path) -> None:
    """Each view of Compare, and one of them on a telephone."""
    ids = {run.name: run.run_id[:8] for run in list_runs(store)}
    two = f"runs={ids['bold-heron-1']},{ids['calm-otter-2']}"
    views = {
        "compare.png": (two, 1430, 2),
        "compare-difference.png": (
            f"{two}&metrics=train/loss&smoothing=0.8&pin={list_runs(store)[-1].run_id}&difference=true",
            900,
            1,
        ),
        "compare-groups.png": ("group=batch_size&metrics=eval/accuracy|train/loss&over=epoch", 1100, 2),
        "compare-scatter.png": ("below=What+matters&metrics=eval/accuracy", 1150, 2),
        "compare-parallel.png": ("below=What+matters&view=parallel&metrics=eval/accuracy", 1230, 2),
        "compare-heat.png": ("below=What+matters&view=heat&metrics=eval/accuracy", 1150, 2),
    }
    for name, (query, height, charts) in views.items():
        with opened(browser, f"{url}/compare?{query}", height=height) as page:
            expect(page.locator(".descent-chart-ready")).to_have_count(charts, timeout=30_000)
            take(page, out / name)
    with opened(browser, f"{url}/compare?{two}", "dark", height=1500, width=400) as page:
        expect(page.locator(".descent-chart-ready")).to_have_count(2, timeout=30_000)
        take(page, out / "compare-narrow.png")


def photograph_data(browser: Browser, url: str, store: Store, path: Path) -> None:
    """A dataset with a leak and what else is wrong with it."""
    with tempfile.TemporaryDirectory(prefix="descent-films-") as folder:
        source = write_films(Path(folder) / "films.csv")
        with source.open("a", encoding="utf-8") as file:
            file.write(",praise,site 1,train\nA fine film,Praise,site 1,train\n")
        told = {"label_column": "verdict"}
        look = answer(store, {"do": "look", "source": str(source), "given": told}, lambda _share, _what: None)
        request = {"do": "save", "source": str(source), "reading": look["reading"], "name": "films"}
        answer(store, request, lambda _share, _what: None)
    with opened(browser, f"{url}/data?dataset=films", height=900) as page:
        expect(page.get_by_text("The same in two splits (leak)")).to_be_visible(timeout=60_000)
        take(page, path)


def photograph_playground(browser: Browser, url: str, path: Path) -> None:
    """A drawn three and its answer."""
    with opened(browser, f"{url}/playground", height=860) as page:
        page.get_by_text("Draw", exact=True).click()
        draw(page, THREE)
        expect(page.get_by_role("heading", name="It says")).to_be_visible(timeout=60_000)
        expect(page.locator(".js-plotly-plot .bars .point")).to_have_count(10)
        take(page, path)


def photograph_views(browser: Browser, url: str, store: Store, out: Path) -> None:
    """What the playground shows of a whole split."""
    best = {run.name: find_checkpoint(store, run.run_id, "best") for run in list_runs(store)}
    other = f"{best['calm-otter-2'].run_id}:{best['calm-otter-2'].step}"
    views = {
        "playground-flips.png": ("bold-heron-1", f"view=flips&split=train&beside={other}", 1150, "A right, B wrong"),
        "playground-errors.png": ("calm-otter-2", "view=errors&split=train", 1330, "those it is surest of first"),
        "playground-calibration.png": ("still-reed-7", "view=calibration", 1330, "Keep this threshold"),
    }
    for name, (run, query, height, awaited) in views.items():
        with opened(browser, f"{url}/playground?run={best[run].run_id}&{query}", height=height) as page:
            expect(page.get_by_text(awaited).first).to_be_visible(timeout=60_000)
            take(page, out / name)


def photograph_talk(browser: Browser, url: str, store: Store, path: Path) -> None:
    """A talk with the hotel assistant: a search, the hotels, and a question about one of them."""
    config = find_recipe("hotel-demo").config.model_copy(update={"name": "kind-robin-8"})
    run, _seconds = run_to_end(store, config, "hotel-demo")
    with opened(browser, f"{url}/playground?run={run.run_id}", height=1_150) as page:
        again = page.get_by_role("button", name="Try again")
        for said in ("你好，我想住一家有健身房的、评分4.2以上的酒店。", "就去红叶酒店吧。", "多少钱一晚？"):
            field = page.get_by_test_id("stChatInputTextArea")
            field.fill(said)
            field.press("Enter")
            expect(page.get_by_test_id("stChatMessage").filter(has_text=said)).to_be_visible(timeout=60_000)
            expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0, timeout=60_000)
            expect(again).to_be_visible(timeout=60_000)
        take(page, path)


def photograph_live(browser: Browser, url: str, run_id: str, scheme: str, path: Path) -> None:
    """The list of runs while one trains."""
    with opened(browser, f"{url}/runs", scheme) as page:
        card = page.locator(f".st-key-card-{run_id}")
        expect(card.get_by_text("Best accuracy so far")).to_be_visible(timeout=60_000)
        expect(card.get_by_text("left")).to_be_visible(timeout=60_000)
        expect(card.locator(".descent-chart-ready")).to_have_count(2, timeout=30_000)
        page.wait_for_timeout(6_000)  # a few more points
        take(page, path)


def take(page: Page, path: Path) -> None:
    """Writes the picture once nothing moves."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(1_500)
    page.screenshot(path=path)


if __name__ == "__main__":
    sys.exit(main())
