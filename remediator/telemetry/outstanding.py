"""What waits or lags right now, read when somebody asks for metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from remediator.engine.leases import STANDING
from remediator.runs.records import ApprovalState, Lease, Run
from remediator.runs.states import TERMINAL, RunState
from remediator.store.base import Filter, Order, Reads

# The oldest tell: whatever is stuck is among them.
_MOST_RUNS = 200
_MOST_LEASES = 500

UNDER_WAY = tuple(state for state in RunState if state not in TERMINAL)
"""The states of runs that have not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outstanding:
    """What waits or lags."""

    quiet: Mapping[RunState, timedelta]
    """By state, of the runs in it: the longest time since anything was written down about one."""
    approval_expires_in: Mapping[str, timedelta]
    """By policy with a request for approval pending: until the next one expires."""
    leases_overdue: Mapping[str, int]
    """By policy: leases past their time that were not given back."""
    storm: bool
    """Whether a storm of alerts is going on."""


def outstanding(reads: Reads, now: datetime) -> Outstanding:
    """Look at runs that have not ended, what they ask for, and at leases."""
    runs = [run for state in UNDER_WAY for run in _oldest(reads, state)]
    quiet = dict.fromkeys(UNDER_WAY, timedelta(0))
    expires_in: dict[str, timedelta] = {}
    for run in runs:
        quiet[run.state] = max(quiet[run.state], now - _last_heard_of(reads, run))
        if run.state is RunState.AWAITING_APPROVAL:
            request = reads.approval_of_run(run.id)
            if request is not None and request.state is ApprovalState.PENDING:
                left = request.expires_at - now
                expires_in[run.policy] = min(left, expires_in.get(run.policy, left))
    return Outstanding(
        quiet=quiet,
        approval_expires_in=expires_in,
        leases_overdue=_overdue(reads, now),
        storm=reads.storm() is not None,
    )


def _oldest(reads: Reads, state: RunState) -> list[Run]:
    return reads.select(Run, Filter(equal={"state": state}, order=Order.OLDEST, limit=_MOST_RUNS))


def _last_heard_of(reads: Reads, run: Run) -> datetime:
    rows = reads.audit_rows(Filter(equal={"run_id": run.id}, limit=1))
    return datetime.fromisoformat(rows[0].at) if rows else run.created_at


def _overdue(reads: Reads, now: datetime) -> Mapping[str, int]:
    where = Filter(one_of={"state": STANDING}, order=Order.OLDEST, limit=_MOST_LEASES)
    return Counter(lease.policy for lease in reads.select(Lease, where) if lease.expires_at < now)
