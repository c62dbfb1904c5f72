"""Alerts and what was changed for a while: one open episode each, all acknowledged kept, all put back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from remediator.runs.audit import AuditAction
from torture.audit.rows import Seen

_LATE = timedelta(minutes=20)
"""A hold, a lock or a server that is down may well keep a change standing for some time."""


@dataclass(slots=True)
class AlertsJudge:
    """Reads the log row by row."""

    deliveries: set[int] = field(default_factory=set)
    _open: dict[tuple[str, str], int] = field(default_factory=dict)
    _leases: dict[int, str] = field(default_factory=dict)
    """The state of each, as last told."""

    def see(self, row: Seen) -> Iterator[str]:
        """Yield what a row breaks."""
        match row.action:
            case AuditAction.DELIVERY_ACCEPTED:
                if row.detail["delivery_id"] in self.deliveries:
                    yield f"row {row.number}: delivery {row.detail['delivery_id']} was taken in twice"
                self.deliveries.add(row.detail["delivery_id"])
            case AuditAction.EPISODE_OPENED:
                identity = (row.source, row.detail["fingerprint"])
                if identity in self._open:
                    yield f"row {row.number}: a second episode of {identity[1]} opens"
                self._open[identity] = row.episode
            case AuditAction.EPISODE_CLOSED:
                yield from self._closed(row)
            case AuditAction.LEASE_OPENED:
                self._leases[row.detail["lease_id"]] = "open"
            case AuditAction.LEASE_CLOSED:
                yield from self._late(row)
                self._leases[row.detail["lease_id"]] = row.detail["state"]

    def end(self) -> Iterator[str]:
        """Yield what is left open after everything had time to end."""
        for lease, state in self._leases.items():
            if state == "open":
                yield f"lease {lease}: the change neither went back nor was anybody told"

    def _late(self, row: Seen) -> Iterator[str]:
        late = row.at - datetime.fromisoformat(row.detail["expires_at"])
        if self._leases.get(row.detail["lease_id"]) == "open" and late > _LATE:
            yield f"row {row.number}: a change went back only {late} after its time"

    def _closed(self, row: Seen) -> Iterator[str]:
        identity = next((one for one, episode in self._open.items() if episode == row.episode), None)
        if identity is None:
            yield f"row {row.number}: episode {row.episode} closes that is not open"
        else:
            del self._open[identity]
