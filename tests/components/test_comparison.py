"""Which runs a comparison shows and in what they differ."""

from dataclasses import replace
from datetime import UTC, datetime

from pages.components.comparison import (
    differing_settings,
    from_address,
    metrics_to_draw,
    newest_of_one_dataset,
    result_of,
    short_ids,
)
from pages.components.differences import clone_lines, difference_rows
from trainer_core.config import TrainConfig
from trainer_core.settings import to_params
from trainer_core.tracking.records import RunRecord


def run(letter: str, metrics: dict[str, float] | None = None, **settings: object) -> RunRecord:
    params = to_params(TrainConfig(name=f"run-{letter}", **settings))  # type: ignore[arg-type]
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    scores = {"eval/accuracy": 0.9} if metrics is None else metrics
    tags = {"descent.recipe": "digits"}
    best, kept = {"eval/accuracy": 0.97}, {"eval/accuracy": 0.95}
    return RunRecord(letter * 32, f"run-{letter}", "finished", "descent", moment, moment, params, tags, scores, best, kept, 40)


def test_the_address_names_runs_by_the_start_of_their_ids() -> None:
    runs = [run("c"), run("b"), run("a")]
    text = short_ids([runs[0].run_id, runs[2].run_id])
    assert text == "cccccccc,aaaaaaaa"
    assert from_address(text, runs) == [runs[0], runs[2]]
    assert from_address("a,,dddddddd,<script>", runs) == []


def test_without_a_choice_the_newest_runs_of_one_dataset_are_shown() -> None:
    digits = [run(letter) for letter in "123456"]
    runs = [run("f", metrics={}), digits[0], run("e", dataset="/data/mnist"), *digits[1:]]
    assert newest_of_one_dataset(runs) == digits[:5]
    assert newest_of_one_dataset([run("f", metrics={})]) == []


def test_only_what_differs_is_listed() -> None:
    runs = [run("a", epochs=3, learning_rate=1e-2), run("b", epochs=4, learning_rate=1e-3)]
    assert differing_settings(runs) == ["learning_rate", "epochs"]
    rows = difference_rows(runs)
    assert list(rows.columns) == ["Kind", "What", "run-a", "run-b"]
    assert rows.to_numpy().tolist() == [["Settings", "Learning rate", "0.01", "1e-3"], ["Settings", "Epochs", "3", "4"]]
    assert difference_rows([runs[0], runs[0]]).empty


def test_a_setting_without_a_say_is_no_difference() -> None:
    runs = [run("a", model="cnn", hidden_sizes=(64,)), run("b", hidden_sizes=(32,))]
    rows = {row[1]: row[2:] for row in difference_rows(runs).to_numpy().tolist()}
    assert rows["Hidden sizes"] == ["–", "32"], "a CNN has no hidden layers of that kind"
    both = [run("a", model="cnn", hidden_sizes=(64,)), run("b", model="cnn", hidden_sizes=(32,))]
    assert differing_settings(both) == []


def test_runs_of_one_name_are_told_apart_by_id() -> None:
    one, other = run("a", epochs=3), run("b", epochs=4)
    same = RunRecord(other.run_id, one.name, other.state, other.experiment, None, None, other.params, {})
    assert list(difference_rows([one, same]).columns) == ["Kind", "What", "run-a (aaaaaa)", "run-a (bbbbbb)"]


def test_the_telling_metrics_come_first() -> None:
    keys = [
        "baseline/majority/accuracy",
        "eval/accuracy",
        "eval/loss",
        "progress/epoch",
        "system/disk_usage_percentage",
        "train/loss",
    ]
    assert metrics_to_draw(keys) == ["eval/accuracy", "eval/loss", "train/loss", "system/disk_usage_percentage"]


def test_a_result_is_what_was_evaluated_at_the_kept_checkpoint() -> None:
    assert result_of(run("a"), "eval/accuracy") == 0.95
    assert result_of(run("a", {"eval/accuracy": 0.9, "eval/loss": 0.3}), "eval/loss") is None, "it was not evaluated there"
    assert result_of(replace(run("a"), tags={}), "eval/accuracy") == 0.9, "other programs keep none of ours: the last"
    assert result_of(run("a"), "eval/nothing") is None


def test_environment_data_code_and_tags_are_listed_where_they_differ() -> None:
    one, other = run("a"), run("b")
    around = {
        "descent.python": "3.11.7",
        "descent.dataset_digest": "d" * 64,
        "descent.packages": "torch 2.13.0, transformers 5.23.0",
    }
    one = replace(one, tags={**around, "mlflow.source.git.commit": "1" * 40, "final": "yes"})
    other = replace(
        other, tags={**around, "descent.packages": "torch 2.13.0, transformers 5.24.0", "descent.dataset_digest": "e" * 64}
    )
    rows = {row[1]: (row[0], *row[2:]) for row in difference_rows([one, other]).to_numpy().tolist()}
    assert rows == {
        "Dataset digest": ("Data", "d" * 12, "e" * 12),
        "Git commit": ("Code", "1" * 12, "–"),
        "transformers": ("Environment", "5.23.0", "5.24.0"),
        "final": ("Tags", "✓", "–"),
    }


def test_a_clone_says_what_it_changed_and_what_came_of_it() -> None:
    rows = {"descent.evaluated_digest": "5d" * 8}
    parent = replace(run("a", learning_rate=2e-5), tags=rows)
    tags = {"descent.cloned_from": "a" * 32, **rows}
    child = replace(run("b", learning_rate=1e-4), tags=tags, kept={"eval/accuracy": 0.969})
    assert clone_lines([child, parent], [child, parent]) == [
        ("run-b", "run-a", "Learning rate 2e-5 → 1e-4 · Accuracy, validation split +1.90 points")
    ]
    assert clone_lines([child], [child]) == [], "its parent is gone"
    same = replace(child, params=parent.params, metrics={}, kept={})
    assert clone_lines([same], [same, parent]) == [("run-b", "run-a", "nothing changed")]
