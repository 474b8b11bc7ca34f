"""Which rows a run was measured on: a digest of ids and labels, and a mark where runs of others stand beside it."""

import numpy as np
import pandas as pd

from pages.components.run_columns import compare_rows
from pages.components.run_groups import group_rows, group_runs
from pages.components.run_table import MEASURED, run_rows
from tests.components.test_run_query import run
from trainer_core.data import TextSplit
from trainer_core.data.evaluated_digest import evaluated_digest
from trainer_core.tracking.measured_rows import rows_marks

OTHER = {"descent.evaluated_digest": "0" * 16}
NONE = {"descent.evaluated_digest": ""}


def split(texts: str = "abc", labels: tuple[int, ...] = (0, 1, 0), rows: tuple[int, ...] = (0, 1, 2)) -> TextSplit:
    return TextSplit(tuple(texts), None, np.array(labels), np.array(rows))


def test_the_digest_is_of_ids_and_names_of_labels_whatever_their_order() -> None:
    digest = evaluated_digest(split(), ("no", "yes"))
    assert digest == evaluated_digest(split("cab", (0, 0, 1), (2, 0, 1)), ("no", "yes"))
    assert digest == evaluated_digest(split(labels=(1, 0, 1)), ("yes", "no")), "a class counts by its name"
    others = [split("abd"), split(labels=(1, 1, 0)), split("ab", (0, 1), (0, 1)), split(rows=(0, 1, 3))]
    assert len({digest, *(evaluated_digest(other, ("no", "yes")) for other in others)}) == 5
    numbers = TextSplit(("a",), None, np.array([0.5]), np.array([0]))
    assert evaluated_digest(numbers, ()) != evaluated_digest(TextSplit(("a",), None, np.array([0.25]), np.array([0])), ())


def test_runs_measured_on_the_same_rows_have_no_mark() -> None:
    runs = [run("a"), run("b")]
    assert set(rows_marks(runs).values()) == {""}
    assert "Measured rows" not in compare_rows(runs, {}, ["eval/accuracy"])


def test_a_run_measured_on_other_rows_and_one_of_before_are_marked_beside_their_results() -> None:
    runs = [run("a"), run("b"), run("c", tags=OTHER), run("d", tags=NONE)]
    frame = compare_rows(runs, {}, ["eval/accuracy", "batch_size"])
    assert list(frame["Measured rows"]) == ["", "", "other rows", "rows unknown"]
    assert list(frame).index("Measured rows") == list(frame).index("Accuracy (%)") + 1
    assert list(run_rows(runs)[MEASURED]) == ["validation", "validation", "validation · other rows", "validation · rows unknown"]


def test_most_of_the_runs_say_which_rows_are_the_others() -> None:
    assert rows_marks([run("a", tags=OTHER), run("b"), run("c")])["a" * 32] == "other"
    assert rows_marks([run("a", tags=OTHER), run("b")])["b" * 32] == "other", "of as many, the first"


def test_a_group_says_that_its_mean_is_of_other_rows() -> None:
    runs = [run("a", batch_size=8), run("b", batch_size=8), run("c", batch_size=64, tags=OTHER), run("d", batch_size=64, tags=NONE)]
    rows = group_rows(group_runs(runs, ["batch_size"]), "eval/accuracy", "validation")
    assert isinstance(rows, pd.DataFrame)
    assert list(rows["Measured rows"]) == ["", "other rows, rows unknown"]
