"""Something to scrape: a server that shows whatever a test puts there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class MetricsTarget:
    """What is shown at `/metrics`, in the text format."""

    address: str = ""
    text: str = ""


@contextmanager
def metrics_target(text: str = "") -> Iterator[MetricsTarget]:
    """Serve metrics on a free loopback port until the block ends."""
    target = MetricsTarget(text=text)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = target.text.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name there)
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    target.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield target
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
