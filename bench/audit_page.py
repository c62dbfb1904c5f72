"""How long the pages and the API take over an audit log of 5 million rows, through HTTP.

A server runs as it would be run, on a database that is filled beforehand (`bench/long_log.py`), verifies
the whole chain at its start and makes its index; then one client asks it one question after another, of
many kinds in turn, each with other values. Beside it the same on 10,000 rows: what grows with the log
shows.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from sqlite3 import connect

import aiohttp
import yaml

from bench.long_log import NAMES, NOW, ROWS_PER_EPISODE, write_log
from bench.month import Shape, configuration, write_policies
from remediator.store.sqlite.audit_index import index_path
from remediator.web.paging import encode_cursor

_ROWS, _FEW_ROWS = 5_000_000, 10_000
_TIMES = 200
_WARM_UP = 5
_TOKEN = "bench"
_HEADERS = {"Authorization": f"Bearer {_TOKEN}"}
_PATIENCE = timedelta(minutes=20)
_MIB = 1024 * 1024


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
    folder.mkdir()
    database = folder / "remediator.db"
    began = time.perf_counter()
    write_log(database, rows)
    _say(f"{rows:,} rows, {_mib(database)} MiB, written", began)
    with _serving(folder, database) as url:
        return asyncio.run(_ask_all(url, rows))


async def _ask_all(url: str, rows: int) -> Mapping[str, list[float]]:
    taken: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    chance = random.Random(5)  # noqa: S311  (the same questions each time)
    async with aiohttp.ClientSession(url, headers=_HEADERS) as client:
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


@contextmanager
def _serving(folder: Path, database: Path) -> Iterator[str]:
    """Run the server until the block ends; begins once all of the log is indexed."""
    port = _free_port()
    write_policies(folder / "policies", Shape(policies=len(NAMES.policies)))
    token = {"name": "bench", "sha256": hashlib.sha256(_TOKEN.encode()).hexdigest(), "roles": ["viewer"]}
    settings = {
        **configuration(folder / "policies"),
        "mode": "shadow",
        "store": {"sqlite": str(database)},
        "server": {"port": port},
        "tokens": [token],
    }
    config = folder / "remediator.yaml"
    config.write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "remediator", "serve", "--config", str(config)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)  # noqa: S603  (our own interpreter)
        try:
            began = time.perf_counter()
            _wait_until(lambda: _listens(port), process)
            _say("verified at the start, and ready", began)
            began = time.perf_counter()
            _wait_until(lambda: _indexed(database), process)
            _say(f"indexed, {_mib(index_path(database))} MiB more,", began)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def _wait_until(done: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE.total_seconds()
    while not done():
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit("the server did not come up; its log says why")
        time.sleep(0.2)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _indexed(database: Path) -> bool:
    with closing(connect(database)) as log, closing(connect(index_path(database))) as index:
        head = log.execute("SELECT max(sequence), (SELECT max(id) FROM decisions) FROM audit").fetchone()
        reached = index.execute("SELECT sequence, decision_id FROM progress").fetchone()
    return bool(reached[0] >= head[0] and reached[1] >= head[1])


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _mib(path: Path) -> int:
    """Return what a database takes with its write-ahead log."""
    return round(sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*")) / _MIB)


def _say(what: str, began: float) -> None:
    sys.stdout.write(f"{what} in {time.perf_counter() - began:.0f} s\n")
    sys.stdout.flush()


def _p50(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000


def _p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98] * 1000
