"""Passwords and tokens reach neither a sentence, nor a log, nor a traceback, nor anything that a store or a bundle keeps."""

import json
import logging
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.stores import end_processes_of, new_store
from trainer_core.config import TrainConfig
from trainer_core.curating.work import look
from trainer_core.data import hub
from trainer_core.errors import ConfigError, DataError, StoreError, TrainerError
from trainer_core.jobs.launching import launch
from trainer_core.secrets import holds_secret, without_secrets
from trainer_core.settings import build_config
from trainer_core.store import Store, open_store
from trainer_core.tracking import read, tags, write
from trainer_core.tracking.client import open_client, with_store_errors

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "sesame-open-4711"
"""Not shaped like a hub token: only the environment says that it is secret."""
SHAPED = "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH"
SECRETS = ("hunter2", TOKEN, SHAPED)
ADDRESS = "https://me:hunter2@data.example/films.csv"


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("can't reach postgresql://me:hunter2@db.example:5432/runs now", "can't reach postgresql://…@db.example:5432/runs now"),
        ("http://hunter2@proxy", "http://…@proxy"),
        ("'http://me:hun/ter?2#@host/a'", "'http://…@host/a'"),
        ("https://me:hun@ter2@host/a", "https://…@host/a"),
        ("postgresql://db.example/runs?user=me&password=hunter2&sslmode=no", "postgresql://db.example/runs?user=me&password=…&sslmode=no"),
        (f"Bearer {SHAPED}.", "Bearer …."),
        (f"set {TOKEN} anew", "set … anew"),
    ],
)  # fmt: skip
def test_who_logs_in_is_hidden_and_the_rest_stays(text: str, shown: str) -> None:
    assert without_secrets(text, {"HF_TOKEN": TOKEN}) == shown
    assert without_secrets(shown, {"HF_TOKEN": TOKEN}) == shown
    assert holds_secret(text, {"HF_TOKEN": TOKEN})


@pytest.mark.parametrize(
    "text",
    [
        "https://huggingface.co/owner/name@v1",
        "http://127.0.0.1:8501/a@b",
        "http://[::1]:8501/a@b",
        "hf://datasets/owner/name@main",
        "sqlite:////home/me:you/x@y/mlflow.db",
        "write to me@example.org: hf_hub_download, hf_transfer",
        "owner/name",
    ],
)
def test_what_holds_no_secret_stays_letter_by_letter(text: str) -> None:
    assert without_secrets(text, {"HF_TOKEN": "short", "MLFLOW_TRACKING_PASSWORD": ""}) == text


@pytest.mark.parametrize("name", ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"])
def test_what_the_environment_names_as_secret_is_hidden(name: str) -> None:
    assert without_secrets(f"it is {TOKEN}", {name: f" {TOKEN}\n"}) == "it is …"


def test_no_error_shown_to_a_user_holds_one(tokens: None) -> None:
    assert str(TrainerError(f"{ADDRESS} said {TOKEN}")) == "https://…@data.example/films.csv said …"
    error = ConfigError({"dataset": f"{ADDRESS} is not there"})
    assert "hunter2" not in error.problems["dataset"] + str(error)


_PROCESS = """
import logging, sys, threading, warnings
from trainer_core.secrets import start_logging

start_logging(sys.stdout, "%(asctime)s %(message)s")
address = "http://me:hunter2@host"
library = logging.getLogger("library")  # as mlflow does: a handler of its own, and nothing passed on
library.propagate = False
library.addHandler(logging.StreamHandler())


def fail():
    raise ValueError(f"no answer from {address}")


for log in (logging.getLogger("ours"), library):
    log.error("asked %s", address)
    try:
        fail()
    except ValueError:
        log.exception("it failed")
warnings.warn(f"{address} is slow")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""


def test_logs_warnings_and_tracebacks_of_a_process_hide_it() -> None:
    ran = subprocess.run([sys.executable, "-c", _PROCESS], capture_output=True, text=True, timeout=60)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 1
    assert "hunter2" not in said.replace('me:hunter2@host"', "")  # the source line itself, where Python quotes it
    assert said.count("no answer from http://…@host") == 4  # two logged, a thread's, the process's own
    assert said.count("asked http://…@host") == 2
    assert "http://…@host is slow" in said
    assert said.count("Traceback") == 4


def test_the_dashboard_logs_what_a_page_did_not_foresee_without_it(store: Store) -> None:
    raised = "ValueError('no answer from http://me:hunter2@host')"
    script = f"import app\nfrom streamlit.error_util import handle_uncaught_app_exception\nhandle_uncaught_app_exception({raised})"
    environment = {**os.environ, "DESCENT_STORE": str(store.root)}
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert "no answer from http://…@host" in ran.stderr
    assert "hunter2" not in ran.stdout + ran.stderr


def test_a_formatter_hides_it_in_the_whole_record_where_a_library_made_the_record() -> None:
    from trainer_core.secrets import SecretFreeFormatter

    try:
        raise OSError(ADDRESS)
    except OSError:
        record = logging.LogRecord("library", logging.ERROR, "", 0, "asked %s", (ADDRESS,), sys.exc_info())
    written = SecretFreeFormatter("%(message)s").format(record)
    assert "hunter2" not in written.replace(f'"{ADDRESS}"', "")
    assert written.startswith("asked https://…@data.example/films.csv\nTraceback")


@pytest.mark.parametrize(
    ("address", "package"),
    [
        ("postgresql://me:hunter2@127.0.0.1:9/runs", r'pip install "psycopg\[binary\]"'),
        ("mysql://me:hunter2@127.0.0.1:9/runs", 'pip install "mysqlclient"'),
    ],
)
def test_a_database_without_its_driver_is_told_of_in_a_sentence(tmp_path: Path, address: str, package: str) -> None:
    store = open_store(tmp_path / "store", {"MLFLOW_TRACKING_URI": address})
    with pytest.raises(StoreError, match=package) as told:
        open_client(store)
    assert "hunter2" not in str(told.value)
    assert "127.0.0.1:9/runs" in str(told.value)


def test_a_tracking_address_that_can_not_be_opened_or_asked_is_shown_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"foo://…@h can't be opened") as told:
        open_client(open_store(tmp_path / "store", {"MLFLOW_TRACKING_URI": "foo://me:hunter2@h"}))
    assert "hunter2" not in str(told.value)

    class FailedError(Exception):
        __module__ = "requests.exceptions"

    @with_store_errors
    def ask(store: Store) -> None:
        raise FailedError("Max retries exceeded with url: http://me:hunter2@h/api")

    with pytest.raises(StoreError, match="does not answer") as told:
        ask(open_store(tmp_path / "store", {"MLFLOW_TRACKING_URI": "http://me:hunter2@h"}))
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize("proxy", ["http://hunter2@proxy:3128", "http://me:hunter2@proxy:3128", "me:hunter2@proxy:3128"])
def test_the_hubs_settings_show_neither_its_password_nor_a_proxys(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://me:hunter2@mirror.example:8443/hub/")
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    told = hub.settings()
    assert (told["HF_ENDPOINT"], told["HTTPS_PROXY"].removeprefix("http://")) == (
        "https://…@mirror.example:8443/hub/",
        "…@proxy:3128",
    )
    assert (hub.endpoint(), hub.host()) == ("https://mirror.example:8443/hub", "mirror.example:8443")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataError, match=r"mirror\.example:8443 can't be reached") as error:
        hub.look_up("dataset", "owner/name")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("setting", ["dataset", "model", "name", "dataset_revision", "experiment", "label_names"])
def test_a_setting_with_a_password_or_token_is_refused_at_the_door(tokens: None, setting: str) -> None:
    for text in (ADDRESS, TOKEN, SHAPED):
        with pytest.raises(ConfigError, match=r"holds a password or token.*HF_TOKEN") as told:
            build_config({"task": "sequence_classification", "model": "small_gpt", setting: text})
        assert not any(secret in str(told.value) for secret in SECRETS)


def test_data_are_not_read_from_an_address_with_a_password(store: Store) -> None:
    with pytest.raises(DataError, match=r"https://…@data\.example/films\.csv holds a password or token"):
        look(store, lambda _share, _what: None, ADDRESS)


def test_an_address_typed_on_the_page_data_is_refused_before_anything_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESCENT_STORE", str(store.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    page = AppTest.from_file(str(ROOT / "pages" / "data.py"), default_timeout=60).run()
    page.text_input(key="data/source").set_value(ADDRESS)
    next(button for button in page.button if button.label == "Look at it").click()
    page.run()
    assert any("holds a password or token" in error.value for error in page.error)
    assert not any("hunter2" in error.value for error in page.error)
    assert found_in(store.root) == []


_FAILING = """
import sys

def fail(*_arguments, **_named):
    raise ValueError("no answer from http://me:hunter2@host")

if sys.argv[1] == "inference":
    from trainer_core.inference import predict
    from trainer_core.inference.__main__ import main
    predict.LoadedCheckpoints.predict_texts = fail
else:
    from trainer_core.curating import work
    from trainer_core.work_process import do_one
    work.answer = fail
    def main():
        do_one("curating", lambda: work.answer)
del sys.argv[1]
main()
"""


@pytest.mark.parametrize("process", ["inference", "curating"])
def test_what_a_background_process_did_not_foresee_is_logged_and_answered_without_it(store: Store, process: str) -> None:
    work = store.root / "work" / "data-1"
    work.mkdir(parents=True)
    (work / "request.json").write_text("{}")
    more = ["--work", str(work)] if process == "curating" else []
    question = json.dumps({"run": "a" * 32, "step": 1, "texts": ["a"], "pairs": None}) + "\n"
    ran = subprocess.run(
        [sys.executable, "-c", _FAILING, process, "--store", str(store.root), *more],
        input=question if process == "inference" else "",
        capture_output=True,
        text=True,
        timeout=120,
    )
    answer = ran.stdout if process == "inference" else (work / "answer.json").read_text()
    assert "no answer from http://\\u2026@host" in answer or "no answer from http://…@host" in answer
    said = ran.stdout + ran.stderr + answer
    assert "Traceback" in said
    assert "hunter2" not in said


def test_what_goes_into_the_store_is_cleaned_even_where_nothing_refused_it(tokens: None, tmp_path: Path) -> None:
    store = new_store(tmp_path / "store")
    params = {"dataset": ADDRESS, "model": TOKEN}
    run_id = write.create_run(store, name=SHAPED, experiment="descent", params=params, tags={tags.COMMAND: f"launch {ADDRESS}"})
    write.set_state(store, run_id, "failed", tags={tags.REASON: f"no answer from {ADDRESS}"})
    write.rename_run(store, run_id, f"a {TOKEN}")
    run = read.get_run(store, run_id)
    assert (run.name, run.reason) == ("a …", "no answer from https://…@data.example/films.csv")
    assert run.params == {"dataset": "https://…@data.example/films.csv", "model": "…"}
    assert found_in(store.root) == []


def found_in(folder: Path) -> list[tuple[str, str]]:
    """The files below a folder that hold one of the secrets, as bytes, zips unpacked; with which."""
    found = []
    for path in (path for path in folder.rglob("*") if path.is_file()):
        contents = [path.read_bytes()]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                contents += [archive.read(name) for name in archive.namelist()]
        found += [(path.name, secret) for secret in SECRETS if any(secret.encode() in content for content in contents)]
    return found


@pytest.fixture
def ended(tmp_path: Path) -> Iterator[Store]:
    store = new_store(tmp_path / "store")
    yield store
    end_processes_of(store)


def test_a_run_from_launch_to_bundle_leaves_neither_token_nor_password_anywhere(ended: Store) -> None:
    store = ended
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    environment |= {"HF_TOKEN": TOKEN, "HUGGING_FACE_HUB_TOKEN": SHAPED, "HTTPS_PROXY": "http://me:hunter2@127.0.0.1:9"}

    def command(*words: str) -> tuple[int, str]:
        ran = subprocess.run(
            [sys.executable, "-m", "trainer_core", "--store", str(store.root), *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        return ran.returncode, ran.stdout + ran.stderr

    said = []
    for refused in ((ADDRESS,), (f"/data/{TOKEN}",), ("digits", "--model", ADDRESS), ("digits", "--name", SHAPED)):
        status, words = command("launch", "digits", "--dataset", *refused)
        assert status == 2
        said.append(words)
    status, words = command("launch", "digits", "--epochs", "1", "--name", "quiet-owl-1", "--wait")
    assert status == 0, words
    said.append(words)
    status, words = command("bundle", "quiet-owl-1", "--out", str(store.root / "handed-in.zip"))
    assert status == 0, words
    status, shown = command("hub")
    said += [words, shown]
    assert "HF_TOKEN        set" in shown
    assert store.log(read.find_run(store, "quiet-owl-1").run_id).stat().st_size > 0
    assert not any(secret in text for secret in SECRETS for text in said)
    assert found_in(store.root) == []


def test_a_dataset_given_as_an_address_with_a_password_is_never_launched(ended: Store) -> None:
    with pytest.raises(DataError) as told:
        launch(ended, TrainConfig(task="sequence_classification", model="small_gpt", dataset=ADDRESS))
    assert "hunter2" not in str(told.value)
    assert read.list_runs(ended) == []
