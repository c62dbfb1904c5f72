"""A target of every kind that tells whatever it was told back as an error."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

_VERSION = {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10", "Os": "linux", "Arch": "amd64"}
_CONTAINER = {
    "Id": "c" * 64,
    "Name": "/db",
    "State": {"Status": "running", "Running": True, "StartedAt": "2026-01-01T00:00:00Z"},
    "Config": {"Env": [], "Image": "busybox", "Labels": {}},
    "HostConfig": {},
    "NetworkSettings": {"Networks": {}},
}


@dataclass
class Echo:
    """What it was told, and where it listens."""

    address: str = ""
    told: list[str] = field(default_factory=list)


@contextmanager
def echo() -> Iterator[Echo]:
    """Serve on a free loopback port until the block ends."""
    made = Echo()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            told = _told(self)
            made.told.append(told)
            status, body = _reply(self.path, told)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Told", " ".join(told.split())[:4000])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                with suppress(BrokenPipeError):  # who asks may have left
                    self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer  # noqa: N815  (their names there)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name there)
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _told(asked: BaseHTTPRequestHandler) -> str:
    body = (
        asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
        .decode("ascii", "replace")
        .replace("\ufffd", "?")
    )
    headers = "; ".join(f"{name}: {value}" for name, value in asked.headers.items())
    _, _, given = (asked.headers.get("Authorization") or "").partition("Basic ")
    decoded = base64.b64decode(given).decode() if given else ""
    return f"refused: {asked.command} {unquote(asked.path)} {headers} {decoded} {body}"


def _reply(path: str, told: str) -> tuple[int, bytes]:
    if path.endswith("/version"):
        return 200, json.dumps(_VERSION).encode()
    if path.endswith("/containers/db/json"):
        return 200, json.dumps(_CONTAINER).encode()
    if path.startswith("/fine/api/v2/alerts"):
        return 200, b"[]"  # or whoever asks first whether an alert is silenced goes no further
    if "/api/v1/query" in path:
        error = {"status": "error", "errorType": "bad_data", "error": told}
        return 400, json.dumps(error).encode()
    return 500, json.dumps({"message": told, "error": told}).encode()
