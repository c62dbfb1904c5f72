"""Deliveries of 1,000 alerts each, beside a bare handler that decodes them and keeps nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.ingest import POLICY
from bench.load import post_for
from bench.results import Result, Row, Spread, ratios
from bench.servers import bare, remediator

_ALERTS = 1000
_ROUNDS = 3
_KINDS: Mapping[bool, Row] = {
    False: Row(5, "payload of 1,000 alerts ÷ bare handler, redeliveries", 0.1, 0.5),
    True: Row(5, "payload of 1,000 alerts ÷ bare handler, new, no policy matches", 0.1, 0.5),
}
"""By whether every alert is new."""
ROWS = tuple(_KINDS.values())


def measure() -> list[Result]:
    """Take turns over one connection: the bare handler, then the receiver, again and again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bare").mkdir()
        (folder / "ours").mkdir()
        with bare(folder / "bare") as limit, remediator(folder / "ours", {"decided": POLICY}) as ours:
            results = []
            for new, row in _KINDS.items():
                limits: list[float] = []
                rates: list[float] = []
                for at in range(_ROUNDS):
                    for served, found in ((limit, limits), (ours, rates)):
                        number = at if new else None
                        load = post_for(served, folder, "Other", connections=1, new=number, alerts=_ALERTS)
                        found.append(load.per_second * _ALERTS)
                besides = f"{Spread(tuple(rates)).median:,.0f} alerts/s"
                results.append(Result(row, ratios(rates, limits), besides))
    return results
