"""When what happened, read from the audit log alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from remediator.runs.audit import AuditAction

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """Moments of one drill; None for what has not happened."""

    broken_at: datetime
    detected_at: datetime | None = None
    acted_at: datetime | None = None
    recovered_at: datetime | None = None
    closed_at: datetime | None = None
    restored_at: datetime | None = None
    """When the last temporary change was undone; None while one stands, or when there was none."""
    options: tuple[str, ...] = ()
    run_id: int | None = None
    state: str = ""
    leases: int = 0
    leases_open: int = 0
    reported_at: datetime | None = None
    report: str = ""
    """The file of the run's incident report, as last written."""

    @property
    def over(self) -> bool:
        """Whether it recovered, the alert is gone, nothing temporary stands, and the report tells so."""
        well = self.recovered_at is not None and self.closed_at is not None and not self.leases_open
        return well and self.reported

    @property
    def reported(self) -> bool:
        """Whether the report was written after the last of what it has to tell."""
        told = (self.recovered_at, self.closed_at, self.restored_at)
        last = max((moment for moment in told if moment is not None), default=None)
        return self.reported_at is not None and last is not None and self.reported_at >= last

    def since_broken(self, moment: datetime | None) -> timedelta | None:
        """Return how long after the break a moment was."""
        return None if moment is None else moment - self.broken_at


def measure(rows: Iterable[Row], policy: str, alertname: str, broken_at: datetime) -> Measured:
    """Read the rows since the break, oldest first."""
    measured = Measured(broken_at)
    for row in rows:
        at = datetime.fromisoformat(row["at"])
        if at < broken_at:
            continue
        if row["alertname"] == alertname:
            measured = _of_alert(measured, row, at)
        if row["policy"] == policy:
            measured = _of_policy(measured, row, at)
    return measured


def _of_alert(measured: Measured, row: Row, at: datetime) -> Measured:
    match row["action"]:
        case AuditAction.EPISODE_OPENED:
            # It may come back before all is well: only the last close counts.
            return replace(measured, detected_at=measured.detected_at or at, closed_at=None)
        case AuditAction.EPISODE_CLOSED:
            return replace(measured, closed_at=at)
        case _:
            return measured


def _of_policy(measured: Measured, row: Row, at: datetime) -> Measured:
    detail = row["detail"]
    match row["action"]:
        case AuditAction.STEP_INTENT if detail["phase"] == "act":
            options = dict.fromkeys([*measured.options, detail["option"]])
            return replace(measured, acted_at=measured.acted_at or at, options=tuple(options))
        case AuditAction.LEASE_OPENED:
            more = measured.leases + 1
            return replace(measured, leases=more, leases_open=measured.leases_open + 1, restored_at=None)
        case AuditAction.LEASE_CLOSED:
            left = measured.leases_open - 1
            return replace(measured, leases_open=left, restored_at=None if left else at)
        case AuditAction.REPORT_WRITTEN:
            return replace(measured, reported_at=at, report=detail["file"])
        case AuditAction.RUN_STATE if detail["kind"] == "remediation":
            recovered = at if detail["to"] == "succeeded" else None
            return replace(
                measured,
                run_id=row["run_id"],
                state=detail["to"],
                recovered_at=measured.recovered_at or recovered,
            )
        case _:
            return measured
