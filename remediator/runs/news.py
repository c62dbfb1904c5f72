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
