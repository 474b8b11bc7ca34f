"""Curves thinned by SQLite, by numpy and behind a tracking server are the same, and so are those read on and those read whole."""

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracking.conftest import MakeRun
from tests.tracking_server import Server
from trainer_core.config import TrainConfig
from trainer_core.settings import to_params
from trainer_core.store import Store, open_store
from trainer_core.tracking import curves as module
from trainer_core.tracking import read, write
from trainer_core.tracking.client import open_client, sql_engine
from trainer_core.tracking.curve import BUCKETS, Curve, before, coarser, join, thin, width_for
from trainer_core.tracking.curves import read_curves, read_range, with_detail
from trainer_core.tracking.points import Point, insert_points

PARTS = ("step", "time", "value", "starts", "counts")


def log(store: Store, run_id: str, points: list[Point]) -> None:
    engine = sql_engine(open_client(store))
    if engine is not None:
        insert_points(engine, run_id, points)
        return
    from mlflow.entities import Metric

    for start in range(0, len(points), 1_000):
        metrics = [Metric(point.key, point.value, point.time, point.step) for point in points[start : start + 1_000]]
        open_client(store).log_batch(run_id, metrics=metrics)


def arrays(points: list[Point]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        np.array([point.step for point in points], np.int64),
        np.array([point.time for point in points], np.int64),
        np.array([point.value for point in points], np.float64),
    )


def awkward_points(seed: int, count: int = 900) -> list[Point]:
    """Steps with gaps, repeats and a plateau; NaN and both infinities; a spike."""
    draw = random.Random(seed)
    points = []
    for number in range(count):
        step = draw.randrange(-300, 40_000)
        value = 1.0 if 9_000 < step < 12_000 else draw.gauss(0, 1)
        if 20_000 < step < 21_000:
            value = draw.choice([math.nan, math.inf, -math.inf, value])
        points.append(Point("train/loss", value, 1_000 + 10 * number, step))
        if number % 7 == 0:
            points.append(Point("train/loss", draw.gauss(0, 1), 1_005 + 10 * number, step))
    return [*points, Point("train/loss", 1e6, 7, 33_333)]


def assert_same(one: Curve, other: Curve) -> None:
    assert one.width == other.width
    for part in PARTS:
        assert np.array_equal(getattr(one, part), getattr(other, part), equal_nan=part == "value"), part
    np.testing.assert_allclose(one.totals, other.totals, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_sqlite_thins_as_numpy_does(store: Store, make_run: MakeRun, seed: int) -> None:
    run_id, points = make_run(), awkward_points(seed)
    log(store, run_id, points)
    [curve] = read_curves(store, [run_id], ["train/loss"]).values()
    assert_same(curve, thin(*arrays(points)))
    assert curve.width > 1
    assert 1e6 in curve.value
    assert np.isnan(curve.value).any()
    assert np.isposinf(curve.value).any()
    assert np.isneginf(curve.value).any()


def test_one_point_of_a_hundred_thousand_is_kept(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    points = [Point("train/loss", 0.5, step, step) for step in range(100_000)]
    points[61_234] = Point("train/loss", 97.5, 61_234, 61_234)
    log(store, run_id, points)
    [curve] = read_curves(store, [run_id], ["train/loss"]).values()
    assert len(curve) < 4 * BUCKETS
    [place] = np.flatnonzero(curve.value == 97.5)
    assert curve.step[place] == 61_234
    assert curve.counts.sum() == 100_000
    assert curve.totals.sum() == pytest.approx(0.5 * 99_999 + 97.5)


def test_what_a_restart_superseded_is_left_out(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    log(store, run_id, [Point("train/loss", 1.0, 1_000 + step, step) for step in range(0, 30_000, 10)])
    write.set_tags(store, run_id, {"descent.restarts": json.dumps([{"at": 500_000, "from_step": 10_000}])})
    log(store, run_id, [Point("train/loss", 2.0, 600_000 + step, step) for step in range(10_010, 20_000, 10)])
    [curve] = read_curves(store, [run_id], ["train/loss"]).values()
    assert curve.step.max() == 19_990
    assert set(curve.value[curve.step <= 10_000]) == {1.0}
    assert set(curve.value[curve.step > 10_000]) == {2.0}
    history = read.metric_history(store, [run_id], ["train/loss"])
    assert_same(curve, thin(history["step"].to_numpy(), history["time"].to_numpy(), history["value"].to_numpy()))


def test_a_live_curve_is_read_on_and_not_again(store: Store, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id, draw = make_run(), random.Random(3)
    points = [Point("train/loss", draw.gauss(0, 1), 5 * step, step) for step in range(0, 90_000, 7)]
    log(store, run_id, points[:5_000])
    read_curves(store, [run_id], ["train/loss"])
    asked: list[int] = []
    whole, on = module._read, module._read_on

    def spy_whole(*given: Any, **named: Any) -> Curve:
        asked.append(0)
        return whole(*given, **named)

    def spy_on(engine: Any, curve: Curve, *rest: Any) -> Curve:
        asked.append(int(curve.starts[-1]))
        return on(engine, curve, *rest)

    monkeypatch.setattr(module, "_read", spy_whole)
    monkeypatch.setattr(module, "_read_on", spy_on)
    for end in (5_001, 5_400, 9_000, len(points)):
        log(store, run_id, points[:end])
        [curve] = read_curves(store, [run_id], ["train/loss"]).values()
        assert_same(curve, thin(*arrays(points[:end])))
        read_curves(store, [run_id], ["train/loss"])
    assert len(asked) == 4  # once for each time that points came
    assert all(start > 0 for start in asked)


def test_a_resumed_run_is_read_afresh(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    log(store, run_id, [Point("train/loss", 1.0, 1_000 + step, step) for step in range(100)])
    read_curves(store, [run_id], ["train/loss"])
    write.set_tags(store, run_id, {"descent.restarts": json.dumps([{"at": 5_000, "from_step": 50}])})
    [curve] = read_curves(store, [run_id], ["train/loss"]).values()
    assert curve.step.max() == 50
    # MLflow's last value is still the superseded one: what comes now is seen all the same.
    log(store, run_id, [Point("train/loss", 2.0, 6_000, 51)])
    [curve] = read_curves(store, [run_id], ["train/loss"]).values()
    assert (curve.step.max(), curve.value[-1]) == (51, 2.0)


def test_a_range_comes_in_full_detail(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    points = [Point("train/loss", math.sin(step), step, step) for step in range(50_000)]
    log(store, run_id, points)
    [whole] = read_curves(store, [run_id], ["train/loss"]).values()
    [part] = read_range(store, [run_id], ["train/loss"], 20_000, 20_400).values()
    assert list(part.step) == list(range(20_000, 20_401))
    detailed = with_detail(whole, part, 20_000, 20_400)
    inside = (detailed.step >= 20_000) & (detailed.step <= 20_400)
    assert inside.sum() == 401
    assert set(whole.step[(whole.step < 20_000) | (whole.step > 20_400)]) == set(detailed.step[~inside])
    assert (np.diff(detailed.step) >= 0).all()


def test_a_curve_asked_for_coarsely_is_read_again_when_it_is_wanted_fine(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    points = [Point("train/loss", math.sin(step), step, step) for step in range(20_000)]
    log(store, run_id, points)
    [coarse] = read_curves(store, [run_id], ["train/loss"], 64).values()
    assert len(coarse.starts) <= 64
    [fine] = read_curves(store, [run_id], ["train/loss"]).values()
    assert_same(fine, thin(*arrays(points)))
    [again] = read_curves(store, [run_id], ["train/loss"], 64).values()
    assert_same(again, coarse)


def test_stores_do_not_share_curves(tmp_path: Path) -> None:
    run_ids = []
    stores = [open_store(tmp_path / name, environment={}) for name in ("one", "other")]
    for number, own in enumerate(stores):
        run_ids.append(write.create_run(own, name="calm-otter-3", experiment="descent", params={}, tags={}))
        log(own, run_ids[-1], [Point("train/loss", float(number), 1, 1)])
    for number, own in enumerate(stores):
        found = read_curves(own, run_ids, ["train/loss"])
        assert [(place[0], list(curve.value)) for place, curve in found.items()] == [(run_ids[number], [float(number)])]


def test_points_without_steps_are_told_apart_by_time(store: Store, make_run: MakeRun) -> None:
    run_id = make_run()
    log(store, run_id, [Point("loss", float(number % 10), 1_000 * number, 0) for number in range(300)])
    [curve] = read_curves(store, [run_id], ["loss"]).values()
    assert len(curve) == 300


@given(
    st.lists(st.tuples(st.integers(0, 5_000), st.floats(allow_nan=True, allow_infinity=True, width=32)), min_size=1, max_size=400),
    st.integers(1, 399),
    st.sampled_from([4, 16, 64]),
)
@settings(max_examples=150, deadline=None)
def test_curves_joined_or_made_coarser_are_those_of_all_points(drawn: list[tuple[int, float]], cut: int, buckets: int) -> None:
    points = [Point("x", value, number, step) for number, (step, value) in enumerate(sorted(drawn, key=lambda pair: pair[0]))]
    step, time, value = arrays(points)
    if step[0] == step[-1]:
        return
    width = width_for(int(step[0]), int(step[-1]), buckets)
    whole = thin(step, time, value, width)
    # A bucket keeps its extremes: none is ever lost, however coarse.
    finite = value[np.isfinite(value)]
    if len(finite):
        kept = whole.value[np.isfinite(whole.value)]
        assert (kept.min(), kept.max()) == (finite.min(), finite.max())
    fine = thin(step, time, value, 1)
    coarse = coarser(fine, buckets)
    assert len(coarse.starts) <= buckets
    if coarse.width == width:  # few buckets have points: then they stay as they are
        assert_points(coarse, whole)
    start = int(fine.starts[min(cut, len(fine.starts) - 1)])
    later = step >= start
    joined = join(before(fine, start), thin(step[later], time[later], value[later], 1), buckets)
    assert_points(joined, whole)


def assert_points(one: Curve, other: Curve) -> None:
    assert one.width == other.width
    for part in PARTS:
        assert np.array_equal(getattr(one, part), getattr(other, part), equal_nan=part == "value"), part


def test_a_tracking_server_gives_the_same_as_a_database(
    store: Store, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    far = open_store(tmp_path / "far")
    monkeypatch.setattr("trainer_core.tracking.remote._POINTS_A_CALL", 1_500)  # so that an answer is cut short
    restarts = json.dumps([{"at": 400_000, "from_step": 20_000}])
    found = []
    for own in (store, far):
        names = {}
        for number in range(3):
            tags = {"descent.recipe": "digits", **({"descent.restarts": restarts} if number == 1 else {})}
            run_id = write.create_run(own, name=f"run-{number}", experiment="descent", params=to_params(TrainConfig()), tags=tags)
            names[run_id] = f"run-{number}"
            log(own, run_id, awkward_points(number))
            for step in (10_000, 30_000):
                log(own, run_id, [Point("eval/loss", step / 1e4 + number, 300_000, step), Point("eval/accuracy", 0.5, 1, step)])
        curves = read_curves(own, list(names), ["train/loss", "eval/loss"])
        parts = ("params", "metrics", "best", "kept")
        runs = {
            run.name: [*(sorted(getattr(run, part).items()) for part in parts), run.state, run.kept_step, run.kept_is_known]
            for run in read.list_runs(own)
        }
        history = read.metric_history(own, list(names), ["train/loss"])
        history["run_id"] = history["run_id"].map(names)
        one = read.get_run(own, next(iter(names)))
        found.append(({(names[run_id], key): curve for (run_id, key), curve in curves.items()}, runs, history, one.best))
        [part] = read_range(own, [next(iter(names))], ["train/loss"], 0, 5_000).values()
        assert part.step.min() >= 0
        assert part.step.max() <= 5_000
        assert read.metric_keys(own, list(names)) == ["eval/accuracy", "eval/loss", "train/loss"]
    (here, runs_here, history_here, best_here), (there, runs_there, history_there, best_there) = found
    assert here.keys() == there.keys()
    for place, curve in here.items():
        assert_same(curve, there[place])
    assert sorted(runs_here) == sorted(runs_there)
    for name, told in runs_here.items():
        assert repr(told) == repr(runs_there[name])  # by their writing: a NaN is not equal to itself
    assert best_here == best_there
    order = ["run_id", "step", "time", "value"]
    assert history_here.sort_values(order).reset_index(drop=True).equals(history_there.sort_values(order).reset_index(drop=True))
