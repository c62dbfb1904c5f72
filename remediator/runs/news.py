"""Records of telling people: what of an episode has been escalated, and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

Json = Any


class EscalationCause(StrEnum):
    """Why somebody is told now."""

    AFTER = "after"
    WHEN = "when"
    PROMQL = "promql"
    NEEDS_HUMAN = "needs_human"
    NO_OPTION_APPLIES = "no_option_applies"
    EXPIRED = "expired"
    REVERT_FAILED = "revert_failed"
    LEASE_ENDING = "lease_ending"
    LEASE_OVERDUE = "lease_overdue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Where the escalation of one admission stands: its clocks start when the episode opens."""

    id: int = 0
    admission_id: int
    episode_id: int
    policy: str
    target: str
    rungs: Json
    """The policy's `escalate` as it was when the episode opened: a reload does not change it."""
    opened_at: datetime
    told: Mapping[str, datetime] = field(default_factory=dict)
    """By the rung's place in `rungs`: when it was told (in shadow: would have been)."""
    held_since: Mapping[str, datetime] = field(default_factory=dict)
    """By the rung's place: since when its query has held without a break."""
    looked_at: datetime | None = None
    ended_at: datetime | None = None


class NewsKind(StrEnum):
    """What is told of."""

    STARTED = "started"
    AWAITING_APPROVAL = "awaiting_approval"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REVERTED = "reverted"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    RELAPSED = "relapsed"
    DEGRADED = "degraded"
    RESTORED = "restored"
    UPDATE = "update"
    NEEDS_HUMAN = "needs_human"
    EXPIRED = "expired"
    REVERT_FAILED = "revert_failed"
    LEASE_ENDING = "lease_ending"
    MESSAGE = "message"
    SUMMARY = "summary"


class Audience(StrEnum):
    """How news is put: for those who run it, or for those who use it."""

    INTERNAL = "internal"
    STAKEHOLDERS = "stakeholders"


class Language(StrEnum):
    """In which language news is put."""

    EN = "en"
    ES = "es"


class NoticeState(StrEnum):
    """Whether a notice has arrived."""

    PENDING = "pending"
    SENT = "sent"
    SUMMARISED = "summarised"
    """It goes, or went, as a part of a summary."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One piece of news for one channel, queued in the transaction of what it tells."""

    id: int = 0
    key: str | None = None
    """A key is queued once, however often it is asked for."""
    channel: str
    contact: str | None = None
    kind: NewsKind
    audience: Audience = Audience.INTERNAL
    language: Language = Language.EN
    policy: str | None = None
    target: str | None = None
    episode_id: int | None = None
    run_id: int | None = None
    content: Json
    """What it tells, as it was then; put into words when it is sent."""
    state: NoticeState = NoticeState.PENDING
    created_at: datetime
    attempts: int = 0
    delivered: tuple[str, ...] = ()
    """References of the channel's URLs that took it: the others are tried again without them."""
    finished_at: datetime | None = None
    title: str = ""
    body: str = ""
    error: str = ""
    """What the last failed attempt said, without anything secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """How one channel has fared."""

    id: int = 0
    name: str
    failures: int = 0
    """Failed attempts in a row."""
    failing_since: datetime | None = None
    retry_at: datetime | None = None
    last_error: str = ""
    last_sent_at: datetime | None = None
    last_tried_at: datetime
