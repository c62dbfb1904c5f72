"""Durable ingest beside a bare handler that keeps nothing: one alert a request, 64 connections and one."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.load import Load, post_for
from bench.results import Result, Row, Spread, ratios
from bench.servers import Served, bare, remediator

_ROUNDS = 3
POLICY: Mapping[str, Any] = {
    "description": "Decided for every alert that is new.",
    "owner": "bench",
    "mode": "shadow",
    "match": ['alertname = "Decided"', 'severity =~ "critical|warning"'],
    "target": "{{ labels.service }}/{{ labels.instance }}",
    "guards": [{"cooldown": {"for": "15m"}}, {"rate_limit": {"max": 3, "per": "1h", "scope": "target"}}],
    "options": [{"name": "wait", "steps": [{"uses": "wait", "with": {"for": "1s"}}]}],
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of delivery: which alert, and whether each is new."""

    alert: str
    new: bool
    connections: int


_KINDS: Mapping[_Kind, Row] = {
    _Kind("Decided", new=False, connections=64): Row(
        1, "ingest ÷ bare handler, 64 connections, redeliveries", 0.6, 1.0
    ),
    _Kind("Other", new=True, connections=64): Row(
        1, "ingest ÷ bare handler, 64 connections, no policy matches", 0.6, 1.0
    ),
    _Kind("Decided", new=True, connections=64): Row(
        1, "ingest ÷ bare handler, 64 connections, newly decided", 0.3, 0.5
    ),
    _Kind("Decided", new=False, connections=1): Row(
        2, "ingest ÷ bare handler, 1 connection, redeliveries", 0.3, 0.45
    ),
    _Kind("Other", new=True, connections=1): Row(
        2, "ingest ÷ bare handler, 1 connection, no policy matches", 0.3, 0.45
    ),
    _Kind("Decided", new=True, connections=1): Row(
        2, "ingest ÷ bare handler, 1 connection, newly decided", 0.3, 0.45
    ),
}
ROWS = tuple(_KINDS.values())


def measure() -> list[Result]:
    """Take turns: the bare handler, then the receiver, again and again."""
    return [_compare(kind, row) for kind, row in _KINDS.items()]


def _compare(kind: _Kind, row: Row) -> Result:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bare").mkdir()
        (folder / "ours").mkdir()
        with bare(folder / "bare") as limit, remediator(folder / "ours", {"decided": POLICY}) as ours:
            turns = [(_post(limit, folder, kind, at), _post(ours, folder, kind, at)) for at in range(_ROUNDS)]
    slower = ratios([one.p99_ms for _, one in turns], [one.p99_ms for one, _ in turns])
    rate = Spread(tuple(one.per_second for _, one in turns))
    return Result(
        row,
        ratios([one.per_second for _, one in turns], [one.per_second for one, _ in turns]),
        f"{rate.median:,.0f}/s; p99 {slower.median:.1f} x bare, aim 2",
    )


def _post(served: Served, folder: Path, kind: _Kind, at: int) -> Load:
    return post_for(served, folder, kind.alert, connections=kind.connections, new=at if kind.new else None)
