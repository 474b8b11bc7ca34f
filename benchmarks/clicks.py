"""Buttons that leave a page, clicked while a run trains: each click must arrive at a page that is drawn and stays.

    python -m benchmarks.clicks [--clicks 100]

Pages of a run at work draw parts of themselves anew each second, and a click may fall into any moment of it, so they are spread
over the second. One has arrived where the heading of the page that the button leads to is seen, still is a moment later, and no
exception is.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from itertools import cycle, islice
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.machine import describe, finish
from tests.browser.conftest import CHROMIUM_ARGUMENTS, dashboards, find_chromium
from tests.browser.leaving import ARRIVED, launch_long_run, leave, ways
from tests.stores import end_processes_of, new_store

STAYS_MS = 1_500
GOLDEN = 0.618
"""The next click's moment is so much of a second later: no simple fraction, so that all moments have their turn."""


def main() -> int:
    """Prints how the clicks of each button ended, and the JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clicks")
    parser.add_argument("--clicks", type=int, default=100)
    options = parser.parse_args()
    print(describe())
    folder = Path(tempfile.mkdtemp(prefix="descent-clicks-"))
    store = new_store(folder / "store")
    outcomes: dict[str, Counter[str]] = {}
    try:
        run_id = launch_long_run(store)
        with dashboards(store, folder) as start, sync_playwright() as playwright:
            dashboard = start()
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(CHROMIUM_ARGUMENTS))
            page = browser.new_context(viewport={"width": 1400, "height": 900}, locale="en-GB").new_page()
            page.set_default_timeout(60_000)
            for number, way in enumerate(islice(cycle(ways(run_id)), options.clicks)):
                outcome = leave(page, dashboard.url, way, phase=1 + number * GOLDEN % 1, stays_ms=STAYS_MS)
                outcomes.setdefault(way.name, Counter())[outcome] += 1
                if outcome != ARRIVED:
                    print(f"click {number + 1}, {way.name}: {outcome}", flush=True)
            browser.close()
    finally:
        end_processes_of(store)
        shutil.rmtree(folder, ignore_errors=True)
    for name, counted in outcomes.items():
        print(f"{name}: {json.dumps(counted)}")
    arrived = sum(counted[ARRIVED] for counted in outcomes.values())
    return finish("clicks", {"clicks": options.clicks, "arrived": arrived, "outcomes": outcomes}, arrived == options.clicks)


if __name__ == "__main__":
    sys.exit(main())
