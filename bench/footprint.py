"""What a server costs that has nothing to do: memory, start, and the processor while many runs wait."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from bench.load import payload
from bench.results import Result, Spread, table
from bench.servers import HEADERS, Served, remediator

_STARTS = 5
_STORM = 1000
_WAITING = 1000
_IDLE_SECONDS = 20.0
_SETTLED_SECONDS = 120.0
_POLICY: Mapping[str, Any] = {
    "description": "Asks for every alert that is new.",
    "owner": "bench",
    "match": ['alertname = "Ask"'],
    "target": "{{ labels.service }}/{{ labels.instance }}",
    "guards": [{"approval": {"from": ["oncall"], "expires": "24h"}}],
    "options": [{"name": "wait", "steps": [{"uses": "wait", "with": {"for": "1s"}}]}],
}


def main() -> int:
    """Measure, and print the table."""
    sys.stdout.write(table(measure()))
    return 0


def measure() -> list[Result]:
    """Start it some times; then let many runs wait."""
    with tempfile.TemporaryDirectory() as name:
        starts = [_start(Path(name) / str(at)) for at in range(_STARTS)]
        with remediator(Path(name) / "waiting", {"ask": _POLICY}) as served:
            before = served.rss_mib()
            _deliver(served, "Other", _STORM)
            after_storm = served.rss_mib()
            _deliver(served, "Ask", _WAITING)
            _await_waiting(served)
            idle_share = _idle(served)
            grown = served.rss_mib() - after_storm
    seconds = Spread(tuple(one for one, _ in starts))
    idle = Spread(tuple(rss for _, rss in starts))
    storm = after_storm - before
    return [
        Result("idle: resident memory", f"{idle:.0f} MiB", "120 MiB", "80 MiB", idle.median <= 120),
        Result("cold start to ready", f"{seconds:.2f} s", "1.5 s", "0.6 s", seconds.median <= 1.5),
        Result(
            f"after a delivery of {_STORM:,} alerts", f"{storm:+.0f} MiB", "+40 MiB", "+10 MiB", storm <= 40
        ),
        Result(
            f"{_WAITING:,} runs that wait: processor",
            f"{idle_share:.1%} of one core",
            "1 %",
            "0.2 %",
            idle_share <= 0.01,
        ),
        Result(
            f"{_WAITING:,} runs that wait: memory", f"{grown:+.0f} MiB", "+50 MiB", "+20 MiB", grown <= 50
        ),
    ]


def _start(folder: Path) -> tuple[float, float]:
    with remediator(folder, {"ask": _POLICY}) as served:
        return served.ready_after_seconds, served.rss_mib()


def _deliver(served: Served, name: str, alerts: int) -> None:
    body = json.dumps(payload(name, alerts=alerts)).replace("NUMBER", name.encode().hex().zfill(16))
    httpx.post(served.url, content=body, headers=HEADERS, timeout=60).raise_for_status()


def _await_waiting(served: Served) -> None:
    ends_at = time.monotonic() + _SETTLED_SECONDS
    name = 'remediator_runs_in_state{state="awaiting_approval"}'
    while time.monotonic() < ends_at:
        reply = httpx.get(f"{served.base}/metrics", headers=HEADERS, timeout=10)
        waiting = [line for line in reply.text.splitlines() if line.startswith(name)]
        if waiting and float(waiting[0].split()[1]) >= _WAITING:
            return
        time.sleep(0.2)
    raise SystemExit(f"fewer than {_WAITING} runs wait after {_SETTLED_SECONDS:.0f} s")


def _idle(served: Served) -> float:
    """Return the share of one core that is used while nothing happens."""
    before = served.cpu_seconds()
    time.sleep(_IDLE_SECONDS)
    return (served.cpu_seconds() - before) / _IDLE_SECONDS
