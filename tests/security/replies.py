"""A proxy that answers each alertname a few times in a way of its own, then lets it through."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_PASSED_ON = ("authorization", "content-type")
RESET, NOTHING, LOST, TWICE = "reset", "nothing", "lost", "twice"
"""Not answers but ends: broken off, closed, passed on and the answer lost, passed on twice."""


@dataclass
class Proxy:
    """Where it listens, and how often each alertname came."""

    url: str = ""
    came: Counter[str] = field(default_factory=Counter)
    gets: list[str] = field(default_factory=list)


class _Replies(ThreadingHTTPServer):
    """What is left to reply to each alertname, and what came."""

    daemon_threads = True

    def __init__(self, target: str, replies: Mapping[str, list[int | str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.proxy = Proxy(f"http://127.0.0.1:{self.server_address[1]}")
        self._left = {name: list(given) for name, given in replies.items()}
        self._lock = threading.Lock()

    def next_for(self, name: str) -> int | str | None:
        """Return how to reply now; None to let it through."""
        with self._lock:
            self.proxy.came[name] += 1
            return self._left[name].pop(0) if self._left.get(name) else None


class _Handler(BaseHTTPRequestHandler):
    server: _Replies

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        reply = self.server.next_for(json.loads(body)["alerts"][0]["labels"]["alertname"])
        if isinstance(reply, int):
            self._answer(reply, b"no")
        elif reply in (RESET, NOTHING):
            self.close_connection = True
            if reply == RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
        else:
            answers = [self._pass_on(body) for _ in range(2 if reply == TWICE else 1)]
            self.close_connection = reply == LOST
            if reply != LOST:
                self._answer(answers[-1].status_code, answers[-1].content)

    def do_GET(self) -> None:
        self.server.proxy.gets.append(self.path)
        self._answer(200, b"fine")

    def _pass_on(self, body: bytes) -> httpx.Response:
        headers = {name: value for name, value in self.headers.items() if name.lower() in _PASSED_ON}
        url = self.server.target + self.path
        return httpx.post(url, content=body, headers=headers, timeout=60, trust_env=False)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def finish(self) -> None:
        with suppress(OSError):  # it was broken off
            super().finish()

    def log_message(self, *args: object) -> None:
        """Say nothing: the proxy keeps what came."""


@contextmanager
def replying(target: str, replies: Mapping[str, list[int | str]]) -> Iterator[Proxy]:
    """Serve on a free port until the block ends; what has no reply left goes through to `target`."""
    server = _Replies(target, replies)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
