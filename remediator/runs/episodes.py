"""Records of what came in and what was decided of it: deliveries, receipts, episodes, decisions.

One frozen dataclass a table, one field a column; see `records` for what runs keep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from remediator.runs.reasons import CloseReason, Outcome, Reason
from remediator.runs.waiting import MIDDLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One POST from Alertmanager (or one poll that found something), committed."""

    id: int = 0
    source: str
    received_at: datetime
    origin: str  # webhook | poll
    receiver: str
    group_key: str
    truncated_alerts: int
    alerts: int
    quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """Something that could not be read: a body (`alert_index` None) or one alert of it."""

    id: int = 0
    source: str
    received_at: datetime
    delivery_id: int | None
    alert_index: int | None
    reason: str
    raw: str


class Handling(StrEnum):
    """What a receipt did to its episode."""

    OPENED = "opened"
    REPEATED = "repeated"
    CLOSED = "closed"
    LATE = "late"
    NOT_OPEN = "not_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One alert of one delivery."""

    id: int = 0
    delivery_id: int
    episode_id: int | None
    source: str
    fingerprint: str
    status: str
    alertname: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None
    generator_url: str
    received_at: datetime
    handling: Handling


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One alert from firing to resolved; at most one open per source and fingerprint."""

    id: int = 0
    source: str
    fingerprint: str
    alertname: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    generator_url: str
    starts_at: datetime
    opened_at: datetime
    last_seen_at: datetime
    closed_at: datetime | None = None
    ended_at: datetime | None = None
    """When the alert ended by its sender's clock."""
    close_reason: CloseReason | None = None
    missed_polls: int = 0
    suppressed: bool = False
    """Silenced or inhibited at the last poll."""
    acknowledged_until: datetime | None = None
    acknowledged_by: str | None = None

    @property
    def open(self) -> bool:
        """Whether the alert still fires, as far as is known."""
        return self.closed_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """One policy that matched one episode, and what was last decided of the two."""

    id: int = 0
    episode_id: int
    policy: str
    policy_hash: str
    priority: int
    target: str
    created_at: datetime
    outcome: Outcome
    reason: Reason | None
    run_id: int | None = None
    runs: int = 0
    """Runs started for this episode, of the first one and of `again`."""
    held_since: Mapping[str, datetime] = field(default_factory=dict)
    """Per guard: since when its `hold` has been met without a break."""
    looked_at: datetime | None = None
    """When the guards were last looked at."""
    done: bool = False
    """Nothing more will be decided."""
    severity: int = MIDDLE
    """How severe the alert says it is; lower is worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """One decision, written when the outcome or the reason changes."""

    id: int = 0
    at: datetime
    phase: str  # admission | entry | acting | manual
    episode_id: int | None
    policy: str | None
    policy_hash: str | None
    target: str | None
    outcome: Outcome
    reason: Reason | None
    detail: str
    verdicts: Any
    facts: Any
    option: str | None
    plan_hash: str | None
    run_id: int | None
    next_look_at: datetime | None
