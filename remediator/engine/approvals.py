"""Approvals: one compare-and-swap on (run, plan hash, pending, unexpired); the first verdict wins."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from remediator.engine.actors import ENGINE, Actor
from remediator.engine.context import Engine
from remediator.engine.dispatch import Wakes
from remediator.engine.journal import change_state, note_run
from remediator.engine.results import Result, Status
from remediator.engine.turns import drive_at
from remediator.runs.audit import AuditAction
from remediator.runs.machine import RunEvent
from remediator.runs.reasons import Reason
from remediator.runs.records import ApprovalRequest, ApprovalState, Run, TimerKind, Vote
from remediator.runs.states import RunState
from remediator.settings import Role
from remediator.store.base import Tx

_ENDED = {
    ApprovalState.APPROVED: "it was approved already",
    ApprovalState.DENIED: "it was denied already",
    ApprovalState.CANCELLED: "the request was withdrawn",
}


class Approvals:
    """Takes verdicts, and lets requests expire."""

    def __init__(self, engine: Engine, waker: Wakes) -> None:
        self._engine = engine
        self._waker = waker

    async def vote(self, run_id: int, *, plan_hash: str, actor: Actor, approve: bool, comment: str) -> Result:
        """Take one person's verdict on the plan that waits."""
        verdict = "approved" if approve else "denied"
        result = await self._engine.store.write(
            lambda tx: self._vote(tx, run_id, plan_hash, actor, verdict, comment)
        )
        self._waker.wake()
        return result

    async def expire(self, approval_id: int) -> None:
        """Handle the expiry timer of a request: no answer in time means no."""

        def work(tx: Tx) -> None:
            tx.clear_timer(TimerKind.APPROVAL_EXPIRY, approval_id)
            now = self._engine.clock.now()
            request = tx.get(ApprovalRequest, approval_id)
            if request is None or request.state is not ApprovalState.PENDING:
                return
            if request.expires_at > now:
                tx.set_timer(TimerKind.APPROVAL_EXPIRY, approval_id, request.expires_at)
                return
            tx.save(replace(request, state=ApprovalState.EXPIRED, decided_at=now))
            run = tx.get(Run, request.run_id)
            if run is None or run.state is not RunState.AWAITING_APPROVAL:
                return
            note_run(tx, run, AuditAction.APPROVAL_EXPIRED, now, request_id=request.id)
            detail = f"nobody of {', '.join(request.from_)} answered in time"
            change_state(tx, run, RunEvent.EXPIRE, now, reason=Reason.EXPIRED, detail=detail)

        await self._engine.store.write(work)

    def _vote(self, tx: Tx, run_id: int, plan_hash: str, actor: Actor, verdict: str, comment: str) -> Result:
        now = self._engine.clock.now()
        run = tx.get(Run, run_id)
        if run is None:
            return Result(Status.NOT_FOUND, f"there is no run {run_id}")
        request = tx.approval_of_run(run_id)
        if request is None:
            return Result(Status.CONFLICT, f"run {run_id} asks for no approval; it is {run.state}", run)
        refused = refusal_of(run, request, actor)
        if refused is not None:
            return Result(Status.FORBIDDEN, refused, run)
        if request.plan_hash != plan_hash:
            return Result(Status.CONFLICT, "the plan is another one by now; look at it and decide anew", run)
        mine = next((vote for vote in tx.votes(request.id) if vote.actor == actor.name), None)
        if mine is not None:
            if mine.verdict == verdict:
                return Result(Status.REPEATED, f"you have {verdict} this plan already", run)
            return Result(Status.CONFLICT, f"you have {mine.verdict} this plan already", run)
        if request.state is ApprovalState.EXPIRED or (
            request.state is ApprovalState.PENDING and request.expires_at <= now
        ):
            return Result(Status.EXPIRED, f"the request expired at {request.expires_at:%H:%M:%S} UTC", run)
        if request.state is not ApprovalState.PENDING:
            why = f": {run.detail}" if request.state is ApprovalState.CANCELLED and run.detail else ""
            return Result(Status.CONFLICT, _ENDED[request.state] + why, run)
        return self._count(tx, run, request, actor, verdict, comment, now)

    def _count(
        self,
        tx: Tx,
        run: Run,
        request: ApprovalRequest,
        actor: Actor,
        verdict: str,
        comment: str,
        now: datetime,
    ) -> Result:
        text = self._engine.redactor.text(comment)
        tx.add(Vote(approval_id=request.id, actor=actor.name, verdict=verdict, comment=text, at=now))
        facts = {"request_id": request.id, "plan_hash": request.plan_hash, "comment": text}
        note_run(tx, run, AuditAction.APPROVAL_VOTED, now, actor=actor.name, verdict=verdict, **facts)
        if verdict == "denied":
            self._end(tx, run, request, ApprovalState.DENIED, AuditAction.APPROVAL_DENIED, now)
            detail = f"denied by {actor.name}: {text}" if text else f"denied by {actor.name}"
            run = change_state(
                tx, run, RunEvent.DENY, now, actor=actor.name, reason=Reason.DENIED, detail=detail
            )
            return Result(Status.DONE, "denied; nothing will be done", run)
        votes = [vote for vote in tx.votes(request.id) if vote.verdict == "approved"]
        if len(votes) < request.count:
            return Result(Status.DONE, f"approved by {len(votes)} of {request.count}", run)
        self._end(tx, run, request, ApprovalState.APPROVED, AuditAction.APPROVAL_GRANTED, now)
        run = change_state(tx, run, RunEvent.APPROVE, now, actor=actor.name)
        drive_at(tx, run, now)
        return Result(Status.DONE, "approved; the guards are looked at once more, then it starts", run)

    def _end(
        self,
        tx: Tx,
        run: Run,
        request: ApprovalRequest,
        state: ApprovalState,
        action: AuditAction,
        now: datetime,
    ) -> None:
        tx.save(replace(request, state=state, decided_at=now))
        tx.clear_timer(TimerKind.APPROVAL_EXPIRY, request.id)
        note_run(tx, run, action, now, request_id=request.id, level=request.level)


def refusal_of(run: Run, request: ApprovalRequest, actor: Actor) -> str | None:
    """Return why an actor may not decide on a request; None when it may."""
    if not actor.has(Role.APPROVER):
        return "only approvers decide; your token does not have that role"
    if not actor.is_among(request.from_):
        return f"this run asks {', '.join(request.from_)}; you are none of them"
    by_hand = run.actor not in (ENGINE, "")
    if by_hand and run.actor == actor.name:
        if request.self_approval == "operator" and actor.has(Role.OPERATOR):
            return None
        return "you started this run by hand, so somebody else has to approve it"
    return None
