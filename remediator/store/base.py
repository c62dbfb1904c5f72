"""What the engine needs of a store: small protocols, split by consumer.

One `write` is one transaction: a synchronous function of a `Tx`, run where the one writer is.
It must be quick and do no I/O of its own. What it raises rolls it back, alone, and reaches the
caller. A result is returned only once the commit is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from remediator.errors import RemediatorError
from remediator.runs.audit import AuditEntry, AuditRow
from remediator.runs.episodes import Admission, DecisionRecord, Delivery, Episode, Quarantined, Receipt
from remediator.runs.history import History
from remediator.runs.news import Channel, Escalation, Notice
from remediator.runs.policy_numbers import PolicyNumbers
from remediator.runs.reasons import Reason
from remediator.runs.records import (
    ApprovalRequest,
    Claim,
    Hold,
    Lease,
    PolicyVersion,
    Run,
    StepRecord,
    Timer,
    TimerKind,
    Vote,
)
from remediator.runs.schedules import Schedule
from remediator.runs.shadow import ShadowObservation
from remediator.runs.storms import Storm
from remediator.runs.waiting import MIDDLE

Record = (
    Delivery
    | Quarantined
    | Receipt
    | Episode
    | Admission
    | DecisionRecord
    | ShadowObservation
    | Run
    | StepRecord
    | Lease
    | ApprovalRequest
    | Vote
    | Hold
    | Schedule
    | Storm
    | Escalation
    | Notice
    | Channel
)
"""Records that have an id of their own."""

R = TypeVar("R", bound=Record)
T = TypeVar("T")


class StoreUnavailableError(RemediatorError):
    """The store can't commit now (locked, full, overloaded, closed); the same may succeed later."""


class StoreCorruptError(RemediatorError):
    """The database is damaged or of another version; a person has to look."""


class ConflictError(RemediatorError):
    """A record changed under the writer: a unique rule or an ownership check refused the write."""


class Order(StrEnum):
    """Direction of a list."""

    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a list shows. `equal` compares columns; `before_id` is the cursor (exclusive)."""

    equal: Mapping[str, Any] = field(default_factory=dict)
    one_of: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    search: str | None = None
    """Full text, audit only."""
    before_id: int | None = None
    limit: int = 50
    order: Order = Order.NEWEST


class Reads(Protocol):
    """Everything that can be asked, inside a transaction or outside."""

    def get(self, kind: type[R], record_id: int) -> R | None:
        """Return one record by id."""
        ...

    def select(self, kind: type[R], where: Filter) -> list[R]:
        """Return a page of records. The time filter uses the kind's main time column."""
        ...

    def open_episode(self, source: str, fingerprint: str) -> Episode | None:
        """Return the open episode of an identity."""
        ...

    def last_closed_episode(self, source: str, fingerprint: str) -> Episode | None:
        """Return the episode of an identity that closed last."""
        ...

    def open_episodes(
        self, source: str | None = None, *, not_seen_after: datetime | None = None
    ) -> list[Episode]:
        """Return all open episodes, oldest first; of a source, or those last seen by a time."""
        ...

    def last_late_receipt(self, source: str, fingerprint: str, since: datetime) -> Receipt | None:
        """Return the newest receipt handled as `late` for an identity, received at `since` or after."""
        ...

    def admission(self, episode_id: int, policy: str) -> Admission | None:
        """Return the admission of an (episode, policy) pair."""
        ...

    def admissions_of_episode(self, episode_id: int) -> list[Admission]:
        """Return all admissions of an episode."""
        ...

    def history(
        self,
        *,
        now: datetime,
        since: datetime,
        policy: str,
        shadow: bool,
        target: str | None = None,
        elsewhere_since: datetime | None = None,
        others_since: datetime | None = None,
    ) -> History:
        """Gather what a decision may look at. `starts` and `finishes` reach back to `since`, newest first.

        Those on other targets reach back to `elsewhere_since` only, and those of other policies to
        `others_since`, where these are given and later.
        `starts` come from runs with a `started_at` (remediations only), or in shadow from the
        shadow ledger; `leases` are open or overdue; `holds` are neither removed nor expired at `now`;
        `waiting` are open admissions whose last reason is target_busy, on `target` where it is given;
        `openings` and `ends` are those of `policy` on `target`, and none without a target.
        """
        ...

    def live_run(self, policy: str, target: str) -> Run | None:
        """Return the remediation run of (policy, target) that is not terminal, if any."""
        ...

    def leased_run(self, policy: str, target: str) -> Run | None:
        """Return the newest run of (policy, target) whose lease is open or overdue, if any."""
        ...

    def runs_serving(self, episode_id: int) -> list[Run]:
        """Return the runs that an episode started or joined."""
        ...

    def episodes_of_run(self, run_id: int) -> list[Episode]:
        """Return the episodes that a run serves."""
        ...

    def runs_under_way(self) -> int:
        """Return how many runs hold their locks: running, verifying or reverting."""
        ...

    def child_runs(self, run_id: int) -> list[Run]:
        """Return the revert runs of a run, oldest first."""
        ...

    def steps_of_run(self, run_id: int) -> list[StepRecord]:
        """Return a run's steps in the order they were started."""
        ...

    def leases_of_run(self, run_id: int) -> list[Lease]:
        """Return the leases that a run opened, oldest first."""
        ...

    def open_lease(self, resource: str, attribute: str) -> Lease | None:
        """Return the open or overdue lease on an attribute."""
        ...

    def approval_of_run(self, run_id: int) -> ApprovalRequest | None:
        """Return a run's newest approval request."""
        ...

    def votes(self, approval_id: int) -> list[Vote]:
        """Return the votes on a request, oldest first."""
        ...

    def active_holds(self, now: datetime) -> list[Hold]:
        """Return holds neither removed nor expired."""
        ...

    def storm(self) -> Storm | None:
        """Return the storm of alerts that is going on, if one is."""
        ...

    def opened_since(self, since: datetime, most: int) -> int:
        """Return how many episodes were opened after a time, counted up to `most`."""
        ...

    def claims(self) -> list[Claim]:
        """Return all locks held."""
        ...

    def due_timers(self, now: datetime, limit: int) -> list[Timer]:
        """Return due timers, lower priority number first, then the more severe, then older."""
        ...

    def longest_due(self, now: datetime, limit: int) -> list[Timer]:
        """Return due timers, whatever their priority, those that are due for longest first."""
        ...

    def ahead_of(self, waiting: Admission, most: int) -> int:
        """Return how many are before an admission in the line for its reason, counted up to `most`."""
        ...

    def next_due_at(self) -> datetime | None:
        """Return when the earliest timer is due."""
        ...

    def timers(self, kind: TimerKind) -> int:
        """Return how many timers of a kind are set."""
        ...

    def audit_rows(self, where: Filter) -> list[AuditRow]:
        """Return a page of the audit log; filters: actor action policy target run_id episode_id alertname."""
        ...

    def audit_head(self) -> AuditRow | None:
        """Return the newest audit row."""
        ...

    def policy_numbers(self, policy: str, first: date, last: date) -> PolicyNumbers:
        """Return a policy's numbers of the days `first` to `last` (UTC), both included."""
        ...

    def schedule_of(self, policy: str) -> Schedule | None:
        """Return where a policy's schedule stands."""
        ...

    def schedules(self) -> list[Schedule]:
        """Return all schedules, those of policies that are gone among them."""
        ...

    def policy_version(self, content_hash: str) -> PolicyVersion | None:
        """Return a policy's document by hash."""
        ...

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Return what gauges show: `runs_in_state`, `leases_open` by policy, `audit` head and archived."""
        ...


class Tx(Reads, Protocol):
    """One transaction."""

    @property
    def audited(self) -> Sequence[AuditRow]:
        """The audit rows appended in it so far; a live view."""
        ...

    def add(self, record: R) -> R:
        """Insert a record and return it with its id.

        Raises:
            ConflictError: when a unique rule refuses it.
        """
        ...

    def append(self, records: Sequence[Any]) -> None:
        """Insert records of one kind whose ids nobody needs."""
        ...

    def save(self, record: R, *fields: str) -> R:
        """Overwrite a record by its id; only these fields of it, where any are named."""
        ...

    def save_owned(self, run: Run) -> Run:
        """Overwrite a run whose stored epoch is `run.epoch`.

        Raises:
            ConflictError: when somebody else owns it by now.
        """
        ...

    def join(self, run_id: int, episode_id: int, at: datetime) -> bool:
        """Link an episode to a run; False when it was already."""
        ...

    def claim(self, resources: Sequence[str], run_id: int, at: datetime) -> None:
        """Take locks for a run, all or none; what the run already holds is kept.

        Raises:
            ConflictError: naming the first resource held by another run.
        """
        ...

    def release(self, run_id: int) -> int:
        """Give all of a run's locks back; returns how many."""
        ...

    def shadow_start(self, policy: str, target: str, episode_id: int | None, at: datetime) -> None:
        """Note in shadow's ledger that a run would have started."""
        ...

    def close_failure_breaker(self, policy: str, actor: str, at: datetime) -> None:
        """Note that a person closed a policy's failure breaker."""
        ...

    def set_timer(
        self,
        kind: TimerKind,
        subject_id: int,
        due_at: datetime,
        priority: int = 100,
        severity: int = MIDDLE,
    ) -> None:
        """Set or move a timer; of several that are due, lower numbers go first."""
        ...

    def clear_timer(self, kind: TimerKind, subject_id: int, due_by: datetime | None = None) -> None:
        """Remove a timer, if there; with `due_by` only if it was not set to a later time meanwhile."""
        ...

    def wake_waiting(self, at: datetime, target: str | None = None) -> int:
        """Make due at `at` the first of each line of those who wait; returns how many were put forward.

        A line is of admissions blocked for one reason (a lock, a lease, a cap) under one policy, for a
        global cap of all; or of runs that wait. Whoever is woken and lets the next one pass says so with
        `wake_after`. With `target`, whoever waits first for its lock is woken too.
        """
        ...

    def wake_all(self, reason: Reason, at: datetime) -> int:
        """Make due at `at` all admissions blocked for one reason, and all runs that wait."""
        ...

    def wake_after(self, left: Admission | Run, at: datetime) -> bool:
        """Make due at `at` the next in the line that `left`, as it was before, stood in; False: nobody."""
        ...

    def wake_line(self, left: Admission, at: datetime) -> bool:
        """Make due at `at` the first of the line that `left`, which waits no longer, stood in."""
        ...

    def keep_policy(self, version: PolicyVersion) -> None:
        """Keep a policy's document, once per hash."""
        ...

    def audit(self, entry: AuditEntry) -> AuditRow:
        """Append to the audit log, chained to the row before."""
        ...


class Store(Protocol):
    """A store that is open."""

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in a transaction and return its result once it is durable.

        Raises:
            StoreUnavailableError: when it could succeed later.
        """
        ...

    async def read(self, work: Callable[[Reads], T]) -> T:
        """Run `work` on a consistent snapshot that sees all that was committed before."""
        ...

    def on_commit(self, listener: Callable[[Sequence[AuditRow]], None]) -> None:
        """Call `listener` on the event loop with the audit rows of each commit, after it."""
        ...

    async def close(self) -> None:
        """Finish what is queued and close."""
        ...
