"""The ladder of options: what ends an option, which comes next, and how a run ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from remediator.engine.aftermath import served_all_closed
from remediator.engine.asking import ask_for_approval
from remediator.engine.context import Engine
from remediator.engine.decide import attributes_of
from remediator.engine.facts import FactGatherer
from remediator.engine.failpoints import Failpoint
from remediator.engine.journal import change_state, note_run, owned
from remediator.engine.moves import MoveKind, next_move
from remediator.engine.planning import PlanRefusedError, build_plan, choose_option
from remediator.engine.scopes import Facts, scope_of
from remediator.engine.verification import Verified
from remediator.policy.expressions import RenderError, Scope
from remediator.runs.audit import AuditAction
from remediator.runs.machine import RunEvent
from remediator.runs.plan import Plan
from remediator.runs.reasons import Reason
from remediator.runs.records import Run
from remediator.runs.states import RunState
from remediator.runs.verdicts import Ask
from remediator.store.base import Tx


class Ladder:
    """Ends options and takes the next one."""

    def __init__(self, engine: Engine, facts: FactGatherer) -> None:
        self._engine = engine
        self._facts = facts

    async def end_option(self, run: Run, result: Reason, detail: str) -> Run:
        """Note that the current option did not succeed, and why; what follows is the next move's."""

        def work(tx: Tx) -> Run:
            current = owned(tx, run.id, run.epoch)
            stop = result if result in (Reason.CANCELLED, Reason.STOPPED_BY_HOLD) else current.stop
            return tx.save(replace(current, option_result=result, detail=detail, stop=stop))

        ended = await self._engine.store.write(work)
        self._engine.failpoints.hit(Failpoint.OPTION_ENDED)
        return ended

    def move_on(self, tx: Tx, run: Run) -> None:
        """Write, with the result of a step, what follows from the records alone: that was the last one."""
        move = next_move(run, tx.steps_of_run(run.id), tx.child_runs(run.id))
        if move.kind is MoveKind.SUCCEED:
            self._succeed(tx, run, Reason.UNVERIFIED, self._engine.clock.now())
        elif move.kind is MoveKind.VERIFY:
            self._begin_verifying(tx, run)

    async def begin_verifying(self, run: Run) -> Run:
        """Enter verification, unless the last step's result did so."""
        return await self._engine.store.write(
            lambda tx: self._begin_verifying(tx, owned(tx, run.id, run.epoch))
        )

    def _begin_verifying(self, tx: Tx, run: Run) -> Run:
        """Enter verification: from now on only samples newer than this moment count."""
        now = self._engine.clock.now()
        verify = run.plan.verify if run.plan else None
        within = verify.within if verify else None
        if within is None or run.state is not RunState.RUNNING:
            return run
        timed = replace(run, acted_at=now, verify_until=now + within)
        return change_state(tx, timed, RunEvent.VERIFY, now)

    async def conclude_verification(self, run: Run, verified: Verified) -> Run:
        """Write down how verification ended, and succeed if it did."""

        def work(tx: Tx) -> Run:
            now = self._engine.clock.now()
            current = owned(tx, run.id, run.epoch)
            looks = [
                {"check": look.check, "held": look.held, "text": self._engine.redactor.text(look.detail)}
                for look in verified.looks
            ]
            note_run(
                tx,
                current,
                AuditAction.VERIFICATION,
                now,
                ok=verified.ok,
                option=current.option,
                seconds=verified.seconds,
                checks=looks,
            )
            if verified.ok:
                return self._succeed(tx, current, Reason.VERIFIED, now)
            failed = "; ".join(f"{look['check']}: {look['text']}" for look in looks if not look["held"])
            return tx.save(replace(current, option_result=Reason.VERIFICATION_FAILED, detail=failed))

        after = await self._engine.store.write(work)
        self._engine.failpoints.hit(Failpoint.VERIFIED)
        return after

    async def succeed_unverified(self, run: Run) -> Run:
        """End a run whose option has no verification."""
        return await self._engine.store.write(
            lambda tx: self._succeed(
                tx, owned(tx, run.id, run.epoch), Reason.UNVERIFIED, self._engine.clock.now()
            )
        )

    def _succeed(self, tx: Tx, run: Run, reason: Reason, now: datetime) -> Run:
        if served_all_closed(tx, run.id):
            reason = Reason.RESOLVED_DURING_RUN if reason is Reason.VERIFIED else reason
        return change_state(tx, run, RunEvent.SUCCEED, now, reason=reason)

    async def hand_over(self, run: Run, reason: Reason | None, detail: str) -> Run:
        """Give the run to people, with what is known."""
        return await self._engine.store.write(
            lambda tx: change_state(
                tx,
                owned(tx, run.id, run.epoch),
                RunEvent.GIVE_UP,
                self._engine.clock.now(),
                reason=reason,
                detail=detail,
            )
        )

    async def stop(self, run: Run) -> Run:
        """End a run that was cancelled or held, after its option was undone."""

        def work(tx: Tx) -> Run:
            current = owned(tx, run.id, run.epoch)
            actor = current.stop_actor or "remediator"
            return change_state(
                tx, current, RunEvent.CANCEL, self._engine.clock.now(), actor=actor, reason=current.stop
            )

        return await self._engine.store.write(work)

    async def next_option(self, run: Run) -> Run:
        """Take the next option whose `when` holds on fresh facts; without one, end the run."""
        prepared = self._engine.prepared_for(run)
        bare = scope_of(run.context, prepared.policy)
        facts = await self._facts.gather(prepared, bare)
        scope = scope_of(run.context, prepared.policy, facts)
        return await self._engine.store.write(lambda tx: self._climb(tx, run, facts, scope))

    def _climb(self, tx: Tx, before: Run, facts: Facts, scope: Scope) -> Run:
        now = self._engine.clock.now()
        run = owned(tx, before.id, before.epoch)
        if run.stop is not None:
            return run  # a cancel came meanwhile: the next move ends it
        tried = (*run.tried, run.option or "")
        if served_all_closed(tx, run.id):
            return self._end(tx, run, now, "the alert resolved: no further option")
        prepared = self._engine.prepared_for(run)
        choice = choose_option(prepared, scope, tried)
        if choice.option is None:
            return self._end(tx, run, now, "no further option applies")
        run = replace(run, tried=tried, facts=facts.json(), option_result=None)
        try:
            plan = build_plan(prepared, choice.option, scope, self._engine.capabilities)
        except (RenderError, PlanRefusedError) as error:
            skipped = replace(
                run,
                option=choice.option.name,
                option_result=Reason.STEP_FAILED,
                detail=f"{choice.option.name}: {error}",
            )
            return tx.save(skipped)
        run = replace(run, option=choice.option.name, plan=plan, plan_hash=plan.hash())
        blocker = self._lease_in_the_way(tx, run, plan)
        if blocker is not None:
            return tx.save(replace(run, option_result=Reason.LEASE_HELD, detail=blocker))
        if choice.option.approval is not None:
            return ask_for_approval(tx, run, Ask("option", choice.option.approval), now)
        return change_state(tx, run, RunEvent.NEXT_OPTION, now)

    def _lease_in_the_way(self, tx: Tx, run: Run, plan: Plan) -> str | None:
        for resource, attribute in attributes_of(plan, self._engine.capabilities):
            lease = tx.open_lease(resource, attribute)
            if lease is not None and lease.policy != run.policy:
                return f"{resource}/{attribute} is changed temporarily by {lease.policy}"
        return None

    def _end(self, tx: Tx, run: Run, now: datetime, why: str) -> Run:
        detail = f"{run.detail}; {why}" if run.detail else why
        event = RunEvent.INEFFECTIVE if run.state is RunState.VERIFYING else RunEvent.FAIL
        return change_state(tx, run, event, now, reason=run.option_result, detail=detail)
