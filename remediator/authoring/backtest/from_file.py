"""Captured payloads: one webhook payload a line, as it was posted, or with the time it came."""

from __future__ import annotations

import gzip
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from remediator.alerts import Alert, AlertStatus, BadAlert, read_alert
from remediator.authoring.backtest.arrivals import Arrival, Delivered, Faults
from remediator.errors import RemediatorError

_REMEMBERED = 10_000
_BUFFER_BYTES = 1 << 20
_DEFAULT_SOURCE = "default"


class RecordingError(RemediatorError):
    """A recording can't be read."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, to its end exclusive."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Tell whether a moment lies in it."""
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


class FileRecording:
    """Reads `{"received_at": …, "source": …, "payload": {…}}` or bare payloads, a line each; `.gz` too.

    A bare payload is taken to have come when the newest of its alerts began or ended.
    """

    def __init__(self, path: Path, span: Span) -> None:
        self._path = path
        self._span = span
        self._faults = Faults()
        self._read_bytes = 0
        self._size_bytes = 0
        self._timed = True
        self._newest: datetime | None = None
        self._alerts: OrderedDict[str, tuple[str, Alert]] = OrderedDict()

    @property
    def faults(self) -> Faults:
        """The lines and alerts that could not be used."""
        return self._faults

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the times is guessed."""
        if self._timed:
            return ()
        return (
            "Payloads without `received_at` are taken to have come when the newest of their alerts began "
            "or ended: that is earlier than Alertmanager posts them, by the group's waits.",
        )

    def progress(self) -> float | None:
        """Return the share of the file that was read."""
        return self._read_bytes / self._size_bytes if self._size_bytes else None

    def deliveries(self) -> Iterator[Delivered]:
        """Yield the deliveries of the span.

        Raises:
            RecordingError: when the file can't be read.
        """
        try:
            self._size_bytes = self._path.stat().st_size
            packed = self._path.suffix == ".gz"
            with self._path.open("rb", _BUFFER_BYTES) as raw, gzip.GzipFile(fileobj=raw) as unpacked:
                for number, line in enumerate(unpacked if packed else raw, 1):
                    self._read_bytes = raw.tell() if packed else self._read_bytes + len(line)
                    delivered = self._line(number, line)
                    if delivered is not None:
                        yield delivered
        except (OSError, EOFError, zlib.error) as error:
            raise RecordingError(f"{self._path} can't be read: {error}") from None

    def _line(self, number: int, line: bytes) -> Delivered | None:
        if not line.strip():
            return None
        try:
            document = orjson.loads(line)
        except ValueError as error:
            self._skip(number, f"is not JSON: {error}")
            return None
        if not isinstance(document, dict):
            self._skip(number, "is not an object; write one webhook payload a line")
            return None
        payload = document.get("payload", document)
        items = payload.get("alerts") if isinstance(payload, dict) else None
        if not isinstance(items, list) or payload.get("version") != "4":
            self._skip(number, "is no webhook payload of version 4")
            return None
        alerts = list(self._read(number, items))
        at = self._time(number, document, alerts)
        if at is None or not alerts or not self._span.holds(at):
            return None
        source = document.get("source", _DEFAULT_SOURCE) if payload is not document else _DEFAULT_SOURCE
        return Delivered(at, str(source), [Arrival(alert) for alert in alerts])

    def _skip(self, number: int, what: str) -> None:
        self._faults.note(f"{self._path.name}:{number}: {what}")

    def _read(self, number: int, items: list[Any]) -> Iterator[Alert]:
        for index, item in enumerate(items):
            alert = self._known(item)
            if alert is None:
                read = read_alert(index, item)
                if isinstance(read, BadAlert):
                    self._skip(number, f"alert {index}: {read.reason}")
                    continue
                alert = self._remember(read, item)
            yield alert

    def _known(self, item: Any) -> Alert | None:
        """Return the alert read before that says the very same: repeats are most of what comes in."""
        if not isinstance(item, dict):
            return None
        fingerprint = item.get("fingerprint")
        known = self._alerts.get(fingerprint) if isinstance(fingerprint, str) else None
        if known is None:
            return None
        started, alert = known
        same = (
            item.get("status") == "firing"
            and item.get("startsAt") == started
            and item.get("labels") == alert.labels
            and item.get("annotations", {}) == alert.annotations
        )
        return alert if same else None

    def _remember(self, alert: Alert, item: Any) -> Alert:
        if alert.status is AlertStatus.FIRING:
            self._alerts[alert.fingerprint] = (item["startsAt"], alert)
            self._alerts.move_to_end(alert.fingerprint)
            if len(self._alerts) > _REMEMBERED:
                self._alerts.popitem(last=False)
        return alert

    def _time(self, number: int, document: dict[str, Any], alerts: list[Alert]) -> datetime | None:
        """Return when it came; times never go back."""
        given = document.get("received_at")
        if given is None:
            self._timed = False
            at = max((_changed_at(alert) for alert in alerts), default=None)
        else:
            at = _parse_time(given)
            if at is None:
                self._skip(number, f"received_at {str(given)[:50]!r} is no RFC 3339 time")
        if at is None:
            return None
        if self._newest is not None and at < self._newest:
            if given is not None:
                self._faults.note(
                    f"{self._path.name}:{number}: came before the line above it; taken as later"
                )
            at = self._newest
        self._newest = at
        return at


def _changed_at(alert: Alert) -> datetime:
    return alert.ended_at or alert.starts_at


def _parse_time(given: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(given))
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None
