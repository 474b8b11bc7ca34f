"""Runs are found by words, comparisons and ranges."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pages.components.run_query import RangeFilter, find, number_columns, parse_filters, write_filters
from trainer_core.config import TrainConfig
from trainer_core.settings import to_params
from trainer_core.tracking.records import RunRecord, RunState


def run(letter: str, state: RunState = "finished", tags: dict[str, str] | None = None, **settings: object) -> RunRecord:
    params = to_params(TrainConfig(name=f"calm-otter-{letter}", **settings))  # type: ignore[arg-type]
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    results = {"eval/accuracy": 0.5, "eval/loss": 0.7, "train/loss": 0.6}
    return RunRecord(
        letter * 32,
        f"calm-otter-{letter}",
        state,
        "descent",
        moment,
        moment,
        params,
        {"descent.recipe": "digits", "descent.segments": "[[0, 60000]]", "descent.evaluated_digest": "5d" * 8} | (tags or {}),
        results,
        {"eval/accuracy": 0.95},
        {"eval/accuracy": 0.9, "eval/loss": 0.7},
        40,
    )


RUNS = [
    run("a", learning_rate=1e-3, batch_size=8, tags={"final": "yes", "mlflow.note.content": "Wide one"}),
    run("b", learning_rate=1e-2, batch_size=64, tags={"stage": "ablation", "version": "2", "from": "bob's C:\\data"}),
    run("c", state="failed", learning_rate=1e-2, batch_size=8, tags={"descent.starred": "true"}),
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "abc"),
        ("otter-b", "b"),
        ("OTTER-B adamw", "b"),
        ("batch_size=64", "b"),
        ("batch_size=6", ""),
        ("learning_rate<5e-3", "a"),
        ("learning_rate>=0.01", "bc"),
        ("batch_size!=8", "b"),
        ("'learning rate<5e-3'", "a"),
        ("accuracy>0.85", "abc"),
        ("eval/loss<0.5", ""),
        ("state:failed", "c"),
        ("-state:failed", "ab"),
        ("starred", "c"),
        ("tag:final", "a"),
        ("tag:ablation", "b"),
        ("stage=ablation", "b"),
        ('"wide one"', "a"),
        ("wide nothing", ""),
        ("learning_rate<abc", ""),
        ('"open quote', ""),
        ("no_such_number<3", ""),
        ("bbbbbbbb", "b"),
        ("<script>", ""),
        ("version=2", "b"),
        ("version>2", ""),
        ("version!=3", "b"),
        ("loss>0.5", "abc"),
        ("Learning_Rate<5e-3", "a"),
        ('"learning rate=0.001"', "a"),
        ('-"wide one"', "bc"),
        ("minutes>=0", "abc"),
        ("bob's", "b"),
        ("C:\\data", "b"),
        ("-", "abc"),
        ("macro>0", ""),
        ("learning_rate<nan", ""),
    ],
)
def test_a_search_finds(text: str, found: str) -> None:
    assert "".join(run.run_id[0] for run in find(RUNS, text)) == found


def test_a_run_that_changed_is_found_by_what_it_is_now() -> None:
    changed = replace(RUNS[0], tags={"reviewed": "yes"})
    assert [len(find(runs, "reviewed")) for runs in (RUNS, [changed, *RUNS[1:]])] == [0, 1]


def test_ranges_hold_at_both_ends_and_stand_in_the_address() -> None:
    filters = [RangeFilter("learning_rate", 1e-3, 5e-3), RangeFilter("eval/accuracy", 0.9)]
    assert [run.run_id[0] for run in find(RUNS, "", filters)] == ["a"]
    assert parse_filters(write_filters(filters)) == filters
    assert parse_filters("rubbish|a:b:c|x::|learning_rate:1:|:1:2") == [RangeFilter("learning_rate", 1.0)]


@pytest.mark.parametrize("rubbish", ["", "|||", "x:nan:1", "x:1:inf", "x:1", "x:a:1", ":::"])
def test_a_filter_that_can_not_be_read_is_passed_over(rubbish: str) -> None:
    assert parse_filters(rubbish) == []


def test_a_number_of_another_program_is_compared_as_one() -> None:
    foreign = [replace(RUNS[0], run_id=rows.zfill(32), params={"rows": rows}) for rows in ("9", "10", "many")]
    assert [run.params["rows"] for run in find(foreign, "rows>9.5")] == ["10"]
    assert number_columns(foreign)["rows"] == (9.0, 10.0)


def test_of_a_thousand_runs_all_that_match_are_found() -> None:
    runs = [replace(RUNS[0], run_id=f"{number:032x}") for number in range(1_000)]
    assert len(find(runs, "adamw otter -zzz learning_rate<5e-3 accuracy>0.5")) == 1_000


def test_only_numbers_that_differ_can_be_ranged() -> None:
    columns = number_columns(RUNS)
    assert {name: columns[name] for name in ("learning_rate", "batch_size")} == {
        "learning_rate": (1e-3, 1e-2),
        "batch_size": (8, 64),
    }
    assert "epochs" not in columns
    assert "model" not in columns
