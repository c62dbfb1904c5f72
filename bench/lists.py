"""Lists and inserts on a long log beside a short one and an empty one, through HTTP.

Half a million rows by default, so that all of `make bench` stays short; `ROWS=10000000 make bench ONLY=lists`
measures ten million.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from bench.ingest import POLICY
from bench.load import post_for
from bench.long_log import NAMES, ROWS_PER_EPISODE
from bench.results import Better, Result, Row, Spread, percentile, ratios
from bench.served_log import served_log
from bench.servers import HEADERS, Served, remediator
from remediator.web.paging import encode_cursor

_LONG = int(os.environ.get("ROWS", "500_000"))
_SHORT = 10_000
_ROUNDS = 3
_TIMES = 100
_WARM_UP = 10
_CONNECTIONS = 64
_PATHS: Mapping[str, tuple[str, ...]] = {
    "audit list": ("/api/v1/audit", "/api/v1/audit?policy={policy}&limit=20", "/api/v1/audit?cursor={row}"),
    "run list": ("/api/v1/runs", "/api/v1/runs?policy={policy}&limit=20", "/api/v1/runs?cursor={run}"),
}
"""Each list's newest page, one filter and a deep page, in turns; pages that are full in the short log too."""
_LISTS: Mapping[str, Row] = {
    name: Row(7, f"{name}, p99, long log ÷ {_SHORT:,} rows", 2, 1.5, Better.LESS) for name in _PATHS
}
INSERTS = Row(7, "newly decided, 64 connections, long log ÷ empty", 0.8, 0.9)
ROWS = (*_LISTS.values(), INSERTS)


def measure() -> list[Result]:
    """Take turns with both servers: question by question, then load by load."""
    policies = {"decided": POLICY}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with served_log(folder / "long", _LONG, policies) as long:
            with served_log(folder / "short", _SHORT, policies) as short:
                results = asyncio.run(_lists(long, short))
            with remediator(folder / "empty", policies) as empty:
                results.append(_inserts(folder, long, empty))
    return results


async def _lists(long: Served, short: Served) -> list[Result]:
    chance = random.Random(5)  # noqa: S311  (the same questions each time)
    results = []
    async with (
        aiohttp.ClientSession(long.base, headers=HEADERS) as at_long,
        aiohttp.ClientSession(short.base, headers=HEADERS) as at_short,
    ):
        sides = ((at_long, _LONG), (at_short, _SHORT))
        for name, row in _LISTS.items():
            rounds = [await _round(_PATHS[name], sides, chance) for _ in range(_ROUNDS)]
            longs, shorts = ([percentile(one[side], 0.99) for one in rounds] for side in (0, 1))
            p99 = Spread(tuple(seconds * 1000 for seconds in longs))
            besides = f"{_LONG:,} rows; p99 {p99.median:.1f} ms, aim 5 ms"
            results.append(Result(row, ratios(longs, shorts), besides))
    return results


async def _round(
    paths: tuple[str, ...], sides: tuple[tuple[aiohttp.ClientSession, int], ...], chance: random.Random
) -> tuple[list[float], list[float]]:
    """Return the seconds of each question to the long log, and to the short one."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(_WARM_UP + _TIMES):
        path = paths[number % len(paths)]
        for (client, rows), seconds in zip(sides, taken, strict=True):
            asked = path.format(
                policy=chance.choice(NAMES.policies[:5]),
                row=encode_cursor(chance.randrange(rows // 2, rows)),
                run=encode_cursor(chance.randrange(rows // 2, rows) // ROWS_PER_EPISODE),
            )
            began = time.perf_counter()
            async with client.get(asked) as response:
                await response.read()
                response.raise_for_status()
            if number >= _WARM_UP:
                seconds.append(time.perf_counter() - began)
    return taken


def _inserts(folder: Path, long: Served, empty: Served) -> Result:
    fulls: list[float] = []
    empties: list[float] = []
    for at in range(_ROUNDS):
        for served, rates in ((long, fulls), (empty, empties)):
            load = post_for(served, folder, "Decided", connections=_CONNECTIONS, new=at)
            rates.append(load.per_second)
            # What it still decides would slow the other one.
            served.settle()
    return Result(INSERTS, ratios(fulls, empties), f"{_LONG:,} rows; {Spread(tuple(fulls)).median:,.0f}/s")
