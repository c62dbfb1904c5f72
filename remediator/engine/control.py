"""What on-call does to runs: cancel, resume, revert, and acknowledge an episode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.engine.actors import Actor
from remediator.engine.admission import look_again
from remediator.engine.asking import ask_for_approval
from remediator.engine.context import Engine
from remediator.engine.decide import lock_keys
from remediator.engine.dispatch import Wakes
from remediator.engine.escalation_rows import look_at_escalations
from remediator.engine.journal import cancel_waiting, change_state, note_episode, note_run
from remediator.engine.leases import STANDING
from remediator.engine.moves import latest_attempts
from remediator.engine.results import Result, Status
from remediator.engine.reverts import create_revert
from remediator.engine.turns import drive_at
from remediator.policy.model import Approval
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.runs.episodes import Episode
from remediator.runs.machine import RunEvent
from remediator.runs.reasons import Reason
from remediator.runs.records import Run, StepRecord
from remediator.runs.states import RUN_ENDED, RunKind, RunState, StepPhase, StepState
from remediator.runs.verdicts import Ask
from remediator.store.base import ConflictError, Tx


class Control:
    """Takes the commands of operators."""

    def __init__(self, engine: Engine, waker: Wakes, kill_step: Callable[[int], int]) -> None:
        self._engine = engine
        self._waker = waker
        self._kill_step = kill_step

    async def cancel(self, run_id: int, *, actor: Actor, comment: str, kill: bool) -> Result:
        """Stop a run: no new step starts, its option is undone if it can be. `kill` ends the running step."""

        def work(tx: Tx) -> Result:
            now = self._engine.clock.now()
            run = tx.get(Run, run_id)
            if run is None:
                return Result(Status.NOT_FOUND, f"there is no run {run_id}")
            text = self._engine.redactor.text(comment)
            if run.state.waiting or run.state is RunState.NEEDS_HUMAN:
                detail = f"cancelled by {actor.name}: {text}"
                run = cancel_waiting(tx, run, now, Reason.CANCELLED, detail, actor=actor.name)
                return Result(Status.DONE, "cancelled before its next step", run)
            if run.state.terminal:
                return Result(Status.CONFLICT, f"run {run_id} has ended: {run.state}", run)
            if run.stop is not None:
                return Result(Status.REPEATED, f"it is being stopped already ({run.stop})", run)
            run = tx.save(replace(run, stop=Reason.CANCELLED, stop_actor=actor.name))
            note_run(tx, run, AuditAction.RUN_STOP, now, actor=actor.name, comment=text, kill=kill)
            return Result(Status.DONE, "no new step will start", run)

        result = await self._engine.store.write(work)
        if kill and result.status in (Status.DONE, Status.REPEATED):
            self._kill_step(run_id)
        self._waker.wake()
        return result

    async def resume(self, run_id: int, *, actor: Actor, comment: str, treat_step_as: str | None) -> Result:
        """The way out of `needs_human` (and of `revert_failed`); on `expired` it asks again."""

        def work(tx: Tx) -> Result:
            now = self._engine.clock.now()
            run = tx.get(Run, run_id)
            if run is None:
                return Result(Status.NOT_FOUND, f"there is no run {run_id}")
            if run.state is RunState.EXPIRED:
                return self._ask_again(tx, run, actor, now)
            if run.state is not RunState.NEEDS_HUMAN:
                return Result(Status.CONFLICT, f"only needs_human and expired resume; it is {run.state}", run)
            return self._resume(tx, run, actor, self._engine.redactor.text(comment), treat_step_as, now)

        result = await self._engine.store.write(work)
        self._waker.wake()
        return result

    def _ask_again(self, tx: Tx, run: Run, actor: Actor, now: datetime) -> Result:
        request = tx.approval_of_run(run.id)
        if request is None:
            return Result(Status.CONFLICT, "it expired without a request for approval", run)
        if run.episode_id is not None and not any(e.open for e in tx.episodes_of_run(run.id)):
            return Result(Status.CONFLICT, "its alert has resolved meanwhile", run)
        approval = Approval.model_validate(
            {
                "from": request.from_,
                "count": request.count,
                "expires": request.expires_at - request.requested_at,
                "self_approval": request.self_approval,
            }
        )
        note_run(tx, run, AuditAction.RUN_RESUMED, now, actor=actor.name)
        run = ask_for_approval(tx, run, Ask(request.level, approval), now, event=RunEvent.ASK_AGAIN)
        return Result(Status.DONE, "asked again", run)

    def _resume(
        self, tx: Tx, run: Run, actor: Actor, comment: str, treat_step_as: str | None, now: datetime
    ) -> Result:
        if run.plan is None or run.kind is RunKind.REVERT:
            return Result(Status.CONFLICT, "there is no plan to go on with; act by hand, then cancel it", run)
        unclear = [
            step
            for step in latest_attempts(tx.steps_of_run(run.id), run.plan.option, StepPhase.ACT).values()
            if step.state is StepState.AMBIGUOUS
        ]
        if unclear and treat_step_as not in ("done", "not_done"):
            detail = (
                f"say treat_step_as: done or not_done, for step {unclear[0].position} ({unclear[0].action})"
            )
            return Result(Status.INVALID, detail, run)
        try:
            tx.claim(lock_keys(run.resources, run.target), run.id, now)
        except ConflictError as error:
            return Result(Status.CONFLICT, str(error), run)
        for step in unclear:
            tx.save(_treated(step, str(treat_step_as), actor, now))
        note_run(
            tx,
            run,
            AuditAction.RUN_RESUMED,
            now,
            actor=actor.name,
            comment=comment,
            treat_step_as=treat_step_as,
        )
        run = replace(run, stop=None, stop_actor=None, option_result=None)
        run = change_state(tx, run, RunEvent.RESUME, now, actor=actor.name)
        drive_at(tx, run, now)
        return Result(Status.DONE, "resumed", run)

    async def revert(self, run_id: int, *, actor: Actor, comment: str) -> Result:
        """Undo a run's temporary changes now."""

        def work(tx: Tx) -> Result:
            now = self._engine.clock.now()
            run = tx.get(Run, run_id)
            if run is None:
                return Result(Status.NOT_FOUND, f"there is no run {run_id}")
            if not run.state.terminal:
                return Result(
                    Status.CONFLICT, f"it is {run.state}; cancel it, then its option is undone", run
                )
            standing = [lease for lease in tx.leases_of_run(run_id) if lease.state in STANDING]
            if not standing:
                return Result(Status.CONFLICT, "it left nothing to undo", run)
            trigger = RUN_ENDED if all(lease.ends_with_run for lease in standing) else "manual"
            revert = create_revert(tx, self._engine, run, trigger, actor=actor.name)
            note_run(
                tx,
                revert,
                AuditAction.RUN_RESUMED,
                now,
                actor=actor.name,
                comment=self._engine.redactor.text(comment),
            )
            drive_at(tx, revert, now)
            return Result(Status.DONE, f"run {revert.id} undoes it", revert)

        result = await self._engine.store.write(work)
        self._waker.wake()
        return result

    async def close_breaker(self, policy: str, *, actor: Actor, comment: str) -> Result:
        """Close a policy's failure breaker: its earlier failures are forgiven."""
        if self._engine.policies.get(policy) is None:
            return Result(Status.NOT_FOUND, f"there is no policy {policy!r}; see `remediator policies list`")

        def work(tx: Tx) -> Result:
            now = self._engine.clock.now()
            tx.close_failure_breaker(policy, actor.name, now)
            detail = {"comment": self._engine.redactor.text(comment)}
            tx.audit(
                AuditEntry(
                    at=now, actor=actor.name, action=AuditAction.BREAKER_CLOSED, policy=policy, detail=detail
                )
            )
            look_again(tx, self._engine, now)
            return Result(Status.DONE, f"the failure breaker of {policy} is closed")

        result = await self._engine.store.write(work)
        self._waker.wake()
        return result

    async def acknowledge(
        self, episode_id: int, *, actor: Actor, comment: str, duration: timedelta | None
    ) -> Result:
        """Say that somebody has it, until it closes or for a time: escalation stops, runs go on."""

        def work(tx: Tx) -> Result:
            now = self._engine.clock.now()
            episode = tx.get(Episode, episode_id)
            if episode is None:
                return Result(Status.NOT_FOUND, f"there is no episode {episode_id}")
            if not episode.open:
                return Result(Status.CONFLICT, "it is closed", episode=episode)
            until = now + duration if duration is not None else None
            episode = tx.save(replace(episode, acknowledged_until=until, acknowledged_by=actor.name))
            text = self._engine.redactor.text(comment)
            told = {"comment": text, "until": until.isoformat().replace("+00:00", "Z") if until else None}
            note_episode(tx, episode, AuditAction.EPISODE_ACKNOWLEDGED, now, actor=actor.name, **told)
            look_at_escalations(tx, episode, now)
            end = f"{until:%H:%M} UTC" if until else "it closes"
            return Result(Status.DONE, f"acknowledged until {end}", episode=episode)

        return await self._engine.store.write(work)


def _treated(step: StepRecord, treat_as: str, actor: Actor, now: datetime) -> StepRecord:
    outcome = dict(step.outcome or {})
    outcome["treated_as"] = treat_as
    outcome["treated_by"] = actor.name
    # A failed attempt is made again; one that is done is passed over.
    state = StepState.SUCCEEDED if treat_as == "done" else StepState.FAILED
    return replace(step, state=state, outcome=outcome, finished_at=now)
