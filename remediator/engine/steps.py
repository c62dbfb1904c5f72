"""One step of a run: intent committed, ownership checked, act, result committed; retries and crashes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from remediator.actions.base import (
    Action,
    Call,
    CaptureError,
    FailureReason,
    Outcome,
    OutcomeStatus,
)
from remediator.engine import executor
from remediator.engine.context import Engine
from remediator.engine.failpoints import Failpoint
from remediator.engine.journal import note_run, owned
from remediator.engine.leases import LeaseHeldError, holds_all, leases_with, open_leases, settle_leases
from remediator.engine.moves import latest_attempts
from remediator.engine.planning import PlanRefusedError, check_step
from remediator.engine.scopes import Facts, scope_of
from remediator.engine.step_records import (
    about_step,
    after_probe,
    fail_option,
    state_of,
    step_results,
    stop_of,
)
from remediator.policy.expressions import RenderError
from remediator.policy.rendering import render_deferred
from remediator.runs.audit import AuditAction
from remediator.runs.plan import PlannedStep
from remediator.runs.reasons import Reason
from remediator.runs.records import Run, StepRecord
from remediator.runs.states import RunKind, StepPhase, StepState
from remediator.store.base import Tx


@dataclass(frozen=True, slots=True)
class StepEnd:
    """How a step, or one attempt of it, ended.

    `stopped` means that it was not started: a hold or a cancel came first. `again` means that
    another attempt is allowed and left.
    """

    state: StepState | None
    detail: str = ""
    stopped: Reason | None = None
    again: bool = False


MovesOn = Callable[[Tx, Run], None]
"""Writes what follows from a step's result alone, in the transaction of that result."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One step about to be attempted: everything resolved."""

    run: Run
    planned: PlannedStep
    position: int
    phase: StepPhase
    action: Action[Any]
    params: BaseModel
    number: int
    moves_on: MovesOn | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """A step whose intent is committed, and which nobody has acted on yet."""

    attempt: _Attempt
    record: StepRecord


class StepRunner:
    """Runs steps so that a crash at any point is recoverable."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def run(
        self,
        run: Run,
        planned: PlannedStep,
        position: int,
        phase: StepPhase,
        moves_on: MovesOn | None = None,
    ) -> StepEnd:
        """Bring one step to its end, from where a crash or a retry left it."""
        try:
            done = await self._engine.store.read(lambda reads: reads.steps_of_run(run.id))
            ready = replace(self._ready(run, planned, position, phase, done), moves_on=moves_on)
        except (RenderError, PlanRefusedError) as error:
            return await self._refused(run, planned, position, phase, str(error))
        last = latest_attempts(done, run.option or "", phase).get(position)
        if last is not None and last.state is StepState.INTENT:
            end = await self._recover(ready, last)
            if end is not None:
                return end
            ready = replace(ready, number=last.attempt + 1)
        elif last is not None:
            ready = replace(ready, number=last.attempt + 1)
        return await self._repeated(ready, await self._once(ready))

    def begin(self, tx: Tx, run: Run, moves_on: MovesOn) -> Begun | None:
        """Commit the intent of a run's first step with its start, for `carry_on`; None where that can't be.

        It can't where something has to be looked at in between: the state before, for a change that is
        to go back.
        """
        done = tx.steps_of_run(run.id)
        if run.plan is None or not run.plan.steps or any(step.option == run.option for step in done):
            return None
        try:
            ready = self._ready(run, run.plan.steps[0], 0, StepPhase.ACT, done)
        except (RenderError, PlanRefusedError):
            return None  # which is told when its turn comes
        if self._leases(ready):
            return None
        ready = replace(ready, moves_on=moves_on)
        record = self._intend(tx, ready, {})
        return Begun(ready, record) if isinstance(record, StepRecord) else None

    async def carry_on(self, begun: Begun) -> StepEnd:
        """Act on a step that was begun with its run, and bring it to its end."""
        return await self._repeated(begun.attempt, await self._act(begun.attempt, begun.record))

    async def _repeated(self, ready: _Attempt, end: StepEnd) -> StepEnd:
        retry = ready.planned.step.retry
        backoff = retry.backoff if retry else timedelta(0)
        while end.again:
            await self._engine.clock.sleep(backoff * 2 ** (ready.number - 1))
            ready = replace(ready, number=ready.number + 1)
            end = await self._once(ready)
        return end

    def _ready(
        self,
        run: Run,
        planned: PlannedStep,
        position: int,
        phase: StepPhase,
        done: Sequence[StepRecord],
    ) -> _Attempt:
        prepared = self._engine.prepared_for(run)
        scope = scope_of(run.context, prepared.policy, Facts.of(run.facts), step_results(run, done))
        action = self._engine.capabilities.action(planned.action)
        params_json = render_deferred(planned.params, planned.deferred, scope, action.params)
        full = planned.model_copy(update={"params": params_json, "deferred": ()})
        params = check_step(full, self._engine.capabilities)
        return _Attempt(run, full, position, phase, action, params, 1)

    def _may_repeat(self, ready: _Attempt, outcome: Outcome) -> bool:
        retry = ready.planned.step.retry
        if retry is None or ready.number >= retry.attempts:
            return False
        if outcome.reason in (FailureReason.REFUSED, FailureReason.CHANGED_SINCE):
            return False
        return outcome.reason is FailureReason.NOT_SENT or ready.action.idempotent_for(ready.params)

    def _call(self, ready: _Attempt, record: StepRecord | None = None) -> Call:
        started_at = record.started_at if record else self._engine.clock.now()
        key = f"run-{ready.run.id}/{ready.planned.action}/{ready.phase}/{ready.run.option}/{ready.position}"
        return Call(key=key, timeout=ready.planned.step.timeout, started_at=started_at)

    async def _once(self, ready: _Attempt) -> StepEnd:
        where = (ready.run, ready.planned, ready.position, ready.phase)
        captured: Mapping[str, Any] = {}
        if await self._captures(ready):
            try:
                captured = await ready.action.capture(ready.params, self._call(ready))
            except CaptureError as error:
                return await self._refused(*where, f"the state before could not be read: {error}")
            self._engine.failpoints.hit(Failpoint.STEP_CAPTURED)
        try:
            begun = await self._engine.store.write(lambda tx: self._intend(tx, ready, captured))
        except LeaseHeldError as error:
            return await self._refused(*where, str(error))
        if isinstance(begun, StepEnd):
            return begun
        return await self._act(ready, begun)

    async def _act(self, ready: _Attempt, begun: StepRecord) -> StepEnd:
        self._engine.failpoints.hit(Failpoint.STEP_INTENT_COMMITTED)
        call = self._call(ready, begun)
        outcome = await executor.attempt(ready.action, ready.params, call)
        self._engine.failpoints.hit(Failpoint.STEP_ACTED)
        if outcome.status is OutcomeStatus.AMBIGUOUS:
            outcome = await self._clear_up(ready, call, begun, outcome)
        again = not outcome.ok and self._may_repeat(ready, outcome)
        end = await self._engine.store.write(lambda tx: self._result(tx, ready, begun, outcome, again=again))
        self._engine.failpoints.hit(Failpoint.STEP_RESULT_COMMITTED)
        return end

    async def _captures(self, ready: _Attempt) -> bool:
        """Whether the state before is read: not again while this policy's own change stands."""
        if not self._leases(ready) or not ready.action.reversible_for(ready.params):
            return False
        pairs = ready.action.attributes(ready.params)
        policy = ready.run.policy
        return not await self._engine.store.read(lambda reads: holds_all(reads, policy, pairs))

    def _leases(self, ready: _Attempt) -> bool:
        return (
            ready.phase is StepPhase.ACT
            and ready.run.kind is RunKind.REMEDIATION
            and leases_with(ready.run, ready.action)
            and not ready.action.read_only_for(ready.params)
        )

    def _intend(self, tx: Tx, ready: _Attempt, captured: Mapping[str, Any]) -> StepRecord | StepEnd:
        """Commit the intent, unless a hold or a cancel came first."""
        now = self._engine.clock.now()
        run = owned(tx, ready.run.id, ready.run.epoch)
        stop = stop_of(tx, run, now)
        if stop is not None:
            return StepEnd(None, stopped=stop)
        record = tx.add(
            StepRecord(
                run_id=run.id,
                option=run.option or "",
                phase=ready.phase,
                position=ready.position,
                action=ready.planned.action,
                params=ready.planned.params,
                state=StepState.INTENT,
                attempt=ready.number,
                epoch=run.epoch,
                started_at=now,
                captured=dict(captured),
            )
        )
        note_run(tx, run, AuditAction.STEP_INTENT, now, **about_step(record, ready.planned))
        if self._leases(ready):
            open_leases(tx, run, record, ready.action, ready.params, captured, now)
        return record

    def _result(
        self, tx: Tx, ready: _Attempt, record: StepRecord, outcome: Outcome, *, again: bool
    ) -> StepEnd:
        """Commit what came of an attempt; the last failure of a step ends its option with it."""
        now = self._engine.clock.now()
        run = owned(tx, ready.run.id, ready.run.epoch)
        state = state_of(outcome)
        detail = self._engine.redactor.text(outcome.detail)
        result = self._engine.redactor.json(dict(outcome.result))
        saved = tx.save(
            replace(
                record,
                state=state,
                finished_at=now,
                outcome={
                    "status": outcome.status,
                    "reason": outcome.reason,
                    "detail": detail,
                    "result": result,
                },
                applied=self._engine.redactor.json(dict(outcome.applied)),
            )
        )
        action = AuditAction.STEP_AMBIGUOUS if state is StepState.AMBIGUOUS else AuditAction.STEP_RESULT
        note_run(
            tx,
            run,
            action,
            now,
            status=outcome.status,
            reason=outcome.reason,
            text=detail,
            duration_seconds=round((now - record.started_at).total_seconds(), 3),
            **about_step(record),
        )
        if self._leases(ready):
            settle_leases(tx, run, saved, ready.action, ready.params, outcome, now)
        text = detail or str(outcome.reason or "")
        if state is StepState.FAILED and not again:
            fail_option(tx, run, record, text)
        elif state is not StepState.FAILED and ready.moves_on is not None:
            ready.moves_on(tx, run)
        return StepEnd(state, text, again=again and state is StepState.FAILED)

    async def _clear_up(self, ready: _Attempt, call: Call, record: StepRecord, outcome: Outcome) -> Outcome:
        """Look whether an ambiguous attempt happened, where the action can."""
        answer = await executor.probe(ready.action, ready.params, call, record.captured)
        return after_probe(answer, outcome, idempotent=ready.action.idempotent_for(ready.params))

    async def _recover(self, ready: _Attempt, record: StepRecord) -> StepEnd | None:
        """End an attempt that a crash cut off; None when it may be made again."""
        crashed = Outcome(
            status=OutcomeStatus.AMBIGUOUS,
            reason=FailureReason.LOST,
            detail="the server stopped while this step ran",
        )
        outcome = await self._clear_up(ready, self._call(ready, record), record, crashed)
        end = await self._engine.store.write(lambda tx: self._result(tx, ready, record, outcome, again=True))
        return None if end.state is StepState.FAILED else end

    async def _refused(
        self, run: Run, planned: PlannedStep, position: int, phase: StepPhase, detail: str
    ) -> StepEnd:
        """Write down a step that was not attempted at all."""
        now = self._engine.clock.now()
        text = self._engine.redactor.text(detail)

        def work(tx: Tx) -> StepEnd:
            current = owned(tx, run.id, run.epoch)
            outcome = {
                "status": OutcomeStatus.FAILED,
                "reason": FailureReason.REFUSED,
                "detail": text,
                "result": {},
            }
            record = tx.add(
                StepRecord(
                    run_id=run.id,
                    option=current.option or "",
                    phase=phase,
                    position=position,
                    action=planned.action,
                    params=planned.params,
                    state=StepState.FAILED,
                    attempt=1,
                    epoch=run.epoch,
                    started_at=now,
                    finished_at=now,
                    outcome=outcome,
                )
            )
            note_run(
                tx,
                current,
                AuditAction.STEP_RESULT,
                now,
                status=OutcomeStatus.FAILED,
                reason=FailureReason.REFUSED,
                text=text,
                duration_seconds=0.0,
                **about_step(record),
            )
            fail_option(tx, current, record, text)
            return StepEnd(StepState.FAILED, text)

        return await self._engine.store.write(work)
