"""What a server costs that has nothing to do: memory, its start, and memory after a storm."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.ingest import POLICY
from bench.load import deliver, post_for
from bench.results import Better, Result, Row, Spread
from bench.servers import remediator

_STARTS = 5
_CONNECTIONS = 64
_ALERTS_AT_ONCE = 1000
IDLE = Row(8, "idle: resident memory", 120, 80, Better.LESS, ".0f", " MiB")
STORM = Row(8, "resident memory after a storm", 40, 10, Better.LESS, "+.0f", " MiB")
START = Row(8, "cold start to ready", 1.5, 0.6, Better.LESS, ".2f", " s")
ROWS = (IDLE, STORM, START)


@dataclass(frozen=True, slots=True)
class _Start:
    """One server, from its start to its storm."""

    idle_mib: float
    grown_mib: float
    seconds: float
    deliveries: float


def measure() -> list[Result]:
    """Start it some times; each time let a storm come."""
    with tempfile.TemporaryDirectory() as name:
        starts = [_start(Path(name) / str(at)) for at in range(_STARTS)]
    stormed = sorted(one.deliveries for one in starts)[_STARTS // 2]
    return [
        Result(IDLE, Spread(tuple(one.idle_mib for one in starts))),
        Result(
            STORM,
            Spread(tuple(one.grown_mib for one in starts)),
            f"{_ALERTS_AT_ONCE:,} alerts at once, then {stormed:,.0f} newly decided in 2 s",
        ),
        Result(START, Spread(tuple(one.seconds for one in starts))),
    ]


def _start(folder: Path) -> _Start:
    with remediator(folder, {"decided": POLICY}) as served:
        served.settle()
        idle = served.rss_mib()
        deliver(served, "Decided", _ALERTS_AT_ONCE)
        load = post_for(served, folder, "Decided", connections=_CONNECTIONS, new=1)
        served.settle()
        return _Start(idle, served.rss_mib() - idle, served.ready_after_seconds, 2 * load.per_second)
