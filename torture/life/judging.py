"""Lives one life from a seed, and says what it broke."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from remediator.runs.audit import AuditAction, AuditRow
from remediator.runs.records import Lease, Run, TimerKind
from remediator.runs.states import LeaseState
from remediator.simulation.looped_clock import LoopedEventLoop, run_looped
from remediator.store.base import Filter, Order, Reads
from torture.audit.judging import broken_in
from torture.audit.rows import seen
from torture.life.life import Life
from torture.life.policies import RULES, SET_TO
from torture.life.things import AS_IT_WAS

EVENTS = 40
"""How much happens in a long life."""

_ALL = Filter(order=Order.OLDEST, limit=100_000)


@dataclass(frozen=True, slots=True)
class Lived:
    """What came of one life."""

    violations: Sequence[str]
    trace: str
    """The hash of the last audit row, which binds all rows before it: equal traces, equal lives."""
    happened: Sequence[str]
    rows: Sequence[AuditRow]

    @property
    def actions(self) -> Counter[str]:
        """How often what is in its log: what a life that shows something must contain."""
        return Counter(row.action for row in self.rows)


def live(seed: int, events: int) -> Lived:
    """Live it."""

    async def main(loop: LoopedEventLoop) -> Lived:
        life = Life(Random(seed), loop)
        try:
            await life.live(events)
            rows = await life.audit_rows()
            violations = list(life.things.violations)
            violations += broken_in(rows, RULES, acknowledged=life.acknowledged, settled=True)
            violations += await life.process.store.read(lambda reads: list(_left(reads, life, rows)))
            return Lived(violations, rows[-1].hash, life.happened, rows)
        finally:
            await life.end()

    with _quiet():
        return run_looped(main)


@contextmanager
def _quiet() -> Iterator[None]:
    """Log nothing: what fails is meant to, and the audit log tells it in its place."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _left(reads: Reads, life: Life, rows: Sequence[AuditRow]) -> Iterator[str]:
    """Yield what the database and the things say against the log."""
    if reads.claims():
        yield f"locks are held by nobody: {reads.claims()}"
    yield from _unwritten(reads.select(Run, _ALL), rows)
    if reads.timers(TimerKind.DRIVE):
        yield "a run that has ended is still driven"
    leases = reads.select(Lease, _ALL)
    for thing, value in life.things.values.items():
        standing = any(
            lease.resource == f"services:{thing}" and lease.state is not LeaseState.UNDONE for lease in leases
        )
        if value in SET_TO and not standing:
            yield f"{thing} is {value}, was {AS_IT_WAS}, and no lease says so"


def _unwritten(runs: Sequence[Run], rows: Sequence[AuditRow]) -> Iterator[str]:
    told = {row.run: row.detail["to"] for row in map(seen, rows) if row.action is AuditAction.RUN_STATE}
    for run in runs:
        if told.get(run.id, run.state) != run.state:
            yield f"run {run.id} is {run.state}, and its last row says {told[run.id]}"
