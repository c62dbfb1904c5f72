"""Backups of a server that is running: taken under load, put back, and going on."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import httpx

from remediator.store.sqlite.store import verify_database
from tests.e2e.receiver import Receiver, firing

_APPEND = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')"
_WAIT = "import os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.05)"
_POLICY = """
policy: job
match: ['alertname = "Broken"']
target: job/one
options:
  - name: only
    steps:
      - {uses: command.run, with: {command: one}}
      - {uses: command.run, with: {command: gate}}
      - {uses: command.run, with: {command: two}}
    verify: {uses: command.run, with: {command: look}, within: 10s, every: 1s}
"""


def _configure(receiver: Receiver) -> tuple[Path, Path]:
    done, gate = receiver.folder / "done.txt", receiver.folder / "gate"
    commands: dict[str, Any] = {
        name: {"argv": [sys.executable, "-c", _APPEND, str(done), name]} for name in ("one", "two")
    }
    commands["gate"] = {"argv": [sys.executable, "-c", _WAIT, str(gate)], "timeout": "10m"}
    commands["look"] = {"argv": [sys.executable, "-c", ""], "read_only": True}
    receiver.configure({"commands": commands}, job=_POLICY)
    return done, gate


class _Load:
    """Deliveries one after the other, from a thread, until it is told to end."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._deliver)
        self.statuses: list[int] = []

    def __enter__(self) -> _Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _deliver(self) -> None:
        while not self._stop.is_set():
            name = f"other{len(self.statuses)}"
            self.statuses.append(self._receiver.deliver(firing("Other", name)))


def _state(receiver: Receiver) -> str:
    runs = receiver.runs()
    return str(runs[0]["state"]) if runs else ""


def test_a_backup_under_load_is_restored_and_goes_on_without_repeating(receiver: Receiver) -> None:
    done, gate = _configure(receiver)
    receiver.start()
    assert receiver.deliver(firing("Broken")) == httpx.codes.OK
    receiver.until(done.exists, "the first step was not made")
    with _Load(receiver) as load:
        receiver.until(lambda: len(load.statuses) > 5, "nothing was delivered")
        before = len(load.statuses)
        made = receiver.cli("backup", "copy.db", "--json")
        after = len(load.statuses)
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    # One moment of it: all that was answered before it began, nothing that began after it ended.
    assert before + 1 <= told["rows"]["deliveries"] <= after + 2
    assert set(load.statuses) == {httpx.codes.OK}
    gate.touch()
    receiver.until(lambda: _state(receiver) == "succeeded", "the run did not end")
    assert done.read_text().split() == ["one", "two"]
    assert "another server" in receiver.cli("restore", "copy.db").stderr
    assert receiver.stop() == 0

    restored = receiver.cli("restore", "copy.db")
    assert restored.returncode == 0, restored.stderr
    assert receiver.cli("audit", "verify", "--head", told["head"]).returncode == 0
    receiver.start()
    holds = receiver.get("/api/v1/holds")["items"]
    assert [hold["scope"] for hold in holds] == ["all"]
    assert receiver.deliver(firing("Other", "goes-on")) == httpx.codes.OK
    receiver.until(lambda: _state(receiver) == "needs_human", "the run does not wait for people")
    assert done.read_text().split() == ["one", "two"], "what had been done was done again"
    assert verify_database(receiver.database) is None
