"""The `ALERTS` series of a Prometheus as if they had been delivered, and how that differs from what was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from remediator.alerts import Alert, AlertStatus
from remediator.authoring.backtest.arrivals import Arrival, Delivered, Faults
from remediator.authoring.backtest.prometheus_past import AsksPrometheus
from remediator.clients.errors import ClientError
from remediator.clients.prometheus_history import RangeSeries
from remediator.durations import format_duration
from remediator.errors import RemediatorError
from remediator.labels import Labels

_FIRING = 'ALERTS{alertstate="firing"}'
# Prometheus refuses more than 11,000 points a series; fewer keep a storm's answer small.
_POINTS_AT_ONCE = 500
_OWN = ("__name__", "alertstate")
_FNV_OFFSET, _FNV_PRIME, _WORD = 14695981039346656037, 1099511628211, 2**64


class PastUnavailableError(RemediatorError):
    """Prometheus can't be asked about the period."""


class PrometheusRecording:
    """Reads which alerts fired, a step apart."""

    def __init__(self, prometheus: AsksPrometheus, since: datetime, until: datetime, step: timedelta) -> None:
        self._prometheus = prometheus
        self._since, self._until, self._step = since, until, step
        self._at = since
        self._faults = Faults()
        self._firing: dict[frozenset[tuple[str, str]], Alert] = {}

    @property
    def faults(self) -> Faults:
        """None: what Prometheus answers is whole, or it is an error."""
        return self._faults

    @property
    def notes(self) -> tuple[str, ...]:
        """How `ALERTS` differs from what Alertmanager delivered, and why."""
        labels = self._prometheus.external_labels()
        return (
            _external(labels),
            "ALERTS has no annotations: a template that reads one can't be rendered.",
            "ALERTS knows nothing of Alertmanager's routes, groups and waits: every alert is taken as "
            "delivered, and as soon as it fires, where Alertmanager waits for its group first.",
            "Silences and inhibitions are Alertmanager's: alerts that it kept back are replayed as well.",
            "`for` has passed already: an alert begins here when it began to fire, not when it was pending.",
            f"It is read every {format_duration(self._step)}: beginnings and ends are seen up to that much "
            "late, and what fires or pauses for less may be missed.",
        )

    def progress(self) -> float | None:
        """Return the share of the period that was read."""
        return (self._at - self._since) / (self._until - self._since)

    def deliveries(self) -> Iterator[Delivered]:
        """Yield a delivery for each step at which an alert begins or ends.

        Raises:
            PastUnavailableError: when Prometheus does not answer.
        """
        start = self._since
        while start < self._until:
            end = min(start + self._step * (_POINTS_AT_ONCE - 1), self._until)
            try:
                series = self._prometheus.range(_FIRING, start, end, self._step)
            except ClientError as error:
                raise PastUnavailableError(f"{error.detail}; it has to hold the period's ALERTS") from None
            yield from self._changes(series, start, end)
            start = end + self._step
            self._at = min(start, self._until)

    def _changes(self, series: list[RangeSeries], start: datetime, end: datetime) -> Iterator[Delivered]:
        """Compare each step with the one before it, across pieces too."""
        changes: dict[datetime, list[tuple[frozenset[tuple[str, str]], AlertStatus]]] = {}
        seen = set()
        for one in series:
            labels = {name: value for name, value in one.labels.items() if name not in _OWN}
            key = frozenset(labels.items())
            seen.add(key)
            before = start - self._step if key in self._firing else None
            for at, _ in one.points:
                if before is not None and at - before > self._step:
                    changes.setdefault(before + self._step, []).append((key, AlertStatus.RESOLVED))
                    before = None
                if before is None:
                    changes.setdefault(at, []).append((key, AlertStatus.FIRING))
                before = at
            if before is not None and before + self._step <= end:
                changes.setdefault(before + self._step, []).append((key, AlertStatus.RESOLVED))
        for key in self._firing.keys() - seen:
            changes.setdefault(start, []).append((key, AlertStatus.RESOLVED))
        for at in sorted(changes):
            ordered = sorted(
                changes[at], key=lambda change: (change[1] is AlertStatus.FIRING, sorted(change[0]))
            )
            yield Delivered(at, "default", [Arrival(self._alert(key, status, at)) for key, status in ordered])

    def _alert(self, key: frozenset[tuple[str, str]], status: AlertStatus, at: datetime) -> Alert:
        if status is AlertStatus.FIRING:
            labels = dict(sorted(key))
            alert = Alert(status=status, labels=labels, starts_at=at, fingerprint=fingerprint(labels))
            self._firing[key] = alert
            return alert
        fired = self._firing.pop(key)
        return fired.model_copy(update={"status": status, "ends_at": at})


def fingerprint(labels: Labels) -> str:
    """Return what Alertmanager calls an alert with these labels: 64 bits of FNV-1a, in hex."""
    value = _FNV_OFFSET
    for name, text in sorted(labels.items()):
        for byte in (*name.encode(), 255, *text.encode(), 255):
            value = (value ^ byte) * _FNV_PRIME % _WORD
    return f"{value:016x}"


def _external(labels: Mapping[str, str] | None) -> str:
    if labels is None:
        return (
            "ALERTS lacks the external labels that Prometheus adds when it sends an alert: matchers on them "
            "do not hold, and fingerprints differ."
        )
    if not labels:
        return "ALERTS lacks external labels, and this Prometheus adds none: fingerprints are the same."
    return (
        f"ALERTS lacks the external labels that this Prometheus adds ({', '.join(sorted(labels))}): "
        "matchers on them do not hold, and fingerprints differ."
    )
