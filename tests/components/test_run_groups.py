"""Runs that share settings make a group; seeds never part them."""

import math
from dataclasses import replace

import numpy as np

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
    runs[0].kept["eval/accuracy"] = 0.8  # type: ignore[index]
    runs[1].kept["eval/accuracy"] = 0.9  # type: ignore[index]
    rows = group_rows(group_runs(runs, ["batch_size"]), "eval/accuracy", "validation")
    first = rows.iloc[0]
    assert (first["Batch size"], first["Runs"], first["Best run"]) == (8.0, 2, "calm-otter-b")
    assert first["Accuracy, validation split (%)"] == 85.0
    assert math.isclose(first["± deviation"], 7.0710678, rel_tol=1e-6)
    assert (first["Lowest"], first["Highest"]) == (80.0, 90.0)
    assert math.isnan(rows.iloc[1]["± deviation"]), "one run has no deviation"


def test_numbers_of_other_programs_are_ordered_and_joined_by_value() -> None:
    written = {"a": "10", "b": "9", "c": "10.0", "d": "many"}
    runs = [replace(run(letter), params={"rows": rows, "Runs": "x"}) for letter, rows in written.items()]
    groups = group_runs(runs, ["rows", "Runs"])
    assert [[run.run_id[0] for run in group.runs] for group in groups] == [["b"], ["a", "c"], ["d"]]
    rows = group_rows(groups, "eval/accuracy", "validation")
    assert list(rows["Runs"]) == [1, 2, 1], "a param called Runs takes no other column's place"
    assert list(rows["rows"]) == ["9", "10", "many"]


def test_settings_that_are_numbers_sort_as_numbers_in_the_table() -> None:
    rows = group_rows(group_runs([run("a", batch_size=8), run("b", batch_size=64)], ["batch_size"]), "eval/loss", "validation")
    assert rows["Batch size"].dtype == np.float64
    assert list(rows["Batch size"].sort_values(ascending=False)) == [64.0, 8.0]


def test_an_infinity_as_mlflow_keeps_it_counts_in_no_mean() -> None:
    runs = [run("a", batch_size=8), run("b", batch_size=8)]
    runs[0].kept["eval/accuracy"] = 1.7976931348623157e308  # type: ignore[index]
    row = group_rows(group_runs(runs, ["batch_size"]), "eval/accuracy", "validation").iloc[0]
    assert (row["Highest"], row["Best run"]) == (90.0, "calm-otter-b")
