"""What waiting costs a server: 1,000 runs that wait for an approval, and 10,000 timers that stand."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.load import deliver
from bench.results import Better, Result, Row, Spread
from bench.servers import Served, remediator

_RUNS, _TIMERS, _AT_ONCE = 1_000, 10_000, 1_000
_WINDOWS = 2
_WINDOW_SECONDS = 60.0  # some jobs are due once a minute
_BASE_SECONDS = 20.0
_PATIENCE_SECONDS = 300.0
_BASE: Mapping[str, Any] = {
    "owner": "bench",
    "target": "{{ labels.service }}/{{ labels.instance }}",
    "options": [{"name": "wait", "steps": [{"uses": "wait", "with": {"for": "1s"}}]}],
}
IDLE = Row(10, "idle processor beside it, with nothing that waits", None, None, Better.LESS, ".2%")
CPU = Row(10, "1,000 runs waiting for approval, 10,000 timers: processor", 0.01, 0.002, Better.LESS, ".2%")
MEMORY = Row(
    10, "1,000 runs waiting for approval, 10,000 timers: memory", 50, 20, Better.LESS, "+.0f", " MiB"
)
ROWS = (IDLE, CPU, MEMORY)


def measure() -> list[Result]:
    """Measure an idle server, have runs and timers wait, and measure it again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with remediator(folder, _policies()) as served:
            served.settle()
            before, idle = served.rss_mib(), Spread((served.cpu_share(_BASE_SECONDS),))
            deliver(served, "Ask", _RUNS)
            for part in range(_TIMERS // _AT_ONCE):
                deliver(served, f"Later{part}", _AT_ONCE)
            _await_waiting(folder / "remediator.db")
            served.settle()
            waiting = _idle(served)
            grown = served.rss_mib() - before
    return [Result(IDLE, idle), Result(CPU, waiting), Result(MEMORY, Spread((grown,)))]


def _policies() -> Mapping[str, Mapping[str, Any]]:
    """One that asks, and one whose window opens hours from now: each of its alerts leaves a timer."""
    opens = datetime.now(UTC) + timedelta(hours=6)
    window = {"from": f"{opens:%H}:00", "to": f"{opens:%H}:30"}
    return {
        "ask": {
            **_BASE,
            "description": "Asks for every alert that is new.",
            "match": ['alertname = "Ask"'],
            "guards": [{"approval": {"from": ["oncall"], "expires": "24h"}}],
        },
        "later": {
            **_BASE,
            "description": "Waits for the time at which it may.",
            "match": ['alertname =~ "Later.*"'],
            "guards": [{"time_window": window}],
        },
    }


def _await_waiting(database: Path) -> None:
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    counts = (0, 0)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as look:
        while time.monotonic() < ends_at:
            counts = look.execute(
                "SELECT (SELECT count(*) FROM runs WHERE state = 'awaiting_approval'),"
                " (SELECT count(*) FROM timers WHERE kind = 'decide' AND due_at > ?)",
                (f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}",),
            ).fetchone()
            if counts[0] >= _RUNS and counts[1] >= _TIMERS:
                return
            time.sleep(0.5)
    raise SystemExit(f"after {_PATIENCE_SECONDS:.0f} s only {counts[0]} runs and {counts[1]} timers wait")


def _idle(served: Served) -> Spread:
    """Return the share of one core that is used while nothing happens, in some stretches of time."""
    return Spread(tuple(served.cpu_share(_WINDOW_SECONDS) for _ in range(_WINDOWS)))
