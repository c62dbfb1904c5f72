"""Asking people: a plan is frozen and put before the approvers."""

from __future__ import annotations

from datetime import datetime

from remediator.engine.journal import change_state, note_run
from remediator.runs.audit import AuditAction
from remediator.runs.machine import RunEvent
from remediator.runs.records import ApprovalRequest, ApprovalState, Run, TimerKind
from remediator.runs.verdicts import Ask
from remediator.store.base import ConflictError, Tx


def ask_for_approval(tx: Tx, run: Run, ask: Ask, now: datetime, *, event: RunEvent = RunEvent.ASK) -> Run:
    """Open a request for approval of the run's plan; the run then holds no worker and no lock."""
    if run.plan_hash is None or run.option is None:
        raise ConflictError(f"run {run.id} has no plan to approve")
    request = tx.add(
        ApprovalRequest(
            run_id=run.id,
            plan_hash=run.plan_hash,
            option=run.option,
            level=ask.level,
            state=ApprovalState.PENDING,
            from_=ask.approval.from_,
            count=ask.approval.count,
            self_approval=ask.approval.self_approval,
            requested_at=now,
            expires_at=now + ask.approval.expires,
        )
    )
    tx.set_timer(TimerKind.APPROVAL_EXPIRY, request.id, request.expires_at, run.priority)
    note_run(
        tx,
        run,
        AuditAction.APPROVAL_REQUESTED,
        now,
        request_id=request.id,
        level=ask.level,
        plan_hash=run.plan_hash,
        option=run.option,
        count=request.count,
        expires_at=request.expires_at.isoformat().replace("+00:00", "Z"),
        asked=list(request.from_),
    )
    return change_state(tx, run, event, now)
