"""The command line on texts: predict, merge and what each refuses; and a run that is trained longer."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import shared_data
from tests.stores import end_processes_of, new_store
from tests.test_cli import run_command
from tests.trained_texts import train_adapter, train_pairs, train_reviews
from trainer_core.checkpoints import Checkpoint, find_checkpoint
from trainer_core.cli import main
from trainer_core.config import TrainConfig
from trainer_core.decisions import drop_threshold, keep_threshold
from trainer_core.settings import read_config
from trainer_core.store import Store
from trainer_core.tasks.model_source import check_model
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


def test_a_threshold_kept_decides_and_is_named(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = find_checkpoint(store, read.find_run(store, "still-reed-1").run_id, "best")
    labels = checkpoint.label_names
    try:
        for threshold, said in ((0.0, labels[1]), (1.0, labels[0])):
            keep_threshold(checkpoint.path, threshold)
            assert command(store, "predict", "still-reed-1", "--text", "The plot was dull.", "--json") == 0
            assert json.loads(capsys.readouterr().out)["label"] == said
        assert command(store, "predict", "still-reed-1", "--text", "The plot was dull.") == 0
        out = capsys.readouterr().out
        assert f": {labels[0]} " in out
        assert f"{labels[1]} from 100.0% on" in out
    finally:
        drop_threshold(checkpoint.path)


def test_a_checkpoint_is_exported_once(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "model.zip"
    assert command(store, "export", "pair-wren-2", "--out", str(target)) == 0
    assert "with its card" in capsys.readouterr().out
    assert target.is_file()
    assert command(store, "export", "pair-wren-2", "--out", str(target)) == 1
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["predict", "pair-wren-2", "--text", "only one"], "reads pairs of texts, and line 1 is none"),
        (["predict", "still-reed-1", "--image", "x.png"], "reads texts, not pictures"),
        (["predict", "still-reed-1", "--file", "/no/such.txt"], "no file /no/such.txt"),
        (["predict", "still-reed-1", "--text", " "], "every line is empty"),
        (["merge", "still-reed-1", "--out", "/no/such/folder"], "no adapter to merge"),
        (["resume", "still-reed-1", "--epochs", "2"], "Epochs (epochs) is 2"),
    ],
)
def test_a_mistake_gets_a_sentence(store: Store, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str) -> None:
    assert command(store, *words) in (1, 2)
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("words", [[], ["--text", "a", "--image", "b.png"], ["--text", "a", "--file", "b"]])
def test_exactly_one_kind_of_question_is_asked(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["predict", "last", *words])
    assert left.value.code == 2
    assert "--text" in capsys.readouterr().err


def test_an_adapter_is_merged_into_a_whole_model_that_says_the_same(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_adapter(store, shared_data("models/stories260K"))
    (tmp_path / "merged").mkdir()
    assert command(store, "merge", "small-lora-3", "--out", str(tmp_path / "merged")) == 0
    assert "merged into" in capsys.readouterr().out
    files = {path.name for path in (tmp_path / "merged").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= files
    assert not {"adapter_config.json", "training_args.bin"} & files
    assert [path.name for path in tmp_path.iterdir()] == ["merged"]
    check_model(TrainConfig(task="label_token", dataset="reviews", model=str(tmp_path / "merged")))
    assert command(store, "predict", "small-lora-3", "--text", "The plot was dull.", "--json") == 0
    shares = json.loads(capsys.readouterr().out)["probabilities"]
    checkpoint = find_checkpoint(store, read.find_run(store, "small-lora-3").run_id, "best")
    assert shares == pytest.approx(asked_whole(tmp_path / "merged", checkpoint, "The plot was dull."), abs=1e-5)
    assert command(store, "merge", "small-lora-3", "--out", str(tmp_path / "merged")) == 1
    assert "is not empty" in capsys.readouterr().err


def asked_whole(folder: Path, checkpoint: Checkpoint, text: str) -> dict[str, float]:
    """What the merged model says of a text, by the code of every prediction."""
    from trainer_core.tasks.saved_texts import load_trained
    from trainer_core.tasks.text_reader import TextReader

    config, names = checkpoint.config(), checkpoint.label_names
    shares = TextReader(config, *load_trained(folder, config, names), names, checkpoint.details).ask([text])[0]
    return dict(zip(names, map(float, shares), strict=True))


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
