"""A server that is running is backed up and prunes, under load; what is put back or killed goes on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from remediator.store.base import Tx
from remediator.store.sqlite.store import open_store, verify_database
from tests.e2e.receiver import Receiver, firing
from tests.store.samples import another, entry, episode

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
            with contextlib.suppress(httpx.TransportError):  # it was killed
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


_LONG_AGO = datetime.now(UTC) - timedelta(days=200)


async def _fill(path: Path, episodes: int) -> None:
    """What a server of half a year ago left behind."""
    store = await open_store(path)

    def work(tx: Tx, begin: int) -> None:
        for number in range(begin, begin + 500):
            old = episode(f"old{number}", opened_at=_LONG_AGO, last_seen_at=_LONG_AGO, closed_at=_LONG_AGO)
            kept = tx.add(old)
            tx.audit(entry(f"row {number}", at=_LONG_AGO, episode_id=kept.id))

    for begin in range(0, episodes, 500):
        await store.write(partial(work, begin=begin))
    await store.close()


def test_a_server_prunes_while_alerts_come_and_is_killed_and_goes_on(receiver: Receiver) -> None:
    _configure(receiver)
    receiver.database.parent.mkdir()
    asyncio.run(_fill(receiver.database, 10_000))
    archive = receiver.folder / "data" / "archive"
    receiver.start()
    with _Load(receiver) as load:
        receiver.until(lambda: list(archive.glob("*.gz")), "nothing was archived")
        # Rows are leaving now, or wait for the index to let go of them.
        receiver.kill()
        accepted = load.statuses.count(httpx.codes.OK)
    receiver.start()
    with _Load(receiver) as load:
        receiver.until(lambda: "left the database" in receiver.log(), "nothing left")
    assert set(load.statuses) == {httpx.codes.OK}
    assert receiver.stop() == 0
    verified = receiver.cli("audit", "verify", "--archive", str(archive), "--json")
    assert verified.returncode == 0, verified.stderr
    assert receiver.cli("audit", "verify").stdout.split("from row ")[1].startswith("10001 on")
    with another(receiver.database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchone() is None
        assert connection.execute("SELECT min(sequence) FROM audit").fetchone() == (10_001,)
        assert connection.execute("SELECT count(*) FROM episodes WHERE closed_at").fetchone() == (0,)
        delivered = connection.execute("SELECT count(*) FROM deliveries").fetchone()[0]
    assert delivered >= accepted + len(load.statuses)
