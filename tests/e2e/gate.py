"""A proxy before the receiver that lets nothing through until so many requests have come together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_PASSED_ON = ("authorization", "content-type")
_LONGEST_WAIT_SECONDS = 120.0


class _Gate(ThreadingHTTPServer):
    """Counts who has come, and opens for good once all are there."""

    daemon_threads = True

    def __init__(self, target: str, parties: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.come = threading.Semaphore(0)
        self.opened = threading.Event()
        self._parties = parties
        threading.Thread(target=self._open, daemon=True).start()

    def _open(self) -> None:
        for _ in range(self._parties):
            self.come.acquire()
        self.opened.set()


class _Handler(BaseHTTPRequestHandler):
    server: _Gate

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name: value for name, value in self.headers.items() if name.lower() in _PASSED_ON}
        self.server.come.release()
        self.server.opened.wait(_LONGEST_WAIT_SECONDS)
        answer = httpx.post(self.server.target + self.path, content=body, headers=headers, trust_env=False)
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *args: object) -> None:
        """Say nothing: the receiver's own log tells what came."""


@contextmanager
def gate(target: str, parties: int) -> Iterator[str]:
    """Yield the URL that forwards POSTs to `target`, the first `parties` of them at once."""
    server = _Gate(target, parties)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
