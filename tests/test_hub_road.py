"""The real road to a hub, walked to a small one on loopback: revisions, tokens, progress, and each thing that goes wrong."""

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.loopback_hub import TOKEN, LoopbackHub, Repository, serve
from tests.stores import end_processes_of, new_store
from tests.tiny_texts import save_model
from trainer_core.data.reviews import make_reviews
from trainer_core.store import Store
from trainer_core.tracking import read

ROWS = list(zip(*make_reviews(400), strict=True))
CONFIGURATIONS = b"""---
configs:
- config_name: plain
  data_files:
  - split: train
    path: plain/train.csv
- config_name: small
  data_files:
  - split: train
    path: small/train.csv
---
"""


def as_csv(rows: list[tuple[str, int]]) -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows([("text", "label"), *rows])
    return file.getvalue().encode()


@dataclass
class Road:
    """A store, a hub, and an HF_HOME of its own."""

    store: Store
    hub: LoopbackHub
    environment: dict[str, str]

    def command(self, *words: str, **environment: str) -> tuple[int, str]:
        """Runs a command as a user does; its status and all it said."""
        ran = subprocess.run(
            [sys.executable, "-m", "trainer_core", "--store", str(self.store.root), *words],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "Traceback" not in ran.stderr
        return ran.returncode, ran.stdout + ran.stderr


_MANY = """
import contextlib, io, json, os, sys
from trainer_core.cli import main

answers = []
for words, environment in json.load(sys.stdin):
    os.environ.pop("HF_TOKEN", None)
    os.environ.update(environment)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = main(words)
        except SystemExit as left:
            status = left.code
    answers.append((status, said.getvalue()))
sys.__stdout__.write("ANSWERS" + json.dumps(answers))
"""


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    folder = tmp_path_factory.mktemp("road")
    model = {path.name: path.read_bytes() for path in save_model("gpt2", folder / "model").iterdir()}
    pickled = {name: content for name, content in model.items() if not name.endswith(".safetensors")} | {"pytorch_model.bin": b"x"}
    repositories = {
        ("dataset", "tiny/films"): Repository(
            {
                "main": {"train.csv": as_csv(ROWS[:300]), "test.csv": as_csv(ROWS[300:])},
                "v1": {"train.csv": as_csv(ROWS[:100]), "test.csv": as_csv(ROWS[300:340])},
            }
        ),
        ("dataset", "tiny/several"): Repository(
            {"main": {"README.md": CONFIGURATIONS, "plain/train.csv": as_csv(ROWS[:300]), "small/train.csv": as_csv(ROWS[:50])}}
        ),
        ("dataset", "tiny/secret"): Repository({"main": {"train.csv": as_csv(ROWS[:80])}}, token=True),
        ("dataset", "tiny/gated"): Repository({"main": {"train.csv": as_csv(ROWS[:80])}}, gated=True),
        ("dataset", "tiny/broken"): Repository({"main": {"train.csv": as_csv(ROWS * 5)}}, breaks=True),
        ("model", "tiny/gpt"): Repository({"main": model, "v2": {**model, "NOTES.txt": b"second"}}, seconds=3.0),
        ("model", "tiny/pickle"): Repository({"main": pickled}),
        ("model", "tiny/broken"): Repository({"main": model}, breaks=True),
    }
    store = new_store(folder / "store")
    with serve(repositories) as hub:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("HF_") and "PROXY" not in name.upper()
        }
        environment |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "home"), "MLFLOW_DISABLE_TELEMETRY": "true"}
        yield Road(store, hub, environment)
    end_processes_of(store)


READ = [
    (["tiny/films"], {}, "train 300, test 100"),
    (["tiny/films", "--revision", "v1"], {}, "train 100, test 40"),
    (["tiny/films", "--split", "test"], {}, "train 100\n"),
    (["tiny/several", "--configuration", "small"], {}, "train 50\n"),
    (["tiny/secret"], {"HF_TOKEN": TOKEN}, "train 80"),
]
REFUSED = [
    (["tiny/films", "--revision", "v9"], {}, "has no revision “v9”. Give a branch, a tag or a commit"),
    (["tiny/films", "--split", "nope"], {}, "has no split “nope”. There are train, test."),
    (["tiny/several"], {}, "has several configurations; name one. There are plain, small."),
    (["tiny/several", "--configuration", "nope"], {}, "has no configuration “nope”. There are plain, small."),
    (["tiny/none"], {}, "There is no dataset “tiny/none” on 127.0.0.1"),
    (["tiny/secret"], {}, "or it is private and needs HF_TOKEN"),
    (["tiny/secret"], {"HF_TOKEN": "hf_wrong"}, "did not take HF_TOKEN (401). Make a new token"),
    (["tiny/gated"], {"HF_TOKEN": TOKEN}, "is shown only to those who asked for it. Ask on its page"),
    (["tiny/broken"], {}, "broke while “tiny/broken” was downloaded"),
]


@pytest.fixture(scope="module")
def answers(road: Road) -> list[tuple[int, str]]:
    """What each of READ and REFUSED gave, all asked in one process, since imports take longer than answers."""
    asked = [(["--store", str(road.store.root), "data", "inspect", *words], given) for words, given, _wanted in READ + REFUSED]
    ran = subprocess.run(
        [sys.executable, "-c", _MANY], input=json.dumps(asked), env=road.environment, capture_output=True, text=True, timeout=200
    )
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    return [(status, said) for status, said in json.loads(ran.stdout.partition("ANSWERS")[2])]


@pytest.mark.parametrize("case", range(len(READ)))
def test_a_dataset_is_read_at_its_revision_configuration_and_split(answers: list[tuple[int, str]], case: int) -> None:
    status, said = answers[case]
    assert status == 0
    assert READ[case][2] in said


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_is_wrong_with_a_dataset_is_said(answers: list[tuple[int, str]], case: int) -> None:
    status, said = answers[len(READ) + case]
    assert status == 1
    assert REFUSED[case][2] in said
    assert "hf_" not in said


LAUNCH = (
    "launch",
    "sentiment",
    "--dataset",
    "tiny/films",
    "--batch-size",
    "16",
    "--max-steps",
    "4",
    "--max-length",
    "24",
    "--wait",
)


def test_a_model_is_downloaded_in_the_worker_with_progress_and_kept_for_offline(road: Road) -> None:
    status, said = road.command(*LAUNCH, "--model", "tiny/gpt", "--dataset-revision", "v1", "--name", "from-hub")
    assert status == 0
    run = read.find_run(road.store, "from-hub")
    assert run.settings["model"] == "tiny/gpt"
    log = road.store.log(run.run_id).read_text()
    assert log.count("MB of tiny/gpt") >= 2
    assert "70 rows" in log or "85 rows" in log  # of the revision's 100, some held back
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    began = time.monotonic()
    status, said = road.command(*LAUNCH, "--model", "tiny/gpt", **nowhere)
    assert status == 0, said
    assert time.monotonic() - began < 60
    status, said = road.command("predict", "from-hub", "--text", "A fine film", **nowhere)
    assert status == 0


def test_another_revision_is_another_model(road: Road) -> None:
    _status, main = road.command("hub", "model", "tiny/gpt")
    _status, second = road.command("hub", "model", "tiny/gpt", "--revision", "v2")
    assert "NOTES.txt" in second
    assert main.split()[1] != second.split()[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model", "tiny/pickle"], "tiny/pickle has no safetensors weights (it has pytorch_model.bin)"),
        (["--model", "tiny/none"], "There is no model “tiny/none” on 127.0.0.1"),
        (["--model", "tiny/gpt", "--model-revision", "v7"], "The model “tiny/gpt” has no revision “v7”"),
        (["--model", "tiny/broken"], "broke while “tiny/broken” was downloaded"),
        (["--model", "a/b--c..d"], "is no hub id"),
    ],
)
def test_what_is_wrong_with_a_model_is_said(road: Road, words: list[str], sentence: str) -> None:
    status, said = road.command(*LAUNCH, *words)
    assert status == 1
    assert sentence in said


def test_offline_is_noticed_within_five_seconds(road: Road) -> None:
    began = time.monotonic()
    status, said = road.command("hub", HF_ENDPOINT="http://127.0.0.1:9", HF_TOKEN=TOKEN)
    assert status == 1
    assert "can't be reached (Connection refused). Local folders work all the same; or set HF_ENDPOINT to a mirror." in said
    status, said = road.command("data", "inspect", "tiny/unknown", HF_ENDPOINT="http://127.0.0.1:9")
    assert "is not on this machine and 127.0.0.1:9 can't be reached" in said
    assert time.monotonic() - began < 2 * 5


def test_the_settings_are_shown_and_the_token_never(road: Road) -> None:
    status, said = road.command("hub", HF_TOKEN=TOKEN, HTTPS_PROXY="http://me:secret@127.0.0.1:9")
    assert status == 0
    assert road.hub.url in said
    assert road.environment["HF_HOME"] in said
    assert TOKEN not in said
    assert "secret" not in said
    assert "HF_TOKEN        set" in said
