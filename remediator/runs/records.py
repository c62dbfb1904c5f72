"""Records of runs and what belongs to them: one frozen dataclass a table, one field a column.

`id` is 0 until the store has given one. Times are aware UTC. Fields that are not plain
(str, int, float, bool, datetime, enum) are stored as JSON text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from remediator.runs.plan import Plan
from remediator.runs.reasons import Reason
from remediator.runs.states import LeaseState, RunKind, RunState, StepPhase, StepState
from remediator.runs.waiting import MIDDLE

Json = Any
"""A JSON value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a policy on a target, or the revert of one."""

    id: int = 0
    kind: RunKind = RunKind.REMEDIATION
    state: RunState = RunState.PLANNED
    reason: Reason | None = None
    detail: str = ""
    policy: str
    policy_hash: str
    target: str
    resources: tuple[str, ...]
    """What it locks besides the target: every entry that its options can touch."""
    priority: int = 100
    episode_id: int | None = None
    admission_id: int | None = None
    parent_run_id: int | None = None
    actor: str = "remediator"
    """Who or what started it."""
    option: str | None = None
    plan: Plan | None = None
    plan_hash: str | None = None
    facts: Json = None
    context: Json = None
    """labels, annotations and episode, as they were when decided: what templates see."""
    document: Json = None
    """The policy as decided with: a reload never changes a run in flight."""
    tried: tuple[str, ...] = ()
    """Options already tried, in order."""
    option_result: Reason | None = None
    """How the current option ended, once that is known: step_failed, verification_failed, cancelled …"""
    epoch: int = 0
    """Ownership: a worker that takes the run over raises it; a write with an old one is refused."""
    stop: Reason | None = None
    """Set by cancel or hold: no new step starts."""
    stop_actor: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    acted_at: datetime | None = None
    """When the last step of the current option ended: verification looks at later samples only."""
    verify_until: datetime | None = None
    verified_since: datetime | None = None
    finished_at: datetime | None = None
    relapsed_at: datetime | None = None
    """When the same alert came back within the verification's `watch`."""
    lease: LeaseState | None = None
    revert_trigger: str | None = None
    """On a revert run: resolved | expiry | failed_verification | manual | run_ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEpisode:
    """An episode that a run serves: the one that started it, and those that joined."""

    run_id: int
    episode_id: int
    joined_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One attempt-carrying step of a run. Committed as `intent` before the effect."""

    id: int = 0
    run_id: int
    option: str
    phase: StepPhase
    position: int
    """Place among the option's (or the revert's) steps, from 0."""
    action: str
    params: Json
    state: StepState
    attempt: int
    epoch: int
    started_at: datetime
    finished_at: datetime | None = None
    outcome: Json = None
    captured: Json = None
    """Attribute: value before the step, for reversible actions."""
    applied: Json = None
    """Attribute: value that the step left, to compare with before undoing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A lock that a live run holds on its target or on a resource."""

    resource: str
    run_id: int
    claimed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A temporary change of one attribute of one resource. Keeps the first original."""

    id: int = 0
    resource: str
    attribute: str
    policy: str
    run_id: int
    option: str
    position: int
    """The step that made the change."""
    action: str
    params: Json
    original: Json
    applied: Json
    ends_with_run: bool = False
    """It belongs to the run and is undone at its end; otherwise it is part of the option."""
    state: LeaseState
    opened_at: datetime
    expires_at: datetime
    renewed_at: datetime | None = None
    ready_since: datetime | None = None
    """Since when the revert's `when` has held."""
    warned_at: datetime | None = None
    closed_at: datetime | None = None


class ApprovalState(StrEnum):
    """Where a request for approval is."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """A plan put before people. Decided by compare-and-swap on pending, hash and expiry."""

    id: int = 0
    run_id: int
    plan_hash: str
    option: str
    level: str
    """Who asks: the `policy` before its first step, or the `option` before its own."""
    state: ApprovalState
    from_: tuple[str, ...]
    count: int
    self_approval: str
    requested_at: datetime
    expires_at: datetime
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One person's verdict on one request; each person once."""

    id: int = 0
    approval_id: int
    actor: str
    verdict: str  # approved | denied
    comment: str
    at: datetime


class HoldScope(StrEnum):
    """What a hold pauses."""

    ALL = "all"
    POLICY = "policy"
    TARGET = "target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A scoped, reasoned, expiring pause of automation."""

    id: int = 0
    scope: HoldScope
    value: str
    """The policy's name or the target; empty for `all`."""
    reason: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    removed_at: datetime | None = None
    removed_by: str | None = None


class TimerKind(StrEnum):
    """What is due."""

    DECIDE = "decide"  # subject: an admission
    DRIVE = "drive"  # subject: a run
    APPROVAL_EXPIRY = "approval_expiry"  # subject: an approval request
    LEASE = "lease"  # subject: the run that holds the leases
    HOLD_EXPIRY = "hold_expiry"  # subject: a hold
    SHADOW = "shadow"  # subject: a shadow observation
    SCHEDULE = "schedule"  # subject: a schedule
    ESCALATION = "escalation"  # subject: an escalation
    NOTICES = "notices"  # subject: a channel
    NEWS_UPDATE = "news_update"  # subject: the run that is told of
    REPORT = "report"  # subject: the run that is reported on
    STORM = "storm"  # subject: a storm of alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """Something that is due at a time. Rows, so that a restart forgets nothing."""

    kind: TimerKind
    subject_id: int
    due_at: datetime
    priority: int = 100
    severity: int = MIDDLE


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """A policy's document as it once served, by its hash."""

    hash: str
    name: str
    file: str
    document: Json
    first_seen_at: datetime
