"""One soak: what is done to the server for a while, and what its log then says."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from remediator.runs.audit import AuditAction, AuditRow
from remediator.runs.states import RunState
from remediator.store.base import Filter, Order
from remediator.store.sqlite.reads import SqliteReads
from remediator.store.sqlite.store import open_reader
from tests.e2e.conftest import free_port
from tests.e2e.receiver import Receiver, firing, resolved
from torture.audit.judging import broken_in
from torture.audit.rows import seen
from torture.soak.neighbours import Neighbours, neighbours
from torture.soak.policies import RULES, TEXTS, settings

_ALERTS = [(name, box) for name in ("Broken", "Slow", "Down") for box in ("x", "y", "z")]
_PAUSES_SECONDS = (0.0, 0.02, 0.1, 0.3)
_ALL = Filter(order=Order.OLDEST, limit=1_000_000)


class Soak:
    """A server, its neighbours, and an Alertmanager that posts again what was not answered 200."""

    def __init__(self, folder: Path, random: Random, around: Neighbours) -> None:
        self.around = around
        self.acknowledged: list[str] = []
        """The receivers' names in deliveries that were answered 200, each of its own."""
        self.kills = 0
        self._random = random
        self._receiver = Receiver(folder, free_port())
        self._receiver.configure(settings(around.url), **TEXTS)
        self._waiting: list[dict[str, Any]] = []
        self._posted = 0

    def last(self, seconds: float) -> None:
        """Let things happen for so long, then calm down and let everything end."""
        until = time.monotonic() + seconds
        self._receiver.start()
        deeds = [self._deliver] * 10 + [self._vote] * 3 + [self._hold, self._kill]
        while time.monotonic() < until:
            self._random.choice(deeds)()
            time.sleep(
                self._random.choice(_PAUSES_SECONDS)
            )  # the pace of what comes, not a wait for anything
        self._kill()
        self._calm_down()

    def stop(self) -> None:
        """End the server, however it is."""
        self._receiver.stop()

    def rows(self) -> list[AuditRow]:
        """Return the audit log, read from the file of a server that has stopped."""
        with closing(open_reader(self._receiver.database)) as connection:
            return SqliteReads(connection).audit_rows(_ALL)

    # ---- what happens

    def _deliver(self) -> None:
        name, box = self._random.choice(_ALERTS)
        make = self._random.choice((firing, firing, resolved))
        self._post(make(name, f"{name}-{box}", box=box))

    def _post(self, payload: dict[str, Any]) -> None:
        self._posted += 1
        self._waiting.append({**payload, "receiver": f"soak-{self._posted}"})
        # In order, as Alertmanager does for one group: what was not taken comes again before what is new.
        while self._waiting and self._is_taken(self._waiting[0]):
            self.acknowledged.append(self._waiting.pop(0)["receiver"])

    def _is_taken(self, payload: dict[str, Any]) -> bool:
        try:
            return self._receiver.deliver(payload) == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _vote(self) -> None:
        for run in self._runs(RunState.AWAITING_APPROVAL):
            verdict = self._random.choice(("approve", "approve", "deny"))
            self._receiver.post(f"/api/v1/runs/{run['id']}/{verdict}", {"plan_hash": run["plan_hash"]})

    def _hold(self) -> None:
        hold = {"scope": self._random.choice(("all", "policy")), "reason": "a look around", "for": "1s"}
        value = "poke" if hold["scope"] == "policy" else ""
        self._receiver.post("/api/v1/holds", {**hold, "value": value})

    def _kill(self) -> None:
        self.kills += 1
        self._receiver.kill()
        self._receiver.start()

    def _calm_down(self) -> None:
        self.around.calm = True
        for name, box in _ALERTS:
            self._post(resolved(name, f"{name}-{box}", box=box))
        self._receiver.until(self._is_quiet, "it did not come to rest", seconds=300)
        self._receiver.stop()

    def _is_quiet(self) -> bool:
        if self._waiting:
            self._post(resolved("Broken", "Broken-x", box="x"))
            return False
        leases = self._receiver.get("/api/v1/leases", state="open")["items"]
        return not leases and not self._runs(*(state for state in RunState if not state.terminal))

    def _runs(self, *states: RunState) -> list[dict[str, Any]]:
        return [run for run in self._receiver.runs() if run["state"] in states]


def soak(seed: int, budget: timedelta) -> tuple[Soak, list[str]]:
    """Soak one server; return it, and what its log breaks."""
    random = Random(seed)
    with TemporaryDirectory(prefix="remediator-soak-") as folder, neighbours(Random(seed)) as around:
        soaked = Soak(Path(folder), random, around)
        try:
            soaked.last(budget.total_seconds())
        finally:
            soaked.stop()
        rows = soaked.rows()
    broken = list(broken_in(rows, RULES, acknowledged=(), settled=True))
    return soaked, [*broken, *_against(rows, soaked)]


def _against(rows: list[AuditRow], soaked: Soak) -> Iterator[str]:
    """Yield where the world says otherwise than the log."""
    read = [seen(row) for row in rows]
    taken = {row.detail["receiver"] for row in read if row.action is AuditAction.DELIVERY_ACCEPTED}
    lost = [name for name in soaked.acknowledged if name not in taken]
    if lost:
        yield f"answered 200 and not in the log: {lost}"
    intended = {
        _key(json.loads(row.detail), row.run_id) for row in rows if row.action == AuditAction.STEP_INTENT
    }
    for key, times in soaked.around.effects.items():
        if times > 1:
            yield f"{key} had its effect {times} times"
        if key not in intended:
            yield f"{key} had its effect, and nobody had written it down before"


def _key(step: dict[str, Any], run_id: int | None) -> str:
    return f"run-{run_id}/{step['action']}/{step['phase']}/{step['option']}/{step['position']}"
