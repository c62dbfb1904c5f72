"""The machine's clock was set: what was to happen in so long still happens in so long, and not an hour late.

Setting it forward needs nothing: what is due by the new time is due. After setting it back all that was
written before lies ahead. What is counted from the past (cooldowns, rates, breakers) lasts longer by that,
which is the safe side; what waits for its time is moved back with the clock.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from remediator.engine.actors import ENGINE
from remediator.engine.leases import STANDING
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.runs.episodes import Episode
from remediator.runs.news import Escalation
from remediator.runs.records import ApprovalRequest, ApprovalState, Lease
from remediator.store.base import Filter, Tx

LEAST_STEP = timedelta(seconds=5)
"""Less than this is the steering of a time service, or a slow machine."""
_EVER = datetime.max.replace(tzinfo=UTC)
_ALL = 1_000_000


def note_step(tx: Tx, step: timedelta, now: datetime) -> None:
    """Write down that the clock was set by `step`; set back, move with it what waits for its time."""
    detail = {"seconds": round(step.total_seconds(), 3)}
    tx.audit(AuditEntry(at=now, actor=ENGINE, action=AuditAction.CLOCK_SET, detail=detail))
    if step < timedelta(0):
        _move(tx, step)


def note_step_while_down(tx: Tx, now: datetime) -> None:
    """Notice, at the start, that the log ends later than it is: the clock was set back by at least that."""
    head = tx.audit_head()
    step = now - datetime.fromisoformat(head.at) if head is not None else timedelta(0)
    if step <= -LEAST_STEP:
        note_step(tx, step, now)


def _move(tx: Tx, step: timedelta) -> None:
    # Whoever handles a timer looks whether it is time, and sets it anew where it is not: too early is safe.
    for timer in tx.due_timers(_EVER, _ALL):
        tx.set_timer(timer.kind, timer.subject_id, timer.due_at + step, timer.priority, timer.severity)
    standing = {"state": [str(state) for state in STANDING]}
    for lease in tx.select(Lease, Filter(one_of=standing, limit=_ALL)):
        tx.save(replace(lease, expires_at=lease.expires_at + step))
    pending = {"state": str(ApprovalState.PENDING)}
    for request in tx.select(ApprovalRequest, Filter(equal=pending, limit=_ALL)):
        tx.save(replace(request, expires_at=request.expires_at + step))
    for episode in tx.open_episodes():
        _move_episode(tx, episode, step)


def _move_episode(tx: Tx, episode: Episode, step: timedelta) -> None:
    """It is open for as long as it was, and so are the clocks of its escalations."""
    seen, opened = episode.last_seen_at + step, episode.opened_at + step
    tx.save(replace(episode, opened_at=opened, last_seen_at=seen))
    for escalation in tx.select(Escalation, Filter(equal={"episode_id": episode.id}, limit=_ALL)):
        held = {rung: since + step for rung, since in escalation.held_since.items()}
        looked = escalation.looked_at + step if escalation.looked_at is not None else None
        opened = escalation.opened_at + step
        tx.save(replace(escalation, opened_at=opened, held_since=held, looked_at=looked))
