"""What the end of a run asks for: leases watched, the episode's next run, temporary changes undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.engine.turns import decide_at
from remediator.policy.model import Again, Policy, RevertOn
from remediator.runs.episodes import Admission, Episode
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.records import Lease, Run, TimerKind
from remediator.runs.states import RUN_ENDED, LeaseState, RunState
from remediator.store.base import Reads, Tx

_STANDING = (LeaseState.OPEN, LeaseState.OVERDUE)
# Long enough for a person to look, short enough that it is still true at the end.
_WARNING = timedelta(minutes=15)
_COUNTED = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.INEFFECTIVE})


def watch_leases(tx: Tx, run: Run, now: datetime) -> Run:
    """Set the timer that undoes the run's temporary changes, if it left any."""
    leases = tx.leases_of_run(run.id)
    ending = ended_with_run(leases)
    if ending:
        tx.set_timer(TimerKind.LEASE, run.id, now, run.priority)
    standing = [lease for lease in leases if lease.state in _STANDING and not lease.ends_with_run]
    if not standing:
        return run
    if undoing_failed(tx, run.id):
        return tx.save(replace(run, lease=LeaseState.OVERDUE))
    due_at = next_lease_look(run, standing)
    if served_all_closed(tx, run.id) and reverts_on(run, RevertOn.RESOLVED):
        due_at = now
    if not ending:  # else the rest is looked at when those are undone
        tx.set_timer(TimerKind.LEASE, run.id, due_at, run.priority)
    return tx.save(replace(run, lease=LeaseState.OPEN))


def ended_with_run(leases: Sequence[Lease]) -> list[Lease]:
    """Return those of an ended run's leases that belong to the run and were not tried to undo yet."""
    return [lease for lease in leases if lease.ends_with_run and lease.state is LeaseState.OPEN]


def next_lease_look(run: Run, standing: Sequence[Lease]) -> datetime:
    """Return when a lease has to be looked at: at its end, or before it to warn that it may not be undone."""
    expires_at = min(lease.expires_at for lease in standing)
    warn_at = lease_warning_at(run, standing)
    return expires_at if warn_at is None else warn_at


def lease_warning_at(run: Run, standing: Sequence[Lease]) -> datetime | None:
    """Return when people are to be told that a lease ends soon; None when they were, or need not be."""
    revert = run.plan.revert if run.plan else None
    if revert is None or revert.when is None or revert.if_not_ready != "ask":
        return None
    if RevertOn.EXPIRY not in revert.on or any(lease.warned_at is not None for lease in standing):
        return None
    first = min(standing, key=lambda lease: lease.expires_at)
    length = first.expires_at - (first.renewed_at or first.opened_at)
    return first.expires_at - min(_WARNING, length / 2)


def undoing_failed(reads: Reads, run_id: int) -> bool:
    """Tell whether undoing a run's changes failed last: from then on they are a person's matter."""
    children = [child for child in reads.child_runs(run_id) if child.revert_trigger != RUN_ENDED]
    return bool(children) and children[-1].state is RunState.REVERT_FAILED


def follow_up(tx: Tx, run: Run, now: datetime) -> None:
    """Let the same episode be decided again: after a changed plan at once, by `again` later."""
    admission = tx.get(Admission, run.admission_id) if run.admission_id is not None else None
    episode = tx.get(Episode, admission.episode_id) if admission is not None else None
    if admission is None or episode is None or not episode.open:
        return
    if run.reason is Reason.PLAN_CHANGED:
        _reopen(tx, replace(admission, runs=admission.runs - 1), now)
        return
    again = _again(run)
    if again is not None and run.state in _COUNTED and admission.runs <= again.max:
        _reopen(tx, admission, now + again.after)


def look_at_schedule(tx: Tx, policy: str, now: datetime) -> None:
    """Let the schedule of a policy, if it has one, notice that something that it started has moved on."""
    schedule = tx.schedule_of(policy)
    if schedule is not None:
        tx.set_timer(TimerKind.SCHEDULE, schedule.id, now)


def _reopen(tx: Tx, admission: Admission, due_at: datetime) -> None:
    tx.save(replace(admission, done=False, outcome=Outcome.PLANNED, reason=None))
    decide_at(tx, admission, due_at)


def _again(run: Run) -> Again | None:
    return Policy.model_validate(run.document).again


def reverts_on(run: Run, trigger: RevertOn) -> bool:
    """Tell whether the run's temporary option is undone on `trigger`."""
    revert = run.plan.revert if run.plan else None
    return revert is not None and trigger in revert.on


def served_all_closed(reads: Reads, run_id: int) -> bool:
    """Tell whether every episode that a run serves is closed; a run by hand serves none."""
    episodes = reads.episodes_of_run(run_id)
    return bool(episodes) and not any(episode.open for episode in episodes)
