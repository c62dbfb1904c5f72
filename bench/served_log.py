"""A server on an audit log of any length: filled beforehand, verified at the start, and indexed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from sqlite3 import connect
from typing import Any

from bench.long_log import write_log
from bench.servers import Served, remediator
from remediator.store.sqlite.audit_index import index_path

_PATIENCE = timedelta(minutes=30)
_MIB = 1024 * 1024
# The log is of a year: what is measured is to read it, not to archive it.
_KEPT = {"deliveries": "3650d", "records": "3650d", "audit": "3650d"}


@contextmanager
def served_log(
    folder: Path,
    rows: int,
    policies: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Served]:
    """Fill a log, serve it until the block ends, and tell on stderr how long that took.

    Begins once the whole log is indexed.
    """
    folder.mkdir(exist_ok=True)
    database = folder / "remediator.db"
    began = time.perf_counter()
    write_log(database, rows)
    _say(f"{rows:,} rows, {_mib(database)} MiB, written", began)
    with remediator(
        folder, policies, {"retention": _KEPT, **(settings or {})}, _PATIENCE.total_seconds()
    ) as served:
        _say("verified at the start, and ready", time.perf_counter() - served.ready_after_seconds)
        began = time.perf_counter()
        _await_index(database, served)
        _say(f"indexed, {_mib(index_path(database))} MiB more,", began)
        yield served


def _await_index(database: Path, served: Served) -> None:
    ends_at = time.monotonic() + _PATIENCE.total_seconds()
    while not _indexed(database):
        if served.process.poll() is not None or time.monotonic() > ends_at:
            raise SystemExit("the log was not indexed; the server's log says why")
        time.sleep(0.2)


def _indexed(database: Path) -> bool:
    with closing(connect(database)) as log, closing(connect(index_path(database))) as index:
        head = log.execute("SELECT max(sequence), (SELECT max(id) FROM decisions) FROM audit").fetchone()
        reached = index.execute("SELECT sequence, decision_id FROM progress").fetchone()
    return bool(reached[0] >= head[0] and reached[1] >= head[1])


def _mib(path: Path) -> int:
    """Return what a database takes with its write-ahead log."""
    return round(sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*")) / _MIB)


def _say(what: str, began: float) -> None:
    sys.stderr.write(f"{what} in {time.perf_counter() - began:.0f} s\n")
