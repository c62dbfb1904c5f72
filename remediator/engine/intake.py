"""Intake: what Alertmanager says, made durable in one transaction before it is told 200."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from remediator.alerts import Alert, BadAlert, Payload
from remediator.engine.actors import ENGINE
from remediator.engine.admission import admit
from remediator.engine.context import Engine
from remediator.engine.dispatch import Waker
from remediator.engine.episodes import handle_alert
from remediator.engine.failpoints import Failpoint
from remediator.engine.storms import notice_storm
from remediator.labels import ALERTNAME
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.runs.episodes import Delivery, Episode, Handling, Quarantined, Receipt
from remediator.store.base import Tx

_RAW_KEPT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a delivery did."""

    delivery_id: int
    opened: int
    repeated: int
    closed: int
    late: int
    quarantined: int
    planned: int
    blocked: int


class Intake:
    """Takes deliveries in."""

    def __init__(self, engine: Engine, waker: Waker) -> None:
        self._engine = engine
        self._waker = waker

    async def accept(self, source: str, payload: Payload, origin: str = "webhook") -> Accepted:
        """Commit a delivery: receipts, episodes, admissions, audit rows. Durable on return.

        Raises:
            StoreUnavailableError: when it could succeed later; then nothing of it is stored.
        """
        now = self._engine.clock.now()
        accepted = await self._engine.store.write(
            lambda tx: _ingest(tx, self._engine, source, payload, origin, now)
        )
        self._engine.failpoints.hit(Failpoint.INGEST_COMMITTED)
        if accepted.planned or accepted.blocked or accepted.closed:  # nothing else sets a timer
            self._waker.wake()
        if payload.truncated_alerts:
            self._waker.poll_soon(source)
        return accepted

    async def refuse(self, source: str, raw: bytes, reason: str) -> None:
        """Keep and note a body that is no v4 payload."""
        now = self._engine.clock.now()
        text = raw[:_RAW_KEPT_BYTES].decode("utf-8", "backslashreplace")

        def work(tx: Tx) -> None:
            bad = Quarantined(
                source=source,
                received_at=now,
                delivery_id=None,
                alert_index=None,
                reason=reason,
                raw=self._engine.redactor.text(text),
            )
            kept = tx.add(bad)
            tx.audit(
                AuditEntry(
                    at=now,
                    actor=ENGINE,
                    action=AuditAction.DELIVERY_REFUSED,
                    source=source,
                    detail={"reason": reason, "quarantine_id": kept.id, "bytes": len(raw)},
                )
            )

        await self._engine.store.write(work)


def _ingest(tx: Tx, engine: Engine, source: str, payload: Payload, origin: str, now: datetime) -> Accepted:
    delivery = tx.add(
        Delivery(
            source=source,
            received_at=now,
            origin=origin,
            receiver=payload.receiver,
            group_key=payload.group_key,
            truncated_alerts=payload.truncated_alerts,
            alerts=len(payload.alerts),
            quarantined=len(payload.bad),
        )
    )
    handled: Counter[Handling] = Counter()
    receipts = []
    planned = blocked = 0
    for alert in payload.alerts:
        handling, episode = handle_alert(
            tx, source, alert, now, confirmed=origin == "poll", delivery_id=delivery.id
        )
        receipts.append(_receipt(delivery, alert, handling, episode, now))
        handled[handling] += 1
        if handling is Handling.LATE:
            _note_late(tx, source, alert, now)
        if episode is not None and handling is Handling.OPENED:
            more_planned, more_blocked = admit(tx, engine, episode, now, fresh=True)
            planned, blocked = planned + more_planned, blocked + more_blocked
    if handled[Handling.OPENED]:
        notice_storm(tx, engine.settings.limits.storm, now)
    tx.append(receipts)
    for bad in payload.bad:
        _quarantine(tx, engine, delivery, bad, now)
    accepted = Accepted(
        delivery_id=delivery.id,
        opened=handled[Handling.OPENED],
        repeated=handled[Handling.REPEATED],
        closed=handled[Handling.CLOSED],
        late=handled[Handling.LATE],
        quarantined=len(payload.bad),
        planned=planned,
        blocked=blocked,
    )
    _note_delivery(tx, delivery, accepted, now)
    return accepted


def _receipt(
    delivery: Delivery, alert: Alert, handling: Handling, episode: Episode | None, now: datetime
) -> Receipt:
    return Receipt(
        delivery_id=delivery.id,
        episode_id=episode.id if episode else None,
        source=delivery.source,
        fingerprint=alert.fingerprint,
        status=alert.status,
        alertname=alert.labels.get(ALERTNAME, ""),
        labels=alert.labels,
        annotations=alert.annotations,
        starts_at=alert.starts_at,
        ends_at=alert.ended_at,
        generator_url=alert.generator_url,
        received_at=now,
        handling=handling,
    )


def _note_late(tx: Tx, source: str, alert: Alert, now: datetime) -> None:
    tx.audit(
        AuditEntry(
            at=now,
            actor=ENGINE,
            action=AuditAction.ALERT_LATE,
            source=source,
            alertname=alert.labels.get(ALERTNAME, ""),
            detail={"fingerprint": alert.fingerprint, "opens": "when a poll or a second receipt confirms it"},
        )
    )


def _quarantine(tx: Tx, engine: Engine, delivery: Delivery, bad: BadAlert, now: datetime) -> None:
    kept = tx.add(
        Quarantined(
            source=delivery.source,
            received_at=now,
            delivery_id=delivery.id,
            alert_index=bad.index,
            reason=bad.reason,
            raw=engine.redactor.text(bad.raw),
        )
    )
    tx.audit(
        AuditEntry(
            at=now,
            actor=ENGINE,
            action=AuditAction.ALERT_QUARANTINED,
            source=delivery.source,
            detail={
                "delivery_id": delivery.id,
                "alert_index": bad.index,
                "reason": bad.reason,
                "quarantine_id": kept.id,
            },
        )
    )


def _note_delivery(tx: Tx, delivery: Delivery, accepted: Accepted, now: datetime) -> None:
    detail = {
        "delivery_id": delivery.id,
        "source": delivery.source,
        "origin": delivery.origin,
        "receiver": delivery.receiver,
        "alerts": delivery.alerts,
        "opened": accepted.opened,
        "repeated": accepted.repeated,
        "closed": accepted.closed,
        "late": accepted.late,
        "quarantined": accepted.quarantined,
        "truncated": delivery.truncated_alerts,
    }
    entry = AuditEntry(
        at=now, actor=ENGINE, action=AuditAction.DELIVERY_ACCEPTED, source=delivery.source, detail=detail
    )
    tx.audit(entry)
    if delivery.truncated_alerts:
        tx.audit(replace(entry, action=AuditAction.DELIVERY_TRUNCATED))
