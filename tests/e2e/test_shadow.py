"""Shadow as people run it: a server that looks at a real service, does nothing, and is reported on."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.e2e.receiver import Receiver, firing, resolved

POLICY = """
policy: act
match: ['alertname = "Broken"']
target: thing/one
options:
  - name: act
    steps:
      - {uses: command.run, with: {command: act}}
    verify: {http: {service: shop, path: /health}, within: 20s, every: 1s}
"""


class Health(BaseHTTPRequestHandler):
    """Answers whether the shop is well, and keeps what it was asked."""

    well = threading.Event()
    asked: list[tuple[str, str]]

    def do_GET(self) -> None:
        self.send_response(200 if self.well.is_set() else 503)
        self.end_headers()
        self.asked.append((self.command, self.path))

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
        """Say nothing."""


@pytest.fixture
def shop() -> Iterator[tuple[str, type[Health]]]:
    """A service that is ill until its event is set: its url, and what it knows."""
    handler = type("Shop", (Health,), {"well": threading.Event(), "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler
    server.shutdown()
    server.server_close()
    thread.join()


def test_shadow_looks_and_never_acts(receiver: Receiver, shop: tuple[str, type[Health]]) -> None:
    url, health = shop
    done = receiver.folder / "done.txt"
    argv = [sys.executable, "-c", f"open({str(done)!r}, 'a').write('acted ')"]
    settings = {"mode": "shadow", "commands": {"act": {"argv": argv}}, "services": {"shop": {"url": url}}}
    receiver.configure(settings, act=POLICY)
    receiver.start()
    assert receiver.deliver(firing("Broken")) == 200
    decision = receiver.until(lambda: _shadow(receiver), "nothing was decided")
    assert decision["shadow"]["would_verify"] is None
    receiver.until(lambda: health.asked, "nobody looked at the decision")
    health.well.set()  # by somebody's hands: remediator does nothing
    receiver.until(lambda: _shadow(receiver)["shadow"]["would_verify"], "nobody looked to the end")
    assert receiver.deliver(resolved("Broken")) == 200
    report = receiver.cli("policies", "shadow-report", "act", "--json")
    assert report.returncode == 0, report.stderr
    (line,) = json.loads(report.stdout)["decisions"]
    assert (line["would_verify"], line["held_at_decision"], line["ending"]) == ("yes", False, "stayed")
    assert set(health.asked) == {("GET", "/health")}
    assert not done.exists()
    assert receiver.runs() == []


def _shadow(receiver: Receiver) -> Any:
    items = receiver.get("/api/v1/decisions", outcome="shadow")["items"]
    return items[0] if items else None
