"""Reads a whole audit log and says what it shows to be broken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from remediator.runs.audit import AuditRow, first_fault
from torture.audit.alerts import AlertsJudge
from torture.audit.guards import GuardsJudge
from torture.audit.rows import seen
from torture.audit.rules import Rules
from torture.audit.runs import RunsJudge


def broken_in(
    rows: Iterable[AuditRow], rules: Rules, *, acknowledged: Iterable[int], settled: bool
) -> Iterator[str]:
    """Yield what a log breaks.

    `acknowledged` are the deliveries that were answered 200. `settled` says that everything had time to end.
    """
    rows = list(rows)
    fault = first_fault(rows)
    if fault is not None:
        yield f"the chain does not hold: {fault.what}"
    runs, guards, alerts = RunsJudge(rules), GuardsJudge(rules), AlertsJudge()
    for row in map(seen, rows):
        yield from runs.see(row)
        yield from guards.see(row)
        yield from alerts.see(row)
    lost = set(acknowledged) - alerts.deliveries
    if lost:
        yield f"deliveries were acknowledged and are not in the log: {sorted(lost)}"
    if settled:
        yield from runs.end()
        yield from alerts.end()
