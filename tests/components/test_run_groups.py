"""Runs that share settings make a group; seeds never part them."""

import math

from pages.components.run_groups import group_rows, group_runs
from tests.components.test_run_query import run


def test_runs_are_grouped_in_the_order_of_the_values() -> None:
    runs = [run("a", batch_size=64, seed=1), run("b", batch_size=8), run("c", batch_size=64, seed=2)]
    groups = group_runs(runs, ["batch_size", "seed"])
    assert [[run.run_id[0] for run in group.runs] for group in groups] == [["b"], ["a", "c"]]
    assert [group.label for group in groups] == ["Batch size 8 (1 run)", "Batch size 64 (2 runs)"]
    assert group_runs(runs, ["seed"]) == []


def test_a_run_that_lacks_the_setting_stands_apart() -> None:
    odd = run("z")
    odd = type(odd)(odd.run_id, odd.name, odd.state, odd.experiment, None, None, {}, {})
    groups = group_runs([odd, run("a", batch_size=8)], ["batch_size"])
    assert [group.label for group in groups] == ["Batch size 8 (1 run)", "Batch size – (1 run)"]


def test_rows_tell_mean_deviation_and_the_best() -> None:
    runs = [run("a", batch_size=8), run("b", batch_size=8), run("c", batch_size=64)]
    runs[0].best["eval/accuracy"] = 0.8  # type: ignore[index]
    runs[1].best["eval/accuracy"] = 0.9  # type: ignore[index]
    rows = group_rows(group_runs(runs, ["batch_size"]), "eval/accuracy", "validation")
    first = rows.iloc[0]
    assert (first["Batch size"], first["Runs"], first["Best run"]) == ("8", 2, "calm-otter-b")
    assert first["Accuracy, validation split (%)"] == 85.0
    assert math.isclose(first["± deviation"], 7.0710678, rel_tol=1e-6)
    assert (first["Lowest"], first["Highest"]) == (80.0, 90.0)
    assert math.isnan(rows.iloc[1]["± deviation"]), "one run has no deviation"
