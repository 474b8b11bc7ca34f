"""Takes the pictures of the README and the docs anew, in each language, from really trained runs in a temporary store:
`python docs/take_screenshots.py`.

Needs chromium, what requirements-dev.txt installs, and for the course's pictures `mnist/`, `rotten_tomatoes/` and `models/` in
`$DESCENT_TEST_DATA` or where `--data` says; takes about ten minutes. Nothing outside docs/images is written.
"""

import argparse
import gettext
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.launched import run_to_end  # noqa: E402
from tests.browser.conftest import CHROMIUM_ARGUMENTS, dashboards, find_chromium  # noqa: E402
from tests.browser.test_draw import draw  # noqa: E402
from tests.browser.test_own_data import write_films  # noqa: E402
from tests.stores import end_processes_of  # noqa: E402
from trainer_core import jobs  # noqa: E402
from trainer_core.checkpoints import find_checkpoint  # noqa: E402
from trainer_core.curating.work import answer  # noqa: E402
from trainer_core.language import DOMAIN, ENGLISH, LANGUAGES, LOCALES  # noqa: E402
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


@dataclass(frozen=True)
class Camera:
    """Looks at one dashboard as a reader of one language does, and keeps what it sees in a folder."""

    browser: Browser
    url: str
    store: Store
    out: Path
    language: str

    def say(self, message: str) -> str:
        """A message in the reader's language."""
        return gettext.translation(DOMAIN, LOCALES, [self.language], fallback=True).gettext(message)

    @contextmanager
    def opened(self, address: str, scheme: str = "light", height: int = HEIGHT, width: int = WIDTH) -> Iterator[Page]:
        """A tab with the page, its first heading in sight."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            locale=self.language.replace("_", "-"),
        )
        page = context.new_page()
        page.goto(f"{self.url}/{address}")
        expect(page.locator("h1").first).to_be_visible(timeout=30_000)
        yield page
        context.close()

    def take(self, page: Page, name: str) -> None:
        """Writes the picture once nothing moves."""
        page.mouse.move(0, 0)
        page.wait_for_timeout(1_500)
        page.screenshot(path=self.out / name)


def main() -> int:
    """Trains the runs, and photographs the pages."""
    parser = argparse.ArgumentParser(prog="python docs/take_screenshots.py", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="the folder to write to")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DESCENT_TEST_DATA", ROOT.parent / "shared" / "data")))
    options = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("There is no chromium on this machine: `apt-get install chromium` brings it.")
    with (
        temporary_folder() as store,
        at_home(options.data.resolve()) as data,
        sync_playwright() as playwright,
        dashboards(store, store.root.parent) as start,
    ):
        url = start().url
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGUMENTS))
        cameras = []
        for language in LANGUAGES:
            out = options.out if language == ENGLISH else options.out / language
            out.mkdir(parents=True, exist_ok=True)
            cameras.append(Camera(browser, url, store, out, language))
        train_and_photograph(cameras, store, data)
        browser.close()
    for picture in sorted(options.out.rglob("*.png")):
        size = picture.stat().st_size
        sys.stdout.write(f"{picture}  {size / 1000:.0f} kB{'  too big' if size > _MOST_BYTES else ''}\n")
    return 0


def train_and_photograph(cameras: list[Camera], store: Store, data: str) -> None:
    """What each picture needs is trained before it is taken."""
    recipe = find_recipe("digits").config
    for name, rate, batch in TRIED:
        changes = {"name": name, "learning_rate": rate, "batch_size": batch}
        run_to_end(store, recipe.model_copy(update=changes), "digits")
    save_films(store)
    for camera in cameras:
        photograph_train(camera)
        photograph_compare(camera)
        photograph_data(camera)
        photograph_playground(camera)
    reviews = find_recipe("reviews").config.model_copy(update={"name": "still-reed-7", "epochs": 4})
    run_to_end(store, reviews, "reviews")
    photograph_views(cameras[0])
    talk = find_recipe("hotel-demo").config.model_copy(update={"name": "kind-robin-8"})
    talked, _seconds = run_to_end(store, talk, "hotel-demo")
    mnist = find_recipe("mnist").config.model_copy(update={"name": "wise-heron-9", "dataset": f"{data}/mnist"})
    digits, _seconds = run_to_end(store, mnist, "mnist")
    for camera in cameras:
        photograph_talk(camera, talked.run_id)
        photograph_course(camera, digits.run_id, data)
    config = recipe.model_copy(update={"name": "keen-lynx-3", "learning_rate": 1e-4, "epochs": 800, "eval_steps": 200})
    run_id = jobs.launch(store, config, recipe="digits")
    for camera in cameras:
        photograph_live(camera, run_id, "light", "runs.png")
        photograph_live(camera, run_id, "dark", "runs-dark.png")
    jobs.stop(store, run_id)
    while jobs.state_of(store, run_id)[0] == "running":
        time.sleep(0.2)


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
def at_home(data: Path) -> Iterator[str]:
    """The data under a home of their own, so that a picture shows no machine's paths: `~/course`."""
    before = os.environ["HOME"]
    with tempfile.TemporaryDirectory(prefix="descent-home-") as home:
        for part in ("mnist", "rotten_tomatoes", "models/stories260K"):
            shutil.copytree(data / part, Path(home) / "course" / part)
        os.environ["HOME"] = home
        try:
            yield "~/course"
        finally:
            os.environ["HOME"] = before


def photograph_train(camera: Camera) -> None:
    """The form with a changed learning rate."""
    with camera.opened("train", height=1400) as page:
        rate = page.get_by_role("textbox", name=camera.say("Learning rate"))
        rate.fill("1e-3")
        rate.press("Enter")
        expect(page.get_by_text(camera.say("Take all of it back"))).to_be_visible()
        expect(page.locator(".js-plotly-plot .bars .point")).to_have_count(10)
        camera.take(page, "train.png")


def photograph_compare(camera: Camera) -> None:
    """Each view of Compare, and one of them on a telephone; in other languages than English the first alone."""
    runs = list_runs(camera.store)
    ids = {run.name: run.run_id[:8] for run in runs}
    two = f"runs={ids['bold-heron-1']},{ids['calm-otter-2']}"
    first = next(run.run_id for run in runs if run.name == "bold-heron-1")
    views = {
        "compare.png": (two, 1430, 2),
        "compare-difference.png": (f"{two}&metrics=train/loss&smoothing=0.8&pin={first}&difference=true", 900, 1),
        "compare-groups.png": ("group=batch_size&metrics=eval/accuracy|train/loss&over=epoch", 1100, 2),
        "compare-scatter.png": ("below=What+matters&metrics=eval/accuracy", 1150, 2),
        "compare-parallel.png": ("below=What+matters&view=parallel&metrics=eval/accuracy", 1230, 2),
        "compare-heat.png": ("below=What+matters&view=heat&metrics=eval/accuracy", 1150, 2),
    }
    for name, (query, height, charts) in views.items():
        if camera.language != ENGLISH and name != "compare.png":
            continue
        with camera.opened(f"compare?{query}", height=height) as page:
            expect(page.locator(".descent-chart-ready")).to_have_count(charts, timeout=30_000)
            camera.take(page, name)
    if camera.language == ENGLISH:
        with camera.opened(f"compare?{two}", "dark", height=1500, width=400) as page:
            expect(page.locator(".descent-chart-ready")).to_have_count(2, timeout=30_000)
            camera.take(page, "compare-narrow.png")


def save_films(store: Store) -> None:
    """A dataset with a leak and what else can be wrong with one."""
    with tempfile.TemporaryDirectory(prefix="descent-films-") as folder:
        source = write_films(Path(folder) / "films.csv")
        with source.open("a", encoding="utf-8") as file:
            file.write(",praise,site 1,train\nA fine film,Praise,site 1,train\n")
        told = {"label_column": "verdict"}
        look = answer(store, {"do": "look", "source": str(source), "given": told}, lambda _share, _what: None)
        request = {"do": "save", "source": str(source), "reading": look["reading"], "name": "films"}
        answer(store, request, lambda _share, _what: None)


def photograph_data(camera: Camera) -> None:
    """What is wrong with that dataset."""
    with camera.opened("data?dataset=films", height=900) as page:
        expect(page.get_by_text(camera.say("The same in two splits (leak)"))).to_be_visible(timeout=60_000)
        camera.take(page, "data.png")


def photograph_playground(camera: Camera) -> None:
    """A drawn three and its answer."""
    with camera.opened("playground", height=860) as page:
        page.get_by_text(camera.say("Draw"), exact=True).click()
        draw(page, THREE, camera.say("Drawing area: draw with mouse, pen or finger"))
        expect(page.locator("h3, h4, h5").filter(has_text="3").first).to_be_visible(timeout=60_000)
        expect(page.locator(".js-plotly-plot .bars .point")).to_have_count(10, timeout=60_000)
        camera.take(page, "playground.png")


def photograph_views(camera: Camera) -> None:
    """What the playground shows of a whole split."""
    best = {run.name: find_checkpoint(camera.store, run.run_id, "best") for run in list_runs(camera.store)}
    other = f"{best['calm-otter-2'].run_id}:{best['calm-otter-2'].step}"
    views = {
        "playground-flips.png": ("bold-heron-1", f"view=flips&split=train&beside={other}", 1150, "A right, B wrong"),
        "playground-errors.png": ("calm-otter-2", "view=errors&split=train", 1330, "those it is surest of first"),
        "playground-calibration.png": ("still-reed-7", "view=calibration", 1330, "Keep this threshold"),
    }
    for name, (run, query, height, awaited) in views.items():
        with camera.opened(f"playground?run={best[run].run_id}&{query}", height=height) as page:
            expect(page.get_by_text(awaited).first).to_be_visible(timeout=60_000)
            camera.take(page, name)


def photograph_talk(camera: Camera, run_id: str) -> None:
    """A talk with the hotel assistant: a search, the hotels, and a question about one of them."""
    with camera.opened(f"playground?run={run_id}", height=1_150) as page:
        again = page.get_by_role("button", name=camera.say("Try again"))
        for said in ("你好，我想住一家有健身房的、评分4.2以上的酒店。", "就去红叶酒店吧。", "多少钱一晚？"):
            field = page.get_by_test_id("stChatInputTextArea")
            field.fill(said)
            field.press("Enter")
            expect(page.get_by_test_id("stChatMessage").filter(has_text=said)).to_be_visible(timeout=60_000)
            expect(page.get_by_role("button", name=camera.say("Stop"), exact=True)).to_have_count(0, timeout=60_000)
            expect(again).to_be_visible(timeout=60_000)
        camera.take(page, "talk.png")


def photograph_course(camera: Camera, run_id: str, data: str) -> None:
    """The run of the second experiment, and what the first one learns from."""
    with camera.opened(f"runs?run={run_id}", height=1_250) as page:
        expect(page.locator(".descent-chart-ready").first).to_be_visible(timeout=30_000)
        page.wait_for_timeout(2_000)
        camera.take(page, "course-mnist.png")
    with camera.opened("train", height=1_500) as page:
        page.get_by_role("button", name="sentiment", exact=True).click()
        model = page.get_by_role("combobox", name=camera.say("Model"))
        expect(model).to_have_value("gpt2", timeout=60_000)
        settled = page.locator("[data-test-script-state=notRunning]").first
        expect(settled).to_be_attached(timeout=60_000)
        dataset = page.get_by_role("textbox", name=camera.say("Dataset"))
        dataset.fill(f"{data}/rotten_tomatoes")
        dataset.press("Enter")
        expect(page.get_by_text("8,530").first).to_be_visible(timeout=60_000)
        expect(settled).to_be_attached(timeout=60_000)
        model.click()
        model.fill(f"{data}/models/stories260K")
        model.press("Enter")
        tokens = page.get_by_role("group", name=camera.say("Training texts, token by token"))
        expect(tokens.locator(".learned").first).to_be_visible(timeout=60_000)
        tokens.scroll_into_view_if_needed()
        page.set_viewport_size({"width": WIDTH, "height": 900})
        page.locator("h3").nth(1).scroll_into_view_if_needed()
        tokens.evaluate("element => element.scrollIntoView({block: 'center'})")
        camera.take(page, "course-sentiment.png")


def photograph_live(camera: Camera, run_id: str, scheme: str, name: str) -> None:
    """The list of runs while one trains."""
    with camera.opened("runs", scheme) as page:
        card = page.locator(f".st-key-card-{run_id}")
        expect(card.locator(".descent-chart-ready")).to_have_count(2, timeout=60_000)
        page.wait_for_timeout(8_000)  # a first evaluation, an estimate, and a few more points
        camera.take(page, name)


if __name__ == "__main__":
    sys.exit(main())
