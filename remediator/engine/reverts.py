"""Reverts: undoing a temporary option, as a run of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from remediator.actions.base import Call, FailureReason, Outcome, OutcomeStatus
from remediator.engine import executor
from remediator.engine.aftermath import watch_leases
from remediator.engine.context import Engine
from remediator.engine.decide import lock_keys
from remediator.engine.journal import change_state, note_run, owned
from remediator.engine.leases import STANDING, close_lease
from remediator.engine.moves import latest_attempts
from remediator.engine.step_records import about_step
from remediator.engine.steps import StepRunner
from remediator.engine.turns import drive_at
from remediator.engine.verification import Verifier
from remediator.runs.audit import AuditAction
from remediator.runs.machine import RunEvent
from remediator.runs.plan import Plan
from remediator.runs.reasons import Reason
from remediator.runs.records import HoldScope, Lease, Run, StepRecord, TimerKind
from remediator.runs.states import RUN_ENDED, LeaseState, RunKind, RunState, StepPhase, StepState
from remediator.store.base import ConflictError, Reads, Tx

# How soon a revert that found its target locked, or automation held, looks again by itself.
_LOOK_AGAIN = timedelta(seconds=15)
# Resolve and expiry can wait for a hold to end; undoing what just failed, or what a person asked for, can't.
_PATIENT = ("resolved", "expiry")


@dataclass(frozen=True, slots=True)
class _End:
    """How undoing ended."""

    ok: bool
    reason: Reason
    detail: str = ""


def create_revert(tx: Tx, engine: Engine, parent: Run, trigger: str, *, actor: str = "remediator") -> Run:
    """Return the live revert of a run's option, made now unless there is one already.

    With the trigger RUN_ENDED it undoes what belongs to the run, and leaves the option alone.
    """
    now = engine.clock.now()
    for child in tx.child_runs(parent.id):
        if not child.state.terminal and (child.revert_trigger == RUN_ENDED) == (trigger == RUN_ENDED):
            return tx.save(replace(child, epoch=child.epoch + 1))
    revert = tx.add(
        Run(
            kind=RunKind.REVERT,
            state=RunState.REVERTING,
            policy=parent.policy,
            policy_hash=parent.policy_hash,
            target=parent.target,
            resources=parent.resources,
            priority=parent.priority,
            episode_id=parent.episode_id,
            parent_run_id=parent.id,
            actor=actor,
            option=parent.plan.option if parent.plan else parent.option,
            plan=parent.plan,
            plan_hash=parent.plan_hash,
            facts=parent.facts,
            context=parent.context,
            document=parent.document,
            created_at=now,
            revert_trigger=trigger,
        )
    )
    note_run(
        tx,
        revert,
        AuditAction.RUN_CREATED,
        now,
        actor=actor,
        option=revert.option,
        reverts=parent.id,
        trigger=trigger,
    )
    return revert


class Reverter:
    """Drives revert runs."""

    def __init__(self, engine: Engine, steps: StepRunner, verifier: Verifier) -> None:
        self._engine = engine
        self._steps = steps
        self._verifier = verifier

    async def drive(self, run: Run) -> Run:
        """Undo, and say how it ended; or wait for a lock or for the end of a hold."""
        if not await self._begin(run):
            return run
        plan = run.plan
        if plan is None:
            return run
        of_run = run.revert_trigger == RUN_ENDED
        with_steps = plan.revert_steps and not of_run
        end = await (self._run_steps(run, plan) if with_steps else self._undo_leases(run))
        if (
            end is not None
            and end.ok
            and not of_run
            and plan.revert is not None
            and plan.revert.verify is not None
        ):
            end = await self._verify(plan, end)
        if end is None:
            return run
        return await self._engine.store.write(lambda tx: self._finish(tx, run, end))

    async def _begin(self, run: Run) -> bool:
        """Take the locks, unless the parent that is still under way holds them for us."""

        def work(tx: Tx) -> bool:
            now = self._engine.clock.now()
            current = owned(tx, run.id, run.epoch)
            if current.revert_trigger in _PATIENT and _held(tx, current, now):
                drive_at(tx, run, now + _LOOK_AGAIN)
                return False
            if _inherits(tx, current):
                return True
            try:
                tx.claim(lock_keys(current.resources, current.target), run.id, now)
            except ConflictError:
                drive_at(tx, run, now + _LOOK_AGAIN)
                return False
            return True

        return await self._engine.store.write(work)

    async def _run_steps(self, run: Run, plan: Plan) -> _End | None:
        """Run the revert's own steps in order."""
        records = await self._engine.store.read(lambda reads: reads.steps_of_run(run.id))
        attempts = latest_attempts(records, plan.option, StepPhase.UNDO)
        for position, step in enumerate(plan.revert_steps):
            last = attempts.get(position)
            if last is not None and last.state is StepState.SUCCEEDED:
                continue
            end = await self._steps.run(run, step, position, StepPhase.UNDO)
            if end.stopped is not None:
                return _End(ok=False, reason=end.stopped, detail="stopped by a person")
            if end.state is not StepState.SUCCEEDED:
                reason = Reason.STEP_AMBIGUOUS if end.state is StepState.AMBIGUOUS else Reason.STEP_FAILED
                return _End(ok=False, reason=reason, detail=f"step {position} ({step.action}): {end.detail}")
        return _End(ok=True, reason=Reason.REVERTED)

    async def _undo_leases(self, run: Run) -> _End | None:
        """Put back what each step captured, last step first."""
        leases = await self._engine.store.read(lambda reads: _standing(reads, run))
        for group in _by_step(leases):
            outcome = await self._undo_one(run, group)
            if not outcome.ok:
                reason = Reason.STEP_FAILED
                if outcome.reason is FailureReason.CHANGED_SINCE:
                    reason = Reason.CHANGED_SINCE
                elif outcome.status is OutcomeStatus.AMBIGUOUS:
                    reason = Reason.STEP_AMBIGUOUS
                return _End(ok=False, reason=reason, detail=f"{group[0].action}: {outcome.detail}")
        return _End(ok=True, reason=Reason.REVERTED)

    async def _undo_one(self, run: Run, group: Sequence[Lease]) -> Outcome:
        """Undo one step: compare, then put back. Safe to repeat after a crash: it compares first."""
        first = group[0]
        action = self._engine.capabilities.action(first.action)
        params = action.params.model_validate(first.params)
        record = await self._engine.store.write(lambda tx: self._intend(tx, run, first))
        step = run.plan.steps[first.position].step if run.plan and run.plan.option == first.option else None
        call = Call(
            key=f"run-{run.id}/undo/{first.position}",
            timeout=step.timeout if step else timedelta(seconds=30),
            started_at=record.started_at,
        )
        original = {lease.attribute: lease.original for lease in group}
        applied = {lease.attribute: lease.applied for lease in group}
        outcome = await executor.undo(action, params, call, original, applied)
        await self._engine.store.write(lambda tx: self._undone(tx, run, record, group, outcome))
        return outcome

    def _intend(self, tx: Tx, run: Run, lease: Lease) -> StepRecord:
        now = self._engine.clock.now()
        current = owned(tx, run.id, run.epoch)
        record = tx.add(
            StepRecord(
                run_id=run.id,
                option=lease.option,
                phase=StepPhase.UNDO,
                position=lease.position,
                action=lease.action,
                params=lease.params,
                state=StepState.INTENT,
                attempt=1,
                epoch=run.epoch,
                started_at=now,
            )
        )
        note_run(tx, current, AuditAction.STEP_INTENT, now, **about_step(record), params=lease.params)
        return record

    def _undone(self, tx: Tx, run: Run, record: StepRecord, group: Sequence[Lease], outcome: Outcome) -> None:
        now = self._engine.clock.now()
        current = owned(tx, run.id, run.epoch)
        text = self._engine.redactor.text(outcome.detail)
        state = StepState.SUCCEEDED if outcome.ok else StepState.FAILED
        if outcome.status is OutcomeStatus.AMBIGUOUS:
            state = StepState.AMBIGUOUS
        result = self._engine.redactor.json(dict(outcome.result))
        told = {"status": outcome.status, "reason": outcome.reason, "detail": text, "result": result}
        tx.save(replace(record, state=state, finished_at=now, outcome=told))
        note_run(
            tx,
            current,
            AuditAction.STEP_RESULT,
            now,
            status=outcome.status,
            reason=outcome.reason,
            text=text,
            duration_seconds=round((now - record.started_at).total_seconds(), 3),
            **about_step(record),
        )
        if outcome.ok:
            for lease in group:
                close_lease(tx, current, lease, LeaseState.UNDONE, now, why=str(run.revert_trigger))

    async def _verify(self, plan: Plan, end: _End) -> _End:
        verify = plan.revert.verify if plan.revert else None
        if verify is None:
            return end
        now = self._engine.clock.now()

        async def never() -> bool:
            return False

        verified = await self._verifier.verify(verify, now, now + verify.within, never)
        if verified.ok:
            return _End(ok=True, reason=Reason.VERIFIED)
        failed = "; ".join(f"{look.check}: {look.detail}" for look in verified.looks if not look.held)
        return _End(ok=False, reason=Reason.VERIFICATION_FAILED, detail=failed)

    def _finish(self, tx: Tx, run: Run, end: _End) -> Run:
        now = self._engine.clock.now()
        current = owned(tx, run.id, run.epoch)
        for lease in _standing(tx, current):
            if end.ok:
                close_lease(tx, current, lease, LeaseState.UNDONE, now, why=str(run.revert_trigger))
            else:
                close_lease(tx, current, lease, LeaseState.OVERDUE, now, why="undoing it failed")
        parent = tx.get(Run, current.parent_run_id) if current.parent_run_id is not None else None
        if parent is not None:
            if current.revert_trigger != RUN_ENDED:
                parent = tx.save(replace(parent, lease=LeaseState.UNDONE if end.ok else LeaseState.OVERDUE))
            tx.clear_timer(TimerKind.LEASE, parent.id)
        event = RunEvent.REVERTED if end.ok else RunEvent.REVERT_FAILED
        finished = change_state(
            tx, current, event, now, reason=end.reason, detail=self._engine.redactor.text(end.detail)
        )
        if parent is not None and parent.state.terminal:
            watch_leases(tx, parent, now)  # of the option's changes and the run's, the others may stand
        tx.wake_waiting(now)
        return finished


def _standing(reads: Reads, run: Run) -> list[Lease]:
    standing = [lease for lease in reads.leases_of_run(run.parent_run_id or 0) if lease.state in STANDING]
    if run.revert_trigger == RUN_ENDED:
        return [lease for lease in standing if lease.ends_with_run]
    return [lease for lease in standing if lease.option == run.option and not lease.ends_with_run]


def _by_step(leases: Sequence[Lease]) -> list[list[Lease]]:
    """Group leases by the step that made the change, the last step first."""
    groups: dict[tuple[str, int], list[Lease]] = {}
    for lease in leases:
        groups.setdefault((lease.option, lease.position), []).append(lease)
    return sorted(groups.values(), key=lambda group: group[0].id, reverse=True)


def _inherits(tx: Tx, run: Run) -> bool:
    parent = tx.get(Run, run.parent_run_id) if run.parent_run_id is not None else None
    return parent is not None and not parent.state.terminal


def _held(tx: Tx, run: Run, now: datetime) -> bool:
    return any(
        hold.scope is HoldScope.ALL or hold.value in (run.policy, run.target) for hold in tx.active_holds(now)
    )
