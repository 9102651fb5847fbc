"""A model hub on the loopback: the few endpoints that a download needs, and ways to go wrong."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

REPOSITORY = "birds/wagtail"
COMMIT = "4" * 40
WEIGHTS = "model.safetensors"
LARGE_BYTES = 10_000  # what is larger is named by SHA-256, as what git's large file storage holds


def random_bytes(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - content, not a secret


def checkpoint(weights: bytes) -> dict[str, bytes]:
    return {
        "config.json": b'{"model_type": "qwen2"}',
        "tokenizer.json": b"{}",
        "README.md": b"# Wagtail\n",
        WEIGHTS: weights,
    }


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def digest_of(content: bytes) -> str:
    if len(content) > LARGE_BYTES:
        return hashlib.sha256(content).hexdigest()
    return git_hash(content)


@dataclass
class FakeHub:
    """`files` is what is listed. The other fields are what a test sets to make things go wrong."""

    files: dict[str, bytes]
    url: str = ""
    commit: str = COMMIT  # what it says of every revision
    # What is sent in place of the listed content.
    changed: dict[str, bytes] = field(default_factory=dict)
    # How many bytes of the weights each answer sends before the connection is cut; then none is.
    cuts: list[int] = field(default_factory=list)
    # The weights stop here, the connection open, until the hub ends.
    stall_at: int | None = None
    statuses: dict[str, int] = field(default_factory=dict)  # by what a path begins with
    error_code: str = ""
    knows_ranges: bool = True
    redirects: bool = False  # each file to itself
    stalled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    # Of each answer with weights: where it began.
    starts: list[int] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def listed(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        for path, content in self.files.items():
            entry = {"type": "file", "path": path, "size": len(content), "oid": git_hash(content)}
            if len(content) > LARGE_BYTES:
                entry["lfs"] = {
                    "oid": digest_of(content),
                    "size": len(content),
                    "pointerSize": 134,
                }
            entries.append(entry)
        return entries


@contextlib.contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    class Handler(_Handler):
        fake = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        hub.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    fake: FakeHub
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # whoever asked has gone
            super().handle()

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.fake.requests.append((self.command, path, dict(self.headers)))
        for begin, status in self.fake.statuses.items():
            if path.startswith(begin):
                self._send(status, b"", {"X-Error-Code": self.fake.error_code})
                return
        name = path.removeprefix(f"/{REPOSITORY}/resolve/{COMMIT}/")
        if path.startswith(f"/api/models/{REPOSITORY}/revision/"):
            self._send_json({"id": REPOSITORY, "modelId": REPOSITORY, "sha": self.fake.commit})
        elif path == f"/api/models/{REPOSITORY}/tree/{self.fake.commit}":
            self._send_json(self.fake.listed())
        elif self.fake.redirects:
            self._send(302, b"", {"Location": self.path})
        elif name in self.fake.files:
            self._send_file(name)
        else:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def _send_json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            if value:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _send_file(self, name: str) -> None:
        fake = self.fake
        content = fake.changed.get(name, fake.files[name])
        headers = {"ETag": f'"{digest_of(fake.files[name])}"', "X-Repo-Commit": COMMIT}
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and fake.knows_ranges else 0
        body = content[start:]
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if self.command == "HEAD" or name != WEIGHTS:
            self._send(206 if start else 200, body, headers)
            return
        fake.starts.append(start)
        end = fake.cuts.pop(0) if fake.cuts else fake.stall_at
        if end is None:
            self._send(206 if start else 200, body, headers)
            return
        self.send_response(206 if start else 200)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:end])
        self.wfile.flush()
        if fake.stall_at is not None:
            fake.stalled.set()
            fake.ended.wait()
        self.close_connection = True
