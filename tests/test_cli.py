"""The command line, from help to an answer. One real run is trained and shared."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.logged_runs import log_run
from tests.stores import end_processes_of, new_store
from trainer_core.cli import main
from trainer_core.jobs.launching import option_of
from trainer_core.settings import SETTINGS
from trainer_core.store import Store
from trainer_core.tracking import read

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Trained:
    """A store with one finished run, and what launching it printed."""

    store: Store
    run_id: str
    name: str
    output: str


def run_command(store: Store, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DESCENT_STORE": str(store.root), "DESCENT_SUPERVISOR_IDLE_SECONDS": "2"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    return subprocess.run(
        [sys.executable, "-m", "trainer_core", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A run of the recipe digits, one epoch long, launched as a user would."""
    store = new_store(tmp_path_factory.mktemp("cli") / "store")
    try:
        answer = run_command(store, "launch", "digits", "--epochs", "1", "--learning-rate", "3e-2", "--wait")
        assert answer.returncode == 0, answer.stderr
        run_id, name = answer.stdout.splitlines()[0].split()
        yield Trained(store, run_id, name, answer.stdout)
    finally:
        end_processes_of(store)


@pytest.fixture
def empty_store(tmp_path: Path) -> Store:
    return new_store(tmp_path / "store")


def test_help_takes_less_than_a_second_and_imports_nothing_heavy() -> None:
    began = time.perf_counter()
    code = (
        "import sys; from trainer_core.cli import main\n"
        "try: main(['launch', '--help'])\n"
        "finally: print([name for name in ('mlflow', 'torch', 'sklearn', 'pandas', 'streamlit') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    seconds = time.perf_counter() - began
    assert answer.stdout.splitlines()[-1] == "[]"
    assert seconds < 1 or os.getloadavg()[0] > os.cpu_count()  # type: ignore[operator]


def test_help_names_every_setting_with_its_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["launch", "--help"])
    assert left.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for setting in SETTINGS.values():
        assert option_of(setting.name) in shown
        assert " ".join(setting.help.split()) in shown
        assert " ".join(setting.accepted().split()) in shown


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "launch digits --wait" in capsys.readouterr().out


def test_recipes_are_listed_with_what_they_change(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--store", str(tmp_path / "store"), "recipes"]) == 0
    shown = capsys.readouterr().out
    assert "digits" in shown
    assert "learning_rate 2e-3" in shown
    assert "mnist" in shown


@pytest.mark.parametrize(
    ("words", "sentences"),
    [
        (["launch", "digts"], ["no recipe “digts”", "Did you mean digits?"]),
        (["launch", "digits", "--learning-rate", "0", "--epochs", "many"], ["Learning rate (learning_rate)", "Epochs (epochs)"]),
        (["launch", "digits", "--dataset", "/no/such/folder"], ["/no/such/folder"]),
        (["launch", "digits", "--batch-size", "5000"], ["batch_size", "5,000"]),
        (["stop", "nobody"], ["There are no runs"]),
        (["predict", "last", "--image", "x.png"], ["There are no runs"]),
        (["dashboard", "--address", "0.0.0.0"], ["ssh -L"]),  # noqa: S104
    ],
)
def test_a_mistake_gets_sentences_and_no_traceback(
    empty_store: Store, capsys: pytest.CaptureFixture[str], words: list[str], sentences: list[str]
) -> None:
    assert main(["--store", str(empty_store.root), *words]) in (1, 2)
    captured = capsys.readouterr()
    assert captured.out == ""
    for sentence in sentences:
        assert sentence in captured.err
    assert "Traceback" not in captured.err
    assert read.list_runs(empty_store) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["launch", "digits", "--learning-rat", "3"], "Did you mean --learning-rate?"),
        (["launch"], "RECIPE"),
        (["dance"], "dance"),
        (["dashboard", "--port", "x"], "--port"),
    ],
)
def test_a_mistyped_command_says_where_help_is(capsys: pytest.CaptureFixture[str], words: list[str], sentence: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    shown = capsys.readouterr().err
    assert sentence in shown
    assert "--help" in shown
    assert len(shown.splitlines()) == 1


def test_a_store_that_cannot_be_written_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["--store", str(tmp_path / "file" / "store"), "runs"]) == 1
    assert "can't be written" in capsys.readouterr().err


def test_an_empty_list_says_how_to_start(empty_store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--store", str(empty_store.root)]) == 0
    assert "launch digits" in capsys.readouterr().out


def test_launch_prints_the_id_first_and_the_figures_last(trained: Trained) -> None:
    assert len(trained.run_id) == 32
    for words in ("finished in", "test ", "accuracy", "baseline/majority", f"predict {trained.name}"):
        assert words in trained.output
    assert "\r" not in trained.output


def test_the_launched_run_is_in_mlflow_with_its_settings_and_points(trained: Trained) -> None:
    run = read.get_run(trained.store, trained.run_id)
    assert (run.state, run.settings["learning_rate"], run.settings["epochs"], run.recipe) == ("finished", 0.03, 1, "digits")
    assert run.tags["descent.command"] == "python -m trainer_core launch digits --epochs 1 --learning-rate 0.03"
    keys = read.metric_keys(trained.store, [trained.run_id])
    for key in ("train/loss", "eval/accuracy", "test/accuracy", "baseline/majority/accuracy", "progress/epoch"):
        assert key in keys
    history = read.metric_history(trained.store, [trained.run_id], keys)
    assert not history.duplicated(["run_id", "key", "step", "time"]).any()


def test_runs_are_listed_as_a_table_and_as_json(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--store", str(trained.store.root), "runs"]) == 0
    assert trained.name in capsys.readouterr().out
    assert main(["--store", str(trained.store.root), "runs", "--json"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert (found["run_id"], found["state"], found["settings"]["hidden_sizes"]) == (trained.run_id, "finished", [256, 128])


def test_a_picture_gets_an_answer(trained: Trained, tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    picture = np.zeros((64, 64), dtype=np.uint8)
    picture[8:56, 28:36] = 255
    Image.fromarray(picture).save(tmp_path / "one.png")
    answer = run_command(trained.store, "predict", "last", "--image", str(tmp_path / "one.png"), "--json")
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert found["input"] == str(tmp_path / "one.png")
    assert found["label"] == max(found["probabilities"], key=found["probabilities"].get)
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["predict", "last", "--checkpoint", "7", "--image", "x.png"], "no checkpoint “7”"),
        (["predict", "last", "--image", "/no/such.png"], "no file /no/such.png"),
        (["resume", "last", "--checkpoint", "7"], "no checkpoint “7”"),
        (["stop", "noboby"], "Near are"),
    ],
)
def test_a_mistake_about_a_run_gets_a_sentence(
    trained: Trained, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert main(["--store", str(trained.store.root), *words]) == 1
    assert sentence in capsys.readouterr().err


def test_stopping_a_run_that_has_ended_says_so(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--store", str(trained.store.root), "stop", "last"]) == 0
    assert "has ended already: finished" in capsys.readouterr().out


def test_an_archived_run_is_listed_only_on_demand(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    store = ["--store", str(trained.store.root)]
    assert main([*store, "archive", trained.name]) == 0
    capsys.readouterr()
    main([*store, "runs"])
    assert trained.name not in capsys.readouterr().out
    main([*store, "runs", "--all"])
    assert trained.name in capsys.readouterr().out
    assert main([*store, "restore", trained.name]) == 0


def test_a_run_is_deleted_brought_back_and_purged(empty_store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = log_run(empty_store, "bold-heron-7")
    store = ["--store", str(empty_store.root)]
    assert main([*store, "purge"]) == 0
    assert "nothing to remove" in capsys.readouterr().out
    assert main([*store, "delete", "bold-heron-7"]) == 0
    assert "restore bold-heron-7" in capsys.readouterr().out
    main([*store, "runs", "--all"])
    assert run_id not in capsys.readouterr().out
    assert main([*store, "restore", "bold-heron-7"]) == 0
    assert main([*store, "delete", "bold-heron-7"]) == 0
    capsys.readouterr()
    assert main([*store, "space"]) == 0
    shown = capsys.readouterr().out
    assert "1 deleted run still takes" in shown
    assert "are free on the disk" in shown
    assert main([*store, "purge"]) == 1
    assert "Say so with --yes" in capsys.readouterr().err
    assert main([*store, "purge", "--yes"]) == 0
    assert "are free again" in capsys.readouterr().out
    assert not empty_store.journal(run_id).exists()
