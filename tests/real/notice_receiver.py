"""An HTTP service that takes notices as JSON, as apprise's `json://` sends them; or refuses, or hangs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_LONGEST_HANG_SECONDS = 240.0


@dataclass
class NoticeReceiver:
    """What came, and how it is answered from now on."""

    url: str = ""
    """As a channel names it."""
    came: list[dict[str, Any]] = field(default_factory=list)
    """Taken messages, in order."""
    status: int = 200
    hanging: threading.Event = field(default_factory=threading.Event)
    """Set while a request waits for `let_go`."""
    let_go: threading.Event = field(default_factory=threading.Event)
    """Requests wait for this before they are answered, and count as taken only then."""

    @property
    def titles(self) -> list[str]:
        """The titles of what was taken."""
        return [str(message["title"]) for message in self.came]


@contextmanager
def notice_receiver(*, hangs: bool = False) -> Iterator[NoticeReceiver]:
    """Serve on a free loopback port until the block ends."""
    made = NoticeReceiver()
    if not hangs:
        made.let_go.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not made.let_go.is_set():
                made.hanging.set()
                made.let_go.wait(_LONGEST_HANG_SECONDS)
            if made.status == 200:
                made.came.append(json.loads(body))
            try:
                self.send_response(made.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                self.close_connection = True  # whoever asked is gone

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name there)
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"json://127.0.0.1:{server.server_address[1]}/news"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        made.let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()
