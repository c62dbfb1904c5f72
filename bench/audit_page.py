"""How long the pages and the API take over an audit log of 5 million rows, through HTTP.

A server runs as it would be run, on a database that is filled beforehand (`bench/long_log.py`), verifies
the whole chain at its start and makes its index; then one client asks it one question after another, of
many kinds in turn, each with other values. Beside it the same on 10,000 rows: what grows with the log
shows.
"""

from __future__ import annotations

import asyncio
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import aiohttp

from bench.long_log import NAMES, NOW, ROWS_PER_EPISODE
from bench.month import Shape, configuration, write_policies
from bench.served_log import served_log
from bench.servers import HEADERS
from remediator.web.paging import encode_cursor

_ROWS, _FEW_ROWS = 5_000_000, 10_000
_TIMES = 200
_WARM_UP = 5


def main() -> int:
    """Measure both logs, and print a table."""
    with tempfile.TemporaryDirectory() as name:
        few = _measure(Path(name) / "few", _FEW_ROWS)
        many = _measure(Path(name) / "many", _ROWS)
    sys.stdout.write(
        f"\n{_TIMES} requests of each kind, one after the other; milliseconds\n"
        f"{'':34}{_ROWS:>13,} rows{'':5}{_FEW_ROWS:>13,} rows\n"
        f"{'':34}{'p50':>9}{'p99':>9}{'':5}{'p50':>9}{'p99':>9}\n"
    )
    for kind in _KINDS:
        cells = "     ".join(f"{_p50(one[kind]):9.1f}{_p99(one[kind]):9.1f}" for one in (many, few))
        sys.stdout.write(f"{kind:34}{cells}\n")
    sys.stdout.write(f"Python {platform.python_version()}, {os.cpu_count()} cores\n")
    return 0


_KINDS: Mapping[str, str] = {
    "API, newest": "/api/v1/audit",
    "API, by policy": "/api/v1/audit?policy={policy}",
    "API, by policy and action": "/api/v1/audit?policy={policy}&action=verification.result",
    "API, a day": "/api/v1/audit?since={since}&until={until}",
    "API, deep page": "/api/v1/audit?cursor={cursor}",
    "API, search, common words": "/api/v1/audit?q=memory+threshold",
    "API, search, words of few rows": "/api/v1/audit?q={fingerprint}",
    "API, search, nothing found": "/api/v1/audit?q=memory+nosuchword",
    "API, search, deep page": "/api/v1/audit?q=memory+queue&cursor={cursor}",
    "API, search, filter and a day": "/api/v1/audit?q=memory&policy={policy}&since={since}&until={until}",
    "page Audit": "/audit",
    "page Audit, search": "/audit?q=memory+threshold&policy={policy}",
    "page Audit, deep": "/audit?cursor={cursor}",
    "page of a row": "/audit/{row}",
    "page Why, by policy": "/why?policy={policy}",
    "page Policies, 20 of 50": "/policies",
    "page of a policy": "/policies/{policy}",
}
"""Each kind of question; its values are others each time."""


def _values(chance: random.Random, rows: int) -> Mapping[str, str]:
    begin = NOW - timedelta(days=chance.uniform(2, 360))
    return {
        "policy": chance.choice(NAMES.policies),
        "since": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
        "until": f"{begin + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        "cursor": encode_cursor(chance.randrange(100, rows)),
        "fingerprint": f"{chance.randrange(1, rows // ROWS_PER_EPISODE):016x}",
        "row": str(chance.randrange(1, rows)),
    }


def _measure(folder: Path, rows: int) -> Mapping[str, list[float]]:
    """Fill a log, serve it, and return the seconds of every request by kind."""
    write_policies(folder / "policies", Shape(policies=len(NAMES.policies)))
    settings = {**configuration(folder / "policies"), "mode": "shadow"}
    with served_log(folder, rows, {}, settings) as served:
        return asyncio.run(_ask_all(served.base, rows))


async def _ask_all(url: str, rows: int) -> Mapping[str, list[float]]:
    taken: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    chance = random.Random(5)  # noqa: S311  (the same questions each time)
    async with aiohttp.ClientSession(url, headers=HEADERS) as client:
        for number in range(_WARM_UP + _TIMES):
            for kind, path in _KINDS.items():
                seconds = await _ask(client, path.format(**_values(chance, rows)))
                if number >= _WARM_UP:
                    taken[kind].append(seconds)
    return taken


async def _ask(client: aiohttp.ClientSession, path: str) -> float:
    began = time.perf_counter()
    async with client.get(path) as response:
        await response.read()
        if response.status != HTTPStatus.OK:
            raise SystemExit(f"{path} answered {response.status}")
    return time.perf_counter() - began


def _p50(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000


def _p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98] * 1000
