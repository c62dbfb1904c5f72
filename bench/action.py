"""How soon an action starts after its alert came, beside adnanh/webhook, which keeps and guards nothing.

The command is said to be read-only, so that runs don't wait for each other's lock on it; the caps still hold.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench.load import payload
from bench.results import Better, Result, Row, Spread, percentile, ratios
from bench.servers import HEADERS, Served, remediator, webhook

_ROUNDS = 3
_ONE_BY_ONE = 60
_AT_ONCE = 1000
_CONNECTIONS = 64
_WAIT_SECONDS = 120.0
_NS_PER_MS = 1_000_000
_POLICY: Mapping[str, Any] = {
    "description": "Acts for every alert that is new.",
    "owner": "bench",
    "match": ['alertname = "Act"'],
    "target": "{{ labels.service }}/{{ labels.instance }}",
    "guards": [{"cooldown": {"for": "15m"}}],
    "options": [{"name": "act", "steps": [{"uses": "command.run", "with": {"command": "stamp"}}]}],
}

P50 = Row(3, "POST to the action's main(), p50 ÷ webhook", 3, 1.15, Better.LESS)
P99 = Row(3, "POST to the action's main(), p99 ÷ webhook", 3, 1.5, Better.LESS)
ACCEPTED = Row(4, "1,000 different alerts: accepted/s ÷ webhook", 0.5, 2)
STARTED = Row(4, "1,000 different alerts: time until all actions started ÷ webhook", 2, 0.75, Better.LESS)
LOST = Row(4, "1,000 different alerts: lost", 0, 0, Better.LESS, ".0f")
ROWS = (P50, P99, ACCEPTED, STARTED, LOST)


@dataclass(frozen=True, slots=True)
class _Side:
    """A server, and the file that its action writes to."""

    served: Served
    stamps: Path

    def times_ns(self) -> list[int]:
        """Return when each action so far began."""
        return [int(line) for line in self.stamps.read_text().split()] if self.stamps.exists() else []


@dataclass(frozen=True, slots=True)
class _Storm:
    """What came of many alerts at once."""

    accepted_per_second: float
    started_seconds: float
    lost: int


def measure() -> list[Result]:
    """Take turns, alert by alert and storm by storm."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        ours, peer = _sides(folder, stack)
        pairs = [asyncio.run(_one_by_one(at, ours, peer)) for at in range(_ROUNDS)]
        storms = [asyncio.run(_storms(_ROUNDS + at, ours, peer)) for at in range(_ROUNDS)]
    return [*_latencies(pairs), *_of_storms(storms)]


def _sides(folder: Path, stack: ExitStack) -> tuple[_Side, _Side]:
    for name in ("ours", "peer"):
        (folder / name).mkdir()
        source = Path(__file__).with_name("stamp.c")
        define = f'-DSTAMPS="{folder / name / "stamps"}"'
        argv = ["cc", "-O1", "-static", define, "-o", str(folder / name / "stamp"), str(source)]
        subprocess.run(argv, check=True)  # noqa: S603  (our own list)
    commands = {"stamp": {"argv": [str(folder / "ours" / "stamp")], "read_only": True}}
    ours = stack.enter_context(remediator(folder / "ours", {"act": _POLICY}, {"commands": commands}))
    peer = stack.enter_context(webhook(folder / "peer", folder / "peer" / "stamp"))
    return _Side(ours, folder / "ours" / "stamps"), _Side(peer, folder / "peer" / "stamps")


async def _one_by_one(number: int, ours: _Side, peer: _Side) -> tuple[list[float], list[float]]:
    """Return both sides' milliseconds from POST to main()."""
    taken: tuple[list[float], list[float]] = ([], [])
    async with aiohttp.ClientSession(headers=HEADERS) as session:
        for at in range(_ONE_BY_ONE):
            for side, times in zip((ours, peer), taken, strict=True):
                before = len(side.times_ns())
                began = time.time_ns()
                await _post(session, side.served, f"{number:04x}{at:012x}")
                started = (await _started(side, before + 1))[before]
                times.append((started - began) / _NS_PER_MS)
    return taken


async def _storms(number: int, ours: _Side, peer: _Side) -> tuple[_Storm, _Storm]:
    return await _storm(number, ours), await _storm(number, peer)


async def _storm(number: int, side: _Side) -> _Storm:
    before = len(side.times_ns())
    bodies = [_body(f"{number:04x}{at:012x}") for at in range(_AT_ONCE)]
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    async with aiohttp.ClientSession(headers=HEADERS, connector=connector) as session:
        began = time.time_ns()
        await asyncio.gather(*(_send(session, side.served, body) for body in bodies))
        accepted_ns = time.time_ns() - began
        started = await _started(side, before + _AT_ONCE)
    return _Storm(
        accepted_per_second=_AT_ONCE / (accepted_ns / 1e9),
        started_seconds=(max(started) - began) / 1e9,
        lost=before + _AT_ONCE - len(started),
    )


async def _started(side: _Side, wanted: int) -> list[int]:
    ends_at = time.monotonic() + _WAIT_SECONDS
    # Another process writes the file: there is no event to wait for.
    while len(times := side.times_ns()) < wanted and time.monotonic() < ends_at:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    return times


async def _post(session: aiohttp.ClientSession, served: Served, mark: str) -> None:
    await _send(session, served, _body(mark))


async def _send(session: aiohttp.ClientSession, served: Served, body: str) -> None:
    async with session.post(served.url, data=body) as reply:
        reply.raise_for_status()


def _body(mark: str) -> str:
    return json.dumps(payload("Act")).replace("NUMBER", mark)


def _latencies(pairs: Sequence[tuple[list[float], list[float]]]) -> list[Result]:
    results = []
    for row, share in ((P50, 0.5), (P99, 0.99)):
        ours = [percentile(mine, share) for mine, _ in pairs]
        theirs = [percentile(yours, share) for _, yours in pairs]
        results.append(Result(row, ratios(ours, theirs), f"{Spread(tuple(ours)).median:.1f} ms"))
    return results


def _of_storms(storms: Sequence[tuple[_Storm, _Storm]]) -> list[Result]:
    accepted = ratios(
        [one.accepted_per_second for one, _ in storms], [one.accepted_per_second for _, one in storms]
    )
    started = ratios([one.started_seconds for one, _ in storms], [one.started_seconds for _, one in storms])
    rate = Spread(tuple(one.accepted_per_second for one, _ in storms))
    seconds = Spread(tuple(one.started_seconds for one, _ in storms))
    return [
        Result(ACCEPTED, accepted, f"{rate.median:,.0f}/s"),
        Result(STARTED, started, f"{seconds.median:.1f} s"),
        Result(LOST, Spread((sum(one.lost for one, _ in storms),))),
    ]
