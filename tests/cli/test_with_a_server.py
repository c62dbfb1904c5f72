"""Commands against a real server in a process of its own: both sides mean the same."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from tests.cli.conftest import Run
from tests.cli.test_file_commands import alert, payload

POLICY = """\
policy: pms
match: ['alertname = "PMSDown"']
target: "pms/{{ labels.service }}"
guards: [{approval: {from: [oncall]}}]
options:
  - name: wait-a-moment
    steps: [{uses: wait, with: {for: 10ms}}]
"""
CONFIG = """\
mode: enforce
policies: policies
server: {port: 0}
tokens:
  - {name: ana, sha256: "%s", roles: [admin], groups: [oncall]}
"""
_LONGEST_SECONDS = 240


@dataclass
class Running:
    """A server and its log."""

    folder: Path
    log: IO[str]
    url: str = ""

    def until(self, **wanted: Any) -> dict[str, Any]:
        """Read the log up to the line that has these fields."""
        for line in self.log:
            said: dict[str, Any] = json.loads(line)
            if said.items() >= wanted.items():
                return said
        raise AssertionError(f"the server ended before it said {wanted}")

    def until_listening(self) -> None:
        """Read the log up to the line that names the port."""
        for line in self.log:
            message = json.loads(line)["message"]
            if message.startswith("listening on "):
                self.url = message.split()[2].rstrip(",")
                return
        raise AssertionError("the server did not start")

    def post(self, body: str) -> None:
        """Deliver as Alertmanager does."""
        request = urllib.request.Request(
            f"{self.url}/webhook/alertmanager",
            body.encode(),
            {"Authorization": "Bearer tok-en", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run one server for all tests here: they look at different things of it."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "policies").mkdir()
    (folder / "policies/pms.yaml").write_text(POLICY)
    (folder / "remediator.yaml").write_text(CONFIG % hashlib.sha256(b"tok-en").hexdigest())
    command = [sys.executable, "-m", "remediator", "serve", "--config", "remediator.yaml"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    safety = threading.Timer(_LONGEST_SECONDS, process.kill)
    safety.start()
    running = Running(folder, process.stderr)
    try:
        running.until_listening()
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()
        safety.cancel()
    assert process.returncode == 0


@pytest.fixture
def server(started: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    monkeypatch.setenv("REMEDIATOR_URL", started.url)
    return started


def test_a_run_is_approved_and_what_came_of_it_is_shown(server: Running, remediator: Run) -> None:
    server.post(payload(alert(alertname="PMSDown", service="qloapps")))
    run_id = str(server.until(action="approval.requested")["run_id"])

    waiting = json.loads(remediator("runs", "list", "--state", "awaiting_approval", "--json").out)
    assert [str(run["id"]) for run in waiting["items"]] == [run_id]
    ended = remediator("runs", "approve", run_id, "--yes", "-m", "go on")
    assert ended.code == 0, ended.err
    while server.until(action="run.state_changed")["detail"]["to"] != "succeeded":
        pass

    shown = remediator("runs", "show", run_id)
    assert shown.code == 0
    assert "succeeded" in shown.out
    assert "wait-a-moment" in shown.out
    again = remediator("runs", "deny", run_id, "--yes")
    assert again.code == 1, again.err

    episodes = json.loads(remediator("episodes", "list", "--state", "open", "--json").out)["items"]
    assert remediator("episodes", "ack", str(episodes[0]["id"]), "-m", "seen", "--for", "2h").code == 0
    assert remediator("leases", "list").code == 0
    assert remediator("audit", "list", "--run", run_id, "--search", "wait").code == 0
    assert remediator("audit", "verify", "--config", str(server.folder / "remediator.yaml")).code == 0


def test_a_hold_is_added_listed_and_removed(server: Running, remediator: Run) -> None:
    added = remediator("holds", "add", "policy", "pms", "-m", "release", "--for", "30m", "--json")
    assert added.code == 0, added.err
    hold = json.loads(added.out)
    listed = json.loads(remediator("holds", "list", "--json").out)["items"]
    assert [(one["id"], one["value"], one["created_by"]) for one in listed] == [(hold["id"], "pms", "ana")]
    assert remediator("holds", "remove", str(hold["id"])).code == 0
    assert "Nothing is held" in remediator("holds", "list").out
    assert remediator("holds", "add", "policy", "unknown", "-m", "x").code == 2


def test_a_second_server_on_the_same_database_is_refused(server: Running, remediator: Run) -> None:
    ended = remediator("serve", "--config", str(server.folder / "remediator.yaml"))
    assert ended.code == 2
    assert "another server" in ended.err
