"""A tracking server that refuses access is told as that, with what to set; one that fails otherwise does not answer."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from trainer_core.cli import main
from trainer_core.errors import StoreError
from trainer_core.store import Store, open_store
from trainer_core.tracking import read, write

BODIES = {
    "plain": (b"You are not authenticated.", "text/plain"),
    "MLflow's": (b'{"error_code": "PERMISSION_DENIED", "message": "Permission denied"}', "application/json"),
    "a proxy's": (b'{"detail": "no"}', "application/json"),
    "a page": (b"<html>no</html>", "text/html"),
}


class Refusing(ThreadingHTTPServer):
    """Answers everything alike."""

    status, body, kind = 401, b"", "text/plain"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)


class Answer(BaseHTTPRequestHandler):
    server: Refusing

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.server.status)
        self.send_header("Content-Type", self.server.kind)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_POST = do_PATCH = answer

    def log_message(self, *_given: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Refusing]:
    made = Refusing()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def store(server: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return open_store(tmp_path / "store", environment={"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{server.server_port}"})


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_told_with_what_to_set(server: Refusing, store: Store, status: int, body: str) -> None:
    server.status, (server.body, server.kind) = status, BODIES[body]
    told = 403 if body == "MLflow's" else status  # its own word for what it means
    for ask in (
        lambda: read.list_runs(store),
        lambda: write.set_tags(store, "a" * 32, {"x": "y"}),
        lambda: write.create_run(store, name="run", experiment="descent", params={}, tags={}),
    ):
        with pytest.raises(StoreError, match=rf"refuses access \({told}\).*MLFLOW_TRACKING_TOKEN"):
            ask()


def test_other_failures_are_no_refusal(server: Refusing, store: Store) -> None:
    server.status, server.body = 500, b"broken"
    with pytest.raises(StoreError, match="does not answer"):
        read.list_runs(store)


def test_the_command_line_says_it(
    server: Refusing, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.body = BODIES["plain"][0]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.tracking_uri)
    assert main(["--store", str(store.root), "runs"]) != 0
    assert "refuses access (401)" in capsys.readouterr().err
