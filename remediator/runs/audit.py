"""The audit log's rows and the chain that binds them: pure functions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from remediator.plain_text import whole

GENESIS_HASH = "0" * 64


class AuditAction(StrEnum):
    """What happened. Machine-readable, one log line each."""

    DELIVERY_ACCEPTED = "delivery.accepted"
    DELIVERY_TRUNCATED = "delivery.truncated"
    DELIVERY_REFUSED = "delivery.refused"
    ALERT_QUARANTINED = "alert.quarantined"
    EPISODE_OPENED = "episode.opened"
    EPISODE_CLOSED = "episode.closed"
    EPISODE_ACKNOWLEDGED = "episode.acknowledged"
    ALERT_LATE = "alert.late"
    DECISION = "decision.recorded"
    SHADOW_WATCHED = "shadow.watched"
    SHADOW_VERIFIED = "shadow.verified"
    SHADOW_RESOLVED = "shadow.resolved"
    RUN_CREATED = "run.created"
    RUN_JOINED = "run.joined"
    RUN_STATE = "run.state_changed"
    RUN_STOP = "run.stop_requested"
    RUN_RESUMED = "run.resumed"
    RUN_RELAPSED = "run.relapsed"
    STEP_INTENT = "step.intent"
    STEP_RESULT = "step.result"
    STEP_AMBIGUOUS = "step.ambiguous"
    VERIFICATION = "verification.result"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_VOTED = "approval.voted"
    APPROVAL_GRANTED = "approval.granted"
    APPROVAL_DENIED = "approval.denied"
    APPROVAL_EXPIRED = "approval.expired"
    APPROVAL_CANCELLED = "approval.cancelled"
    LEASE_OPENED = "lease.opened"
    LEASE_RENEWED = "lease.renewed"
    LEASE_CLOSED = "lease.closed"
    LEASE_ENDING = "lease.ending"
    ESCALATION_TOLD = "escalation.told"
    ESCALATION_WOULD_TELL = "escalation.would_tell"
    ESCALATION_ENDED = "escalation.ended"
    NOTICE_QUEUED = "notice.queued"
    NOTICE_SENT = "notice.sent"
    NOTICE_SUMMARISED = "notice.summarised"
    NOTICE_DELAYED = "notice.delayed"
    NOTICE_FAILED = "notice.failed"
    REPORT_WRITTEN = "report.written"
    REPORT_FAILED = "report.failed"
    HOLD_ADDED = "hold.added"
    HOLD_REMOVED = "hold.removed"
    HOLD_EXPIRED = "hold.expired"
    STORM_BEGAN = "storm.began"
    STORM_ENDED = "storm.ended"
    BREAKER_CLOSED = "failure_breaker.closed"
    SCHEDULE_NOTHING_TO_DO = "schedule.nothing_to_do"
    SCHEDULE_MISSED = "schedule.missed"
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    SESSION_ENDED = "session.ended"
    TOKENS_CHANGED = "tokens.changed"
    POLICIES_LOADED = "policies.loaded"
    POLICIES_REFUSED = "policies.refused"
    SERVER_STARTED = "server.started"
    SERVER_STOPPED = "server.stopped"
    MODE_CHANGED = "server.mode_changed"
    CLOCK_SET = "server.clock_set"
    DATABASE_RESTORED = "database.restored"
    RECORDS_PRUNED = "records.pruned"
    AUDIT_PRUNED = "audit.pruned"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What is to be written down. `detail` is JSON, already redacted."""

    at: datetime
    actor: str
    action: AuditAction
    source: str | None = None
    alertname: str | None = None
    policy: str | None = None
    target: str | None = None
    episode_id: int | None = None
    run_id: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)


class AuditRow(NamedTuple):
    """A row as stored: `at` and `detail` as the very text that was hashed."""

    sequence: int
    at: str
    actor: str
    action: str
    source: str | None
    alertname: str | None
    policy: str | None
    target: str | None
    episode_id: int | None
    run_id: int | None
    detail: str
    previous_hash: str
    hash: str


def chain(entry: AuditEntry, sequence: int, previous_hash: str) -> AuditRow:
    """Turn an entry into the row that follows `previous_hash`."""
    told = (
        sequence,
        _moment(entry.at),
        whole(entry.actor),
        str(entry.action),
        _whole(entry.source),
        _whole(entry.alertname),
        _whole(entry.policy),
        _whole(entry.target),
        entry.episode_id,
        entry.run_id,
        _detail(entry.detail),
        previous_hash,
    )
    return AuditRow(*told, hash=_digest(told))


# What happened together has the same time.
@lru_cache(maxsize=64)
def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _detail(detail: dict[str, Any]) -> str:
    # Not escaped to ASCII: people read and search it in their own language.
    try:
        return orjson.dumps(detail, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # half a surrogate pair, or a number beyond 64 bits
        return whole(json.dumps(detail, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def _whole(text: str | None) -> str | None:
    return None if text is None else whole(text)


def row_hash(row: AuditRow) -> str:
    """Return the hash that a row's own contents should have."""
    return _digest(row[:-1])


def _digest(fields: tuple[Any, ...]) -> str:
    # JSON keeps fields apart: no two different rows give the same text.
    return hashlib.sha256(orjson.dumps(fields)).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainFault:
    """The first place where the chain does not hold."""

    sequence: int
    what: str


def first_fault(
    rows: Iterable[AuditRow], *, after_sequence: int = 0, after_hash: str = GENESIS_HASH
) -> ChainFault | None:
    """Walk rows in order and name the first that was altered or is missing, if any."""
    sequence, previous = after_sequence, after_hash
    for row in rows:
        if row.sequence != sequence + 1:
            return ChainFault(
                sequence + 1, f"row {sequence + 1} was removed (the next one is {row.sequence})"
            )
        if row_hash(row) != row.hash:
            return ChainFault(
                row.sequence, f"row {row.sequence} was altered: its contents do not give its hash"
            )
        if row.previous_hash != previous:
            return ChainFault(
                row.sequence,
                f"row {row.sequence} does not follow row {sequence}: one was replaced",
            )
        sequence, previous = row.sequence, row.hash
    return None
