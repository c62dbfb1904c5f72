"""What the machine and the libraries allow: an fdatasync loop, a SQLite commit loop, a bare handler."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.load import post_for
from bench.results import Result, Row, Spread
from bench.servers import bare

_ROUNDS = 3
_SECONDS = 1.0
_ROW_BYTES = 1000
FDATASYNC = Row(0, "limit: appends of 1 kB and fdatasync", form=",.0f", unit="/s")
COMMIT = Row(0, "limit: SQLite commits of one row, WAL, synchronous=FULL", form=",.0f", unit="/s")
BARE_MANY = Row(0, "limit: bare aiohttp handler on uvloop, 64 connections", form=",.0f", unit="/s")
BARE_ONE = Row(0, "limit: bare aiohttp handler on uvloop, 1 connection", form=",.0f", unit="/s")
ROWS = (FDATASYNC, COMMIT, BARE_MANY, BARE_ONE)


def measure() -> list[Result]:
    """Take turns with all of them."""
    rates: dict[Row, list[float]] = {row: [] for row in ROWS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with bare(folder) as served:
            for _ in range(_ROUNDS):
                rates[FDATASYNC].append(_fdatasync(folder / "file"))
                rates[COMMIT].append(_commit(folder / "limit.db"))
                for row, connections in ((BARE_MANY, 64), (BARE_ONE, 1)):
                    load = post_for(served, folder, "Limit", connections=connections)
                    rates[row].append(load.per_second)
    return [Result(row, Spread(tuple(measured))) for row, measured in rates.items()]


def _fdatasync(path: Path) -> float:
    with path.open("ab", buffering=0) as file:

        def append() -> None:
            file.write(bytes(_ROW_BYTES))
            os.fdatasync(file.fileno())

        return _per_second(append)


def _commit(path: Path) -> float:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY, body BLOB)")

        def commit() -> None:
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO kept (body) VALUES (?)", (bytes(_ROW_BYTES),))
            database.execute("COMMIT")

        return _per_second(commit)


def _per_second(work: Callable[[], None]) -> float:
    began, count = time.perf_counter(), 0
    while (taken := time.perf_counter() - began) < _SECONDS:
        work()
        count += 1
    return count / taken
