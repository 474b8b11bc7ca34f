"""What stops a dashboard from starting is said in a sentence."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.stores import new_store
from trainer_core.errors import StoreError, TrainerError
from trainer_core.jobs.dashboard import check_address, check_port, prepare, serve
from trainer_core.jobs.summon import PROJECT_ROOT, supervisor_lock
from trainer_core.store import open_store
from trainer_core.tracking import read


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which someone listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def free_port(taken_port: int) -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.7", "", "example.org"])  # noqa: S104 - refusing it is the point
def test_an_address_that_others_reach_is_refused_with_the_way_to_do_it(address: str) -> None:
    with pytest.raises(TrainerError, match=r"ssh -L 8501:127\.0\.0\.1:8501"):
        check_address(address, 8501)


@pytest.mark.parametrize("address", ["0.0.0.0", "", "::"])  # noqa: S104 - refusing it is the point
def test_streamlit_run_by_hand_is_refused_in_the_same_words(tmp_path: Path, free_port: int, address: str) -> None:
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.address={address}", f"--server.port={free_port}"]
    ran = subprocess.run(
        [*command, "--server.headless=true"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "DESCENT_STORE": str(tmp_path / "store")},
        capture_output=True,
        text=True,
        timeout=60,  # one that was let in would serve until then
    )
    assert ran.returncode != 0
    with pytest.raises(TrainerError) as told:
        check_address(address or "0.0.0.0", free_port)  # noqa: S104 - what Streamlit takes none for
    assert str(told.value) in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1"])
def test_this_machines_own_addresses_are_taken(address: str) -> None:
    check_address(address, 8501)


def test_a_port_in_use_names_another(taken_port: int) -> None:
    with pytest.raises(TrainerError, match=f"Port {taken_port} is in use.*--port {taken_port + 1}"):
        check_port("127.0.0.1", taken_port)


@pytest.mark.parametrize("port", [0, -1, 70_000])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(TrainerError, match="1 to 65535"):
        check_port("127.0.0.1", port)


def test_a_store_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't be written"):
        open_store(tmp_path / "file" / "store", environment={})


def test_an_empty_store_gets_a_first_run_and_only_one(tmp_path: Path, free_port: int) -> None:
    store = new_store(tmp_path / "store")
    with supervisor_lock(store):
        run_id = prepare(store, "127.0.0.1", free_port)
        assert run_id is not None
        assert prepare(store, "127.0.0.1", free_port) is None
    [run] = read.list_runs(store)
    assert (run.run_id, run.recipe, run.state) == (run_id, "digits", "queued")


def test_the_dashboard_runs_streamlit_in_the_project_with_this_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = new_store(tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    called: list[tuple[list[str], dict[str, str], str]] = []

    def execute(_path: str, command: list[str], environment: dict[str, str]) -> NoReturn:
        called.append((command, environment, os.getcwd()))  # noqa: PTH109
        raise SystemExit(0)

    with pytest.raises(SystemExit):
        serve(store, "127.0.0.1", 8599, execute)
    [(command, environment, folder)] = called
    assert command[1:5] == ["-m", "streamlit", "run", "app.py"]
    assert "--server.address=127.0.0.1" in command
    assert "--server.port=8599" in command
    assert environment["DESCENT_STORE"] == str(store.root)
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert Path(folder) == PROJECT_ROOT
