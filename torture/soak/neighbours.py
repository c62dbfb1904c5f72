"""Prometheus and a service on one port, which fail as a seed says, and keep what was really done."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

_HANGS_SECONDS = 3.0
_SLOW_SECONDS = 0.7
_QUERY = "/prometheus/api/v1/query"


class Neighbours(ThreadingHTTPServer):
    """They fail until they are `calm`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, random: Random) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calm = False
        self.effects: Counter[str] = Counter()
        """By the step's key: how often a POST, which must not come twice, had its effect."""
        self._random = random
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where they are."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def had(self, key: str) -> None:
        """Note an effect."""
        with self._lock:
            self.effects[key] += 1

    def fate(self) -> str:
        """Draw what becomes of a request."""
        with self._lock:
            drawn = self._random.random()
        if self.calm:
            return "answered"
        fates = (("failed", 0.07), ("hung", 0.11), ("cut", 0.18), ("nonsense", 0.22), ("slow", 0.3))
        return next((fate for fate, below in fates if drawn < below), "answered")


class _Handler(BaseHTTPRequestHandler):
    server: Neighbours

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fate = self.server.fate()
        if fate == "hung":
            time.sleep(_HANGS_SECONDS)  # longer than anybody waits for it
        if fate == "slow":
            time.sleep(_SLOW_SECONDS)
        if fate in ("failed", "hung"):
            self._answer(500, b"")
            return
        query = self.path.startswith(_QUERY)
        if not query and self.command == "POST":
            self.server.had(self.headers["Idempotency-Key"])
        if fate == "cut":  # the effect was had, and nobody is told
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._answer(200, b"<html>" if fate == "nonsense" else _vector() if query else b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        with suppress(ConnectionError):  # whoever asked has given up, or was killed
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing: what they did is in `effects`."""


def _vector() -> bytes:
    # Now, as a value: it holds as a check, and as the time of a fresh sample.
    now = time.time()
    sample = {"metric": {}, "value": [now, str(now)]}
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": [sample]}}).encode()


@contextmanager
def neighbours(random: Random) -> Iterator[Neighbours]:
    """Have them until the block ends."""
    server = Neighbours(random)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
