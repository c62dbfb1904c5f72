"""Durable ingest beside a bare handler that keeps nothing: one alert a request, 64 connections and one."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.load import Load, post_for
from bench.results import Result, ratios, table
from bench.servers import Served, bare, remediator

_ROUNDS = 5
_POLICY: Mapping[str, Any] = {
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
    """One kind of delivery: which alert, whether each is new, what is asked with 64 connections, and one."""

    name: str
    alert: str
    new: bool
    least: tuple[float, float]
    aim: tuple[str, str]


_KINDS = (
    _Kind("redelivery", "Decided", new=False, least=(0.6, 0.3), aim=("1.0, p99 ≤ 2 x bare", "0.45")),
    _Kind("no policy matches", "Other", new=True, least=(0.6, 0.3), aim=("1.0, p99 ≤ 2 x bare", "0.45")),
    _Kind("newly decided", "Decided", new=True, least=(0.3, 0.3), aim=("0.5, p99 ≤ 2 x bare", "0.45")),
)


def main() -> int:
    """Measure, and print the table."""
    sys.stdout.write(table(measure()))
    return 0


def measure() -> list[Result]:
    """Take turns: the bare handler, then the receiver, again and again."""
    results = []
    for place, connections in enumerate((64, 1)):
        for kind in _KINDS:
            results += _compare(kind, connections, place)
    return results


def _compare(kind: _Kind, connections: int, place: int) -> list[Result]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bare").mkdir()
        (folder / "ours").mkdir()
        with bare(folder / "bare") as limit, remediator(folder / "ours", {"decided": _POLICY}) as ours:
            turns = [
                (_post(limit, folder, kind, connections, at), _post(ours, folder, kind, connections, at))
                for at in range(_ROUNDS)
            ]
    share = ratios([one.per_second for _, one in turns], [one.per_second for one, _ in turns])
    slower = ratios([one.p99_ms for _, one in turns], [one.p99_ms for one, _ in turns])
    rates = sorted(one.per_second for _, one in turns)
    least = kind.least[place]
    return [
        Result(
            row=f"ingest ÷ bare handler: {kind.name}, {connections} connection{'s' * (connections > 1)}",
            value=f"{share:.2f}; {rates[len(rates) // 2]:.0f}/s; p99 {slower:.1f} x bare",
            least=str(least),
            aim=kind.aim[place],
            reached=share.median >= least,
        )
    ]


def _post(served: Served, folder: Path, kind: _Kind, connections: int, at: int) -> Load:
    return post_for(served, folder, kind.alert, connections=connections, new=at if kind.new else None)
