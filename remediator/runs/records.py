"""The records that the store keeps: one frozen dataclass a table, one field a column.

`id` is 0 until the store has given one. Times are aware UTC. Fields that are not plain
(str, int, float, bool, datetime, enum) are stored as JSON text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from remediator.runs.plan import Plan
from remediator.runs.reasons import CloseReason, Outcome, Reason
from remediator.runs.states import LeaseState, RunKind, RunState, StepPhase, StepState

Json = Any
"""A JSON value."""


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
    verdicts: Json
    facts: Json
    option: str | None
    plan_hash: str | None
    run_id: int | None
    next_look_at: datetime | None


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
    revert_trigger: str | None = None  # on a revert run: resolved | expiry | failed_verification | manual


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """Something that is due at a time. Rows, so that a restart forgets nothing."""

    kind: TimerKind
    subject_id: int
    due_at: datetime
    priority: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """A policy's document as it once served, by its hash."""

    hash: str
    name: str
    file: str
    document: Json
    first_seen_at: datetime
