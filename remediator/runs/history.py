"""What guards see of the past and of what else is going on: plain values, gathered from the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from remediator.runs.records import Claim, Hold, Lease
from remediator.runs.states import RunState


@dataclass(frozen=True, slots=True)
class Start:
    """A run that started (in shadow: would have)."""

    at: datetime
    policy: str
    target: str
    run_id: int


@dataclass(frozen=True, slots=True)
class Finish:
    """A remediation run that ended, and how."""

    at: datetime
    policy: str
    target: str
    run_id: int
    state: RunState
    relapsed: bool = False
    """Succeeded, but the alert came back within the verification's `watch`."""


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run that holds its locks: running or verifying, or a revert under way."""

    run_id: int
    policy: str
    target: str
    state: RunState


@dataclass(frozen=True, slots=True)
class Leased:
    """A run whose temporary change stands."""

    run_id: int
    policy: str
    target: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open admission that is blocked only because something it needs is locked."""

    admission_id: int
    policy: str
    target: str
    priority: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything stateful that a decision about one policy and target may look at.

    `starts` and `finishes` reach back as far as the policy's longest window, over all
    policies (for the global caps), newest first. In shadow, `starts` is shadow's own ledger.
    `openings` and `ends` are of this policy on this target only: when its alerts began to fire,
    and when its runs ended that had started, reverts among them.
    """

    starts: tuple[Start, ...] = ()
    finishes: tuple[Finish, ...] = ()
    breaker_closed_at: datetime | None = None
    live: tuple[LiveRun, ...] = ()
    claims: tuple[Claim, ...] = ()
    leases: tuple[Lease, ...] = ()
    holds: tuple[Hold, ...] = ()
    storm_since: datetime | None = None
    leased: tuple[Leased, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    openings: tuple[datetime, ...] = ()
    ends: tuple[datetime, ...] = ()
