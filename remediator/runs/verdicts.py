"""What a guard says, and what a whole decision says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from remediator.policy.model import Approval
from remediator.runs.plan import Plan
from remediator.runs.reasons import Outcome, Reason


class VerdictKind(StrEnum):
    """What one guard says."""

    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"
    """Allow, once people agree."""
    PENDING = "pending"
    """Not evaluated at this look: it needs a live answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One guard's verdict, with what it looked at.

    `until` is the time from which it may say otherwise, if it knows one. `met` says, for
    guards with a `hold`, whether the condition itself is met now. Inputs are JSON.
    """

    guard: str
    key: str
    kind: VerdictKind
    reason: Reason | None = None
    detail: str = ""
    until: datetime | None = None
    met: bool | None = None
    approval: Approval | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """An approval that a plan needs before it starts, and who asks for it: `policy` or `option`."""

    level: str
    approval: Approval


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The outcome for one policy and one episode at one moment."""

    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    target: str = ""
    verdicts: tuple[Verdict, ...] = ()
    option: str | None = None
    plan: Plan | None = None
    asks: tuple[Ask, ...] = ()
    join_run_id: int | None = None
    next_look_at: datetime | None = None
    held_since: Mapping[str, datetime] = field(default_factory=dict)
    needs_facts: bool = False
    """Guards allow; come back with facts."""
