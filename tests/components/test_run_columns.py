"""The columns of Compare's table: typed, told apart, and formatted so that people read them."""

import time
from dataclasses import replace
from datetime import UTC
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

from pages.components.run_columns import (
    choosable_columns,
    column_options,
    compare_column_config,
    compare_rows,
    default_columns,
    swatch,
)
from tests.components.test_run_query import run
from trainer_core.tracking.records import RunRecord

RUNS = [
    run("a", learning_rate=2e-5, batch_size=8, seed=123_456, tags={"final": "yes", "stage": "one", "descent.starred": "true"}),
    run("b", state="failed", learning_rate=1e-2, batch_size=64, tags={"mlflow.note.content": "Diverges"}),
]


def shown(columns: list[str], runs: list[RunRecord] = RUNS, looks: dict[str, tuple[str, str]] | None = None) -> pd.DataFrame:
    return compare_rows(runs, looks or {}, columns)


def formats(frame: pd.DataFrame) -> dict[str, Any]:
    config = compare_column_config(frame, UTC)
    return {
        name: column["type_config"].get("format") for name, column in config.items() if name in frame and "type_config" in column
    }


def test_a_run_is_told_before_its_columns_and_the_main_result_first() -> None:
    frame = shown(["eval/accuracy", "batch_size", "tags", "note"], looks={"a" * 32: ("#123456", "dash")})
    assert list(frame) == [" ", "Name", "★", "Accuracy (%)", "State", "Batch size", "Tags", "Note"]
    assert list(frame["★"]) == ["★", ""]
    assert list(frame["State"]) == [["✓ finished"], ["✕ failed"]]
    assert list(frame["Accuracy (%)"]) == [90.0, 90.0], "that of the kept checkpoint in per cent, not the last or the best"
    assert list(frame["Tags"]) == ["final, stage=one", ""]
    assert list(frame["Note"]) == ["", "Diverges"]
    assert frame[" "].notna().tolist() == [True, False], "only drawn runs have a line"
    assert "★" not in shown([], [replace(RUNS[0], tags={})])


def test_a_swatch_is_the_line_with_its_dash() -> None:
    assert "stroke='#123456' stroke-width='4' stroke-dasharray='7,4'" in unquote(swatch("#123456", "dash"))
    assert "dasharray" not in unquote(swatch("#123456", "solid"))


def test_numbers_stay_numbers_and_are_written_as_people_write_them() -> None:
    frame = shown(["eval/accuracy", "eval/loss", "learning_rate", "batch_size", "seed", "minutes", "started"])
    assert [frame[name].dtype for name in ("Learning rate", "Batch size", "Seed", "Minutes")] == [np.float64] * 4
    told = formats(frame)
    assert told["Learning rate"] == "%e", "2e-5, not 0.00002"
    assert told["Seed"] == "%g", "123456 in full, not rounded to four digits"
    assert (told["Accuracy (%)"], told["Loss"]) == ("%.2f", "%.4g")
    assert formats(shown(["learning_rate"], [RUNS[1]]))["Learning rate"] == "%g", "0.01, not 1e-2"


def test_a_number_that_a_run_lacks_is_empty_and_a_word_makes_words() -> None:
    lacks = replace(RUNS[1], params={}, metrics={}, kept={})
    frame = shown(["eval/loss", "batch_size"], [RUNS[0], lacks])
    assert frame.loc[1, ["Loss", "Batch size"]].isna().all()
    odd = replace(RUNS[1], params={"batch_size": "many"})
    assert list(shown(["batch_size"], [RUNS[0], odd])["Batch size"]) == ["8", "many"]


def test_runs_of_other_programs_keep_their_names_and_their_numbers() -> None:
    params = {"Name": "theirs", "State": "odd", "Loss": "hinge", "rows": "10"}
    foreign = replace(RUNS[0], params=params, metrics={"accuracy": 0.5, "eval/loss": 0.1}, best={}, tags={})
    other = replace(foreign, run_id="f" * 32, params=params | {"rows": "9"})
    frame = shown(["accuracy", "eval/loss", "Name", "State", "Loss", "rows"], [foreign, other])
    assert frame["Name"][0] == "calm-otter-a"
    assert frame["Name, set"][0] == "theirs"
    assert frame["State"][0] == ["✓ finished"]
    assert (frame["Loss"][0], frame["Loss, set"][0]) == (0.1, "hinge")
    assert frame["accuracy"][0] == 0.5, "a metric needs no slash in its name"
    assert list(frame["rows"]) == [10.0, 9.0]
    assert formats(frame)["rows"] == "%d"


def test_a_learning_rate_that_was_logged_stands_beside_the_one_that_was_set() -> None:
    logged = replace(RUNS[0], metrics={**RUNS[0].metrics, "train/learning_rate": 0.5})
    for columns in (["train/learning_rate", "learning_rate"], ["learning_rate", "train/learning_rate"]):
        frame = shown(columns, [logged])
        assert frame.iloc[0][["Learning rate, logged", "Learning rate"]].tolist() == [0.5, 2e-5], "whichever came first"
    assert "Learning rate" not in shown(["train/learning_rate"], [logged]), "alone it does not take the setting's head"
    config = compare_column_config(frame, UTC, [logged], columns)
    assert config["Learning rate"]["help"] == "The setting learning_rate."
    assert config["Learning rate, logged"]["help"] == "The metric train/learning_rate, its last value."


def test_no_two_columns_are_offered_under_one_name() -> None:
    more = {"train/learning_rate": 0.5, "train/accuracy": 0.4, "Loss": 1.0, "minutes": 3.0}
    run_with_all = replace(RUNS[0], metrics={**RUNS[0].metrics, **more}, params={**RUNS[0].params, "State": "odd"})
    options = column_options([run_with_all, RUNS[1]])
    assert len(set(options.values())) == len(options)
    assert options["learning_rate"] == "Learning rate · setting"
    assert options["train/learning_rate"] == "Learning rate, logged · metric"
    assert options["eval/accuracy"] == "Accuracy (%) · metric"


def test_everything_can_be_chosen_once_what_differs_comes_first() -> None:
    foreign = replace(RUNS[1], params={f"own_{number}": str(number) for number in range(100)})
    names = choosable_columns([*RUNS, foreign])
    assert len(names) == len(set(names))
    assert {"eval/accuracy", "train/loss", "minutes", "tags", "note", "dataset", "model", "own_0", "own_99"} <= set(names)
    assert choosable_columns(RUNS).index("learning_rate") < choosable_columns(RUNS).index("epochs")
    default = default_columns(RUNS)
    assert default[:3] == ["eval/accuracy", "learning_rate", "batch_size"]
    assert set(default) <= set(choosable_columns(RUNS))


@pytest.mark.parametrize("runs", [[], [RunRecord("a" * 32, "bare", "queued", "descent", None, None, {}, {})]])
def test_no_runs_and_one_that_has_nothing_yet_make_a_table(runs: list[RunRecord]) -> None:
    frame = shown(["eval/loss", *default_columns(runs), "tags", "note", "dataset", "model"], runs)
    assert len(frame) == len(runs)
    assert compare_column_config(frame, UTC)


def test_a_thousand_rows_are_made_at_once() -> None:
    runs = [replace(RUNS[number % 2], run_id=f"{number:032x}") for number in range(1_000)]
    columns = choosable_columns(runs)[:12]
    times = []
    for _attempt in range(5):
        start = time.perf_counter()
        assert len(shown(columns, runs)) == 1_000
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1, "about ten milliseconds; the bound leaves room for a busy machine"
