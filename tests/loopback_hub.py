"""A small hub on this machine's loopback: it answers the calls that huggingface_hub and datasets make, from files in memory."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Files = dict[str, bytes]
TOKEN = "hf_the_right_one"


@dataclass
class Repository:
    """Files by revision; `token` says that it is private, `gated` that one must ask for it."""

    revisions: dict[str, Files]
    token: bool = False
    gated: bool = False
    breaks: bool = False
    """Whether the connection breaks in the middle of each large file."""
    seconds: float = 0.0
    """How long each large file takes."""

    def commit(self, revision: str) -> str | None:
        """The commit that a branch, tag or commit means."""
        for name, files in self.revisions.items():
            sha = hashlib.sha1(json.dumps(sorted(files)).encode() + b"".join(files[key] for key in sorted(files))).hexdigest()  # noqa: S324
            if revision in (name, sha):
                return sha
        return None

    def files(self, revision: str) -> Files:
        """The files at a revision that exists."""
        return next(files for name, files in self.revisions.items() if revision in (name, self.commit(name)))


@dataclass
class LoopbackHub:
    """The hub: repositories by kind and id, and what it was asked."""

    repositories: dict[tuple[str, str], Repository]
    url: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def serve(repositories: dict[tuple[str, str], Repository]) -> Iterator[LoopbackHub]:
    """Serves until the context ends, on a free port."""
    hub = LoopbackHub(repositories)

    class Handler(_Handler):
        served = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    served: LoopbackHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is printed."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        self._posted = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        parts = urlsplit(self.path)
        words = [unquote(word) for word in parts.path.strip("/").split("/")]
        self.served.asked.append(f"{self.command} {parts.path}")
        api = words[0] == "api"
        words = words[1:] if api else words
        kind = "dataset" if words[0] == "datasets" else "model"
        words = words[1:] if words[0] in ("datasets", "models") else words
        repository_id = "/".join(words[:2])
        found = self.served.repositories.get((kind, repository_id))
        rest = words[2:]
        given = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if given and given != TOKEN:
            self._error(401, "", "Invalid credentials in Authorization header")
        elif found is None or (found.token and given != TOKEN):
            self._error(401 if not given else 404, "RepoNotFound", "Repository not found")
        elif found.gated and not (api and rest[:1] not in (["tree"],)):
            self._error(403, "GatedRepo", "Access to this repository is restricted")
        elif api:
            self._api(found, repository_id, rest, parse_qs(parts.query), body)
        elif len(rest) >= 3 and rest[0] == "resolve":
            self._file(found, rest[1], "/".join(rest[2:]), body)
        else:
            self._error(404, "EntryNotFound", "Entry not found")

    def _api(self, found: Repository, repository_id: str, rest: list[str], query: dict[str, list[str]], body: bool) -> None:
        if found.gated:
            self._error(403, "GatedRepo", "Access to this repository is restricted")
            return
        revision = rest[1] if len(rest) > 1 and rest[0] in ("revision", "tree", "paths-info") else "main"
        commit = found.commit(revision)
        if commit is None:
            self._error(404, "RevisionNotFound", "Revision not found")
            return
        files = found.files(revision)
        if rest[:1] == ["tree"]:
            inside = "/".join(rest[2:])
            entries = [self._entry(name, content) for name, content in files.items() if not inside or name.startswith(inside + "/")]
            folders = {name.rsplit("/", 1)[0] for name in files if "/" in name}
            entries += [{"type": "directory", "path": folder, "oid": "0" * 40, "size": 0} for folder in folders if not inside]
            self._json(entries, body, commit)
        elif rest[:1] == ["paths-info"]:
            wanted = parse_qs(self._posted.decode()).get("paths", [])
            if not wanted and self._posted:
                wanted = json.loads(self._posted).get("paths", [])
            self._json([self._entry(name, files[name]) for name in wanted if name in files], body, commit)
        else:
            siblings = [{"rfilename": name, "size": len(content), "blobId": "0"} for name, content in files.items()]
            told = {
                "_id": "1",
                "id": repository_id,
                "modelId": repository_id,
                "sha": commit,
                "private": found.token,
                "siblings": siblings,
            }
            stamp = "2026-01-01T00:00:00.000Z"
            more = {
                "gated": False,
                "disabled": False,
                "downloads": 0,
                "likes": 0,
                "tags": [],
                "lastModified": stamp,
                "createdAt": stamp,
            }
            self._json(told | more, body, commit)

    @staticmethod
    def _entry(name: str, content: bytes) -> dict[str, Any]:
        return {"type": "file", "path": name, "oid": hashlib.sha1(content).hexdigest(), "size": len(content)}  # noqa: S324

    def _file(self, found: Repository, revision: str, name: str, body: bool) -> None:
        commit = found.commit(revision)
        content = found.files(revision).get(name) if commit is not None else None
        if commit is None or content is None:
            self._error(404, "RevisionNotFound" if commit is None else "EntryNotFound", "Not found")
            return
        start = 0
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and body:
            start = int(wanted.removeprefix("bytes=").split("-")[0] or 0)
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')  # noqa: S324
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("Accept-Ranges", "bytes")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if not body:
            return
        large = len(content) > 10_000
        if large and found.breaks:
            self.wfile.write(content[start : start + 5_000])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
            return
        pieces = 10 if large and found.seconds else 1
        size = -(-(len(content) - start) // pieces) or 1
        for place in range(start, len(content), size):
            self.wfile.write(content[place : place + size])
            if large and found.seconds:
                time.sleep(found.seconds / pieces)

    def _json(self, value: Any, body: bool, commit: str) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _error(self, status: int, code: str, message: str) -> None:
        content = json.dumps({"error": message}).encode()
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", message)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
