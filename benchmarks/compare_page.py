"""The readers and the page of Compare against MLflow's own, on a store of a thousand runs.

    python -m benchmarks.compare_page [--store FOLDER] [--pairs 5]

The store is made by `benchmarks.make_store` where none is named (a minute; 0.6 GB). Four rows: the table of all runs against
`mlflow.search_runs`; the curves of 100 runs of 10,000 points, thinned and written out for the browser, against
`MlflowClient.get_metric_history` run by run; what a live chart reads again when ten points came to each of eight runs; and the
whole page, drawn anew after one widget changed, against MLflow's own server answering what its comparison asks for the same runs.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit.logger

from benchmarks.machine import describe, finish
from benchmarks.make_store import BEGAN, LONG_POINTS, LONG_RUNS, SPIKE, SPIKE_STEP, make_store
from benchmarks.pairs import holds, ratios, summary, told
from tests.tracking_server import Server
from trainer_core.store import Store, open_store

KEY = "train/loss"
LEAST_TABLE, MOST_TABLE_SECONDS = 5.0, 0.3
LEAST_CURVES, MOST_CURVES_SECONDS, MOST_AGAIN_SECONDS = 40.0, 0.8, 0.05
MOST_REFRESH_SECONDS = 0.05
MOST_RERUN_SECONDS = 0.3
LIVE, NEW = 8, 10
RERUNS = 40
CHOSEN = 5
_PAGE = Path(__file__).resolve().parents[1] / "pages" / "compare.py"


def main() -> int:
    """Prints the figures and the JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare_page")
    parser.add_argument("--store", type=Path, help="a store made by benchmarks.make_store; points are added to it")
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    print(describe())
    streamlit.logger.set_log_level("ERROR")  # it warns that no server runs, which is meant
    with _store(options.store) as store:
        from trainer_core.tracking.read import list_runs

        run_ids = [run.run_id for run in reversed(list_runs(store))]
        longest, long = run_ids[0], run_ids[1 : LONG_RUNS + 1]
        figures: dict[str, Any] = {"runs": len(run_ids), "pairs": options.pairs}
        figures |= _table(store, options.pairs)
        figures |= _curves(store, long, options.pairs)
        figures |= _spike(store, longest)
        figures |= _refresh(store, long[:LIVE], options.pairs)
        figures |= _page(store, run_ids[-CHOSEN:])
    return finish("compare_page", figures, holds(figures))


@contextmanager
def _store(folder: Path | None) -> Iterator[Store]:
    if folder is not None:
        yield open_store(folder, environment={})
        return
    made = Path(tempfile.mkdtemp(prefix="descent-compare-"))
    try:
        store = open_store(made, environment={})
        make_store(store)
        yield store
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _table(store: Store, pairs: int) -> dict[str, Any]:
    """All runs with params, tags, last and best values, as the page's table; nothing remembered."""
    import mlflow

    from pages.components.run_columns import compare_rows, default_columns
    from trainer_core.tracking import sql_runs
    from trainer_core.tracking.read import list_runs

    mlflow.set_tracking_uri(store.tracking_uri)

    def ours() -> None:
        sql_runs._KNOWN.clear()
        runs = list_runs(store, archived=True, foreign=True)
        compare_rows(runs, {}, default_columns(runs))

    def theirs() -> None:
        mlflow.search_runs(search_all_experiments=True, max_results=5_000)

    own, other = _in_turn(ours, theirs, pairs)
    again = [_seconds(lambda: list_runs(store, archived=True, foreign=True)) for _round in range(pairs)]
    print(told("table of all runs, against search_runs", ratios(own, other), LEAST_TABLE))
    print(told("  seconds", own, MOST_TABLE_SECONDS, "s"))
    print(told("  seconds when nothing moved", again, unit="s"))
    return {
        "table": {"seconds": summary(own), "search_runs": summary(other), "times_as_fast": summary(ratios(own, other))},
        "table_again_seconds": summary(again),
        "holds_table_ratio": summary(ratios(own, other))["median"] >= LEAST_TABLE,
        "holds_table_seconds": summary(own)["median"] < MOST_TABLE_SECONDS,
    }


def _curves(store: Store, run_ids: list[str], pairs: int) -> dict[str, Any]:
    """A hundred curves of ten thousand points, thinned and written out for the browser."""
    from trainer_core.tracking import curves
    from trainer_core.tracking.client import open_client

    client = open_client(store)

    def ours() -> None:
        curves._CURVES.clear()
        _ready(store, run_ids)

    def theirs() -> None:
        for run_id in run_ids:
            assert len(client.get_metric_history(run_id, KEY)) >= LONG_POINTS

    ours()  # the system's page cache is warm then
    own, other = _in_turn(ours, theirs, pairs)
    again = [_seconds(lambda: _read(store, run_ids)) for _round in range(max(10, pairs))]
    ready = [_seconds(lambda: _ready(store, run_ids)) for _round in range(max(10, pairs))]
    print(told(f"curves of {len(run_ids)} runs, against get_metric_history", ratios(own, other), LEAST_CURVES))
    print(told("  seconds until ready to draw", own, MOST_CURVES_SECONDS, "s"))
    print(told("  again", again, MOST_AGAIN_SECONDS, "s"))
    print(told("  again, ready to draw", ready, MOST_AGAIN_SECONDS, "s"))
    return {
        "curves": {"seconds": summary(own), "get_metric_history": summary(other), "times_as_fast": summary(ratios(own, other))},
        "curves_again_seconds": summary(again),
        "curves_again_ready_seconds": summary(ready),
        "holds_curves_ratio": summary(ratios(own, other))["median"] >= LEAST_CURVES,
        "holds_curves_seconds": summary(own)["median"] < MOST_CURVES_SECONDS,
        "holds_curves_again": summary(ready)["median"] < MOST_AGAIN_SECONDS,
    }


def _read(store: Store, run_ids: list[str]) -> Any:
    """As the page reads them: half as finely where there are many."""
    from pages.components.compare_curves import buckets_for
    from trainer_core.tracking.curves import read_curves

    return read_curves(store, run_ids, [KEY], buckets_for(len(run_ids)))


def _ready(store: Store, run_ids: list[str]) -> str:
    """What the page sends to the browser: a band and the outliers of so many runs."""
    from plotly.io.json import to_json_plotly

    from pages.components.charts import Line
    from pages.components.compare_figures import curves_figure
    from pages.components.compare_view import View
    from pages.components.palette import palette

    curves = _read(store, run_ids)
    lines = [Line(run_id, run_id, palette()[number % len(palette())]) for number, run_id in enumerate(run_ids)]
    return str(to_json_plotly(curves_figure(curves, lines, KEY, View())))


def _spike(store: Store, run_id: str) -> dict[str, Any]:
    """The one point of a million that stands out."""
    [curve] = _read(store, [run_id]).values()
    [place] = np.flatnonzero(curve.value == SPIKE)
    kept = int(curve.step[place]) == SPIKE_STEP
    print(f"one point out of {int(curve.counts.sum()):,} kept in {len(curve):,}: {kept}")
    return {"points_drawn_of_a_million": len(curve), "holds_spike": kept}


def _refresh(store: Store, run_ids: list[str], rounds: int) -> dict[str, Any]:
    """What is read when ten points came to each of eight live runs, against reading them the first time."""
    from trainer_core.tracking import curves
    from trainer_core.tracking.client import open_client, sql_engine
    from trainer_core.tracking.points import Point, insert_points

    engine = sql_engine(open_client(store))
    assert engine is not None
    first, fresh, new = [], [], []
    for _round in range(rounds):
        curves._CURVES.clear()
        first.append(_seconds(lambda: _ready(store, run_ids)))
        before = {place[0]: int(curve.step[-1]) for place, curve in _read(store, run_ids).items()}
        for run_id, last in before.items():
            points = [Point(KEY, 0.1, BEGAN + 10**9 + last + number, last + number) for number in range(1, NEW + 1)]
            insert_points(engine, run_id, points)
        fresh.append(_seconds(lambda: _ready(store, run_ids)))
        new.append(all(int(curve.step[-1]) == before[place[0]] + NEW for place, curve in _read(store, run_ids).items()))
    print(told(f"refresh of {LIVE} live runs, against the first load", ratios(fresh, first)))
    print(told("  seconds", fresh, MOST_REFRESH_SECONDS, "s"))
    return {
        "refresh": {"seconds": summary(fresh), "first": summary(first), "times_as_fast": summary(ratios(fresh, first))},
        "holds_refresh": summary(fresh)["median"] < MOST_REFRESH_SECONDS,
        "holds_refresh_complete": all(new),
    }


def _page(store: Store, run_ids: list[str]) -> dict[str, Any]:
    """The page drawn anew after one widget changed, against MLflow's server answering for the same runs."""
    from streamlit.testing.v1 import AppTest

    os.environ["DESCENT_STORE"] = str(store.root)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    page = AppTest.from_file(str(_PAGE), default_timeout=120)
    page.query_params["runs"] = ",".join(run_id[:8] for run_id in run_ids)
    page.run()
    assert not page.exception
    with _mlflow_server(store) as url:
        theirs = _asks(url, store, run_ids)
        theirs()

        def ours(number: int) -> None:
            page.slider(key="smoothing").set_value(round(0.01 * (1 + number % 90), 2)).run()
            assert not page.exception

        own, other = [], []
        for number in range(RERUNS):
            own.append(_seconds(partial(ours, number)))
            other.append(_seconds(theirs))
    slow, slow_theirs = (float(np.percentile(values, 95)) for values in (own, other))
    print(told("page after one widget changed, against MLflow's server", ratios(own, other)))
    print(f"  95th percentile: {slow:.3f} s, MLflow's server {slow_theirs:.3f} s   to reach: {MOST_RERUN_SECONDS:g} s, and faster")
    return {
        "rerun": {
            "seconds": summary(own),
            "mlflow_server": summary(other),
            "p95": round(slow, 3),
            "mlflow_p95": round(slow_theirs, 3),
        },
        "holds_rerun_seconds": slow < MOST_RERUN_SECONDS,
        "holds_rerun_faster": slow < slow_theirs,
    }


def _asks(url: str, store: Store, run_ids: list[str]) -> Callable[[], None]:
    """What MLflow's pages ask when runs are compared: the list of runs, each chosen run, and the curves of their metrics."""
    from trainer_core.tracking.client import open_client

    experiments = [one.experiment_id for one in open_client(store).search_experiments()]

    def ask() -> None:
        body = json.dumps({"experiment_ids": experiments, "max_results": 1_000, "run_view_type": "ACTIVE_ONLY"}).encode()
        _fetch(f"{url}/ajax-api/2.0/mlflow/runs/search", body)
        for run_id in run_ids:
            _fetch(f"{url}/ajax-api/2.0/mlflow/runs/get?run_id={run_id}")
        for key in ("eval/accuracy", "train/loss", "eval/loss"):
            named = "&".join(f"run_ids={run_id}" for run_id in run_ids)
            _fetch(f"{url}/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?{named}&metric_key={key}&max_results=320")

    return ask


def _fetch(url: str, body: bytes | None = None) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
        return bytes(answer.read())


@contextmanager
def _mlflow_server(store: Store) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="descent-mlflow-") as folder:
        server = Server(Path(folder) / "server", store.tracking_uri)
        try:
            server.start()
            yield server.url
        finally:
            server.kill()


def _in_turn(ours: Callable[[], object], theirs: Callable[[], object], pairs: int) -> tuple[list[float], list[float]]:
    own, other = [], []
    for _pair in range(pairs):
        own.append(_seconds(ours))
        other.append(_seconds(theirs))
    return own, other


if __name__ == "__main__":
    sys.exit(main())
