"""Writes that always come with their audit row: run states, timers that follow, locks given back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from remediator.engine.actors import ENGINE
from remediator.engine.aftermath import follow_up, look_at_schedule, watch_leases
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.runs.episodes import Episode
from remediator.runs.machine import RunEvent, transition
from remediator.runs.reasons import Reason
from remediator.runs.records import ApprovalState, Run, TimerKind
from remediator.runs.states import RunKind, RunState
from remediator.store.base import ConflictError, Tx


def owned(tx: Tx, run_id: int, epoch: int) -> Run:
    """Return the run as it is now, provided that the caller still owns it.

    Raises:
        ConflictError: when another worker took it over.
    """
    run = tx.get(Run, run_id)
    if run is None or run.epoch != epoch:
        raise ConflictError(f"run {run_id} is no longer owned by this worker")
    return run


def note_run(
    tx: Tx, run: Run, action: AuditAction, now: datetime, /, *, actor: str = ENGINE, **detail: Any
) -> None:
    """Append an audit row about a run."""
    tx.audit(
        AuditEntry(
            at=now,
            actor=actor,
            action=action,
            alertname=run.context["episode"]["alertname"] if run.context else None,
            policy=run.policy,
            target=run.target,
            episode_id=run.episode_id,
            run_id=run.id,
            detail=detail,
        )
    )


def note_episode(
    tx: Tx, episode: Episode, action: AuditAction, now: datetime, /, *, actor: str = ENGINE, **detail: Any
) -> None:
    """Append an audit row about an episode."""
    tx.audit(
        AuditEntry(
            at=now,
            actor=actor,
            action=action,
            source=episode.source,
            alertname=episode.alertname,
            episode_id=episode.id,
            detail=detail,
        )
    )


def change_state(
    tx: Tx,
    run: Run,
    event: RunEvent,
    now: datetime,
    *,
    actor: str = ENGINE,
    reason: Reason | None = None,
    detail: str = "",
) -> Run:
    """Move a run by an event, write it down, and do what the new state asks of locks and timers."""
    moved = transition(run, event, now, reason=reason, detail=detail)
    facts: dict[str, Any] = {
        "from": run.state,
        "to": moved.state,
        "event": event,
        "reason": reason,
        "kind": run.kind,
        "option": run.option,
        "text": detail,
        "seconds_since_created": round((now - run.created_at).total_seconds(), 3),
    }
    opened_at = _opened_at(tx, run)
    if opened_at is not None:
        facts["seconds_since_opened"] = round((now - opened_at).total_seconds(), 3)
    note_run(tx, moved, AuditAction.RUN_STATE, now, actor=actor, **facts)
    tx.save(moved)
    if moved.state.terminal or moved.state is RunState.AWAITING_APPROVAL:
        tx.clear_timer(TimerKind.DRIVE, run.id)
        give_back(tx, moved, now)
    if moved.state.terminal and moved.kind is RunKind.REMEDIATION:
        moved = watch_leases(tx, moved, now)
        follow_up(tx, moved, now)
    if moved.state.terminal:
        look_at_schedule(tx, moved.policy, now)
    return moved


def give_back(tx: Tx, run: Run, now: datetime) -> None:
    """Release a run's locks and let those who wait for them look again."""
    if tx.release(run.id):
        tx.wake_waiting(now, run.target)


def cancel_waiting(
    tx: Tx, run: Run, now: datetime, reason: Reason, detail: str, *, actor: str = ENGINE
) -> Run:
    """Cancel a run that has done nothing yet, with its open request for approval."""
    request = tx.approval_of_run(run.id)
    if request is not None and request.state is ApprovalState.PENDING:
        tx.save(replace(request, state=ApprovalState.CANCELLED, decided_at=now))
        tx.clear_timer(TimerKind.APPROVAL_EXPIRY, request.id)
        note_run(tx, run, AuditAction.APPROVAL_CANCELLED, now, actor=actor, reason=reason)
    return change_state(tx, run, RunEvent.CANCEL, now, actor=actor, reason=reason, detail=detail)


def _opened_at(tx: Tx, run: Run) -> datetime | None:
    if run.episode_id is None:
        return None
    episode = tx.get(Episode, run.episode_id)
    return episode.opened_at if episode else None
