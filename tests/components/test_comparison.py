"""Which runs a comparison shows and in what they differ."""

from datetime import UTC, datetime

from pages.components.comparison import (
    difference_rows,
    differing_settings,
    from_address,
    metrics_to_draw,
    newest_of_one_dataset,
    result_of,
    short_ids,
)
from trainer_core.config import TrainConfig
from trainer_core.settings import to_params
from trainer_core.tracking.records import RunRecord


def run(letter: str, metrics: dict[str, float] | None = None, **settings: object) -> RunRecord:
    params = to_params(TrainConfig(name=f"run-{letter}", **settings))  # type: ignore[arg-type]
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    scores = {"eval/accuracy": 0.9} if metrics is None else metrics
    return RunRecord(
        letter * 32, f"run-{letter}", "finished", "descent", moment, moment, params, {}, scores, {"eval/accuracy": 0.95}
    )


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
    assert list(rows.columns) == ["Setting", "run-a", "run-b"]
    assert rows.to_numpy().tolist() == [["Learning rate", "0.01", "1e-3"], ["Epochs", "3", "4"]]
    assert difference_rows([runs[0], runs[0]]).empty


def test_a_setting_without_a_say_is_no_difference() -> None:
    runs = [run("a", model="cnn", hidden_sizes=(64,)), run("b", hidden_sizes=(32,))]
    rows = dict(zip(difference_rows(runs)["Setting"], difference_rows(runs).to_numpy().tolist(), strict=True))
    assert rows["Hidden sizes"][1:] == ["–", "32"], "a CNN has no hidden layers of that kind"
    both = [run("a", model="cnn", hidden_sizes=(64,)), run("b", model="cnn", hidden_sizes=(32,))]
    assert differing_settings(both) == []


def test_runs_of_one_name_are_told_apart_by_id() -> None:
    one, other = run("a", epochs=3), run("b", epochs=4)
    same = RunRecord(other.run_id, one.name, other.state, other.experiment, None, None, other.params, {})
    assert list(difference_rows([one, same]).columns) == ["Setting", "run-a (aaaaaa)", "run-a (bbbbbb)"]


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


def test_a_result_is_the_best_of_what_is_evaluated_during_training() -> None:
    assert result_of(run("a"), "eval/accuracy") == 0.95
    assert result_of(run("a"), "eval/nothing") is None
