"""An Alertmanager in memory: which alerts it has, and which of them are suppressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.alerts import Alert, AlertStatus
from remediator.clients.alertmanager import ActiveAlert, AlertmanagerError
from remediator.clock import Clock
from remediator.content_hash import content_hash
from remediator.labels import Labels

_FINGERPRINT_CHARACTERS = 16
_SENT_AGAIN_WITHIN = timedelta(minutes=5)


class SimulatedAlertmanager:
    """Keeps alerts between firing and resolved. `unreachable` says why it can't be asked, if it can't."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._alerts: dict[str, ActiveAlert] = {}
        self.unreachable: str | None = None

    def fire(self, labels: Labels, annotations: Mapping[str, str]) -> Alert:
        """Have an alert begin, or fire on; return it as it is delivered."""
        now = self._clock.now()
        fingerprint = fingerprint_of(labels)
        known = self._alerts.get(fingerprint)
        starts_at = known.starts_at if known else now
        self._alerts[fingerprint] = ActiveAlert(
            fingerprint=fingerprint,
            labels=dict(labels),
            annotations=dict(annotations),
            starts_at=starts_at,
            ends_at=now + _SENT_AGAIN_WITHIN,
            updated_at=now,
            generator_url="",
            state=known.state if known else "active",
            silenced_by=(),
            inhibited_by=(),
        )
        return _alert(AlertStatus.FIRING, labels, annotations, fingerprint, starts_at, None)

    def resolve(self, labels: Labels, annotations: Mapping[str, str]) -> Alert:
        """Have an alert end; return it as it is delivered."""
        now = self._clock.now()
        fingerprint = fingerprint_of(labels)
        known = self._alerts.pop(fingerprint, None)
        starts_at = known.starts_at if known else now
        return _alert(AlertStatus.RESOLVED, labels, annotations, fingerprint, starts_at, now)

    def suppress(self, labels: Labels, *, suppressed: bool) -> None:
        """Silence an alert that it has, or let it speak again."""
        fingerprint = fingerprint_of(labels)
        known = self._alerts.get(fingerprint)
        if known is not None:
            self._alerts[fingerprint] = replace(known, state="suppressed" if suppressed else "active")

    async def alerts(self, *, active: bool, silenced: bool, inhibited: bool) -> list[ActiveAlert]:
        """Return its alerts.

        Raises:
            AlertmanagerError: while it is unreachable.
        """
        if self.unreachable is not None:
            raise AlertmanagerError(self.unreachable)
        hidden = silenced or inhibited
        return [alert for alert in self._alerts.values() if (hidden if alert.suppressed else active)]


def fingerprint_of(labels: Labels) -> str:
    """Return what identifies an alert: equal labels, equal fingerprint."""
    return content_hash(dict(labels))[:_FINGERPRINT_CHARACTERS]


def _alert(
    status: AlertStatus,
    labels: Labels,
    annotations: Mapping[str, str],
    fingerprint: str,
    starts_at: datetime,
    ends_at: datetime | None,
) -> Alert:
    return Alert(
        status=status,
        labels=dict(labels),
        annotations=dict(annotations),
        starts_at=starts_at,
        ends_at=ends_at,
        fingerprint=fingerprint,
    )
