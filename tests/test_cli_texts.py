"""The command line on texts: predict, merge and what each refuses; and a run that is trained longer."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores import end_processes_of, new_store
from tests.test_cli import run_command
from tests.trained_texts import train_pairs, train_reviews
from trainer_core.cli import main
from trainer_core.config import read_config
from trainer_core.store import Store
from trainer_core.tracking import read


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("texts")
    store = new_store(folder / "store")
    train_pairs(store, folder / "pairs")
    train_reviews(store)
    yield store
    end_processes_of(store)


def command(store: Store, *words: str) -> int:
    return main(["--store", str(store.root), *words])


def test_texts_get_answers_one_line_each(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["The plot was wonderful.", "The cast was 电影 dull."]
    (tmp_path / "texts.txt").write_text("\n\n".join(asked), encoding="utf-8")
    assert command(store, "predict", "still-reed-1", "--file", str(tmp_path / "texts.txt"), "--json") == 0
    from_file = capsys.readouterr().out
    assert command(store, "predict", "still-reed-1", "--text", asked[0], "--text", asked[1], "--json") == 0
    assert capsys.readouterr().out == from_file
    found = [json.loads(line) for line in from_file.splitlines()]
    assert [one["input"] for one in found] == asked
    for one in found:
        assert one["label"] == max(one["probabilities"], key=one["probabilities"].get)
        assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def test_a_pair_is_asked_with_a_tab_between(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(store, "predict", "pair-wren-2", "--text", "The dog is red\tThe dog is red") == 0
    assert "same" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["predict", "pair-wren-2", "--text", "only one"], "reads pairs of texts, and line 1 is none"),
        (["predict", "still-reed-1", "--image", "x.png"], "reads texts, not pictures"),
        (["predict", "still-reed-1", "--file", "/no/such.txt"], "no file /no/such.txt"),
        (["predict", "still-reed-1", "--text", " "], "every line is empty"),
        (["merge", "still-reed-1", "--out", "/tmp/never-written"], "no adapter to merge"),
        (["resume", "still-reed-1", "--epochs", "2"], "Epochs (epochs) is 2"),
    ],
)
def test_a_mistake_gets_a_sentence(store: Store, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str) -> None:
    assert command(store, *words) in (1, 2)
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.out == ""
    assert not Path("/tmp/never-written").exists()  # noqa: S108


@pytest.mark.parametrize("words", [[], ["--text", "a", "--image", "b.png"], ["--text", "a", "--file", "b"]])
def test_exactly_one_kind_of_question_is_asked(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["predict", "last", *words])
    assert left.value.code == 2
    assert "--text" in capsys.readouterr().err


def test_a_run_is_trained_longer_as_one_curve(tmp_path: Path) -> None:
    store = new_store(tmp_path / "store")
    try:
        answer = run_command(store, "launch", "digits", "--epochs", "2", "--name", "long-otter-1", "--wait")
        assert answer.returncode == 0, answer.stderr
        before = read.find_run(store, "long-otter-1")
        assert run_command(store, "resume", "last", "--epochs", "2").returncode == 2
        answer = run_command(store, "resume", "last", "--epochs", "4", "--wait")
        assert answer.returncode == 0, answer.stderr
        run = read.find_run(store, "long-otter-1")
        assert (run.state, run.settings["epochs"], run.params["epochs"]) == ("finished", 4, "2")
        assert run.config() == read_config(store.config_file(run.run_id))
        history = read.metric_history(store, [run.run_id], ["eval/loss", "progress/epoch", "train/loss"])
        evaluated = history[history["key"] == "eval/loss"]["step"].tolist()
        last = evaluated[1]
        assert evaluated == [last // 2, last, last * 3 // 2, last * 2]
        assert history[history["key"] == "progress/epoch"]["value"].is_monotonic_increasing
        logged = history[history["key"] == "train/loss"]["step"]
        assert not logged.duplicated().any()
        assert [restart.from_step for restart in run.restarts] == [last]
        assert run.best["eval/loss"] <= before.best["eval/loss"]
    finally:
        end_processes_of(store)
