"""The look right before acting: guards again, the approval, and every claim in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from remediator.engine.admission import question_for
from remediator.engine.answers import Answers
from remediator.engine.asking import ask_for_approval
from remediator.engine.context import Engine
from remediator.engine.decide import decide, lock_keys
from remediator.engine.facts import FactGatherer
from remediator.engine.failpoints import Failpoint
from remediator.engine.journal import cancel_waiting, change_state, owned
from remediator.engine.ladder import Ladder
from remediator.engine.lines import lets_pass
from remediator.engine.recording import record_decision
from remediator.engine.scopes import Facts, scope_of
from remediator.engine.steps import Begun, StepRunner
from remediator.engine.turns import drive_at
from remediator.guards.base import LookPhase
from remediator.guards.evaluate import queries_of
from remediator.runs.answers import Answer, Query
from remediator.runs.episodes import Episode
from remediator.runs.machine import RunEvent
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.records import ApprovalRequest, ApprovalState, Run
from remediator.runs.states import RunState
from remediator.runs.verdicts import Ask, Decision
from remediator.store.base import Filter, Reads, Tx

_IN_LINE = (RunState.PLANNED, RunState.HELD)


TakesOver = Callable[[Tx, int], Run | None]


class Started(NamedTuple):
    """A run as it is after the look, if it is still there to be looked at; and its step under way."""

    run: Run | None
    begun: Begun | None = None


class Starter:
    """Starts planned runs."""

    def __init__(
        self, engine: Engine, answers: Answers, facts: FactGatherer, steps: StepRunner, ladder: Ladder
    ) -> None:
        self._engine = engine
        self._answers = answers
        self._facts = facts
        self._steps = steps
        self._ladder = ladder

    async def start(self, run: Run, asked: ApprovalRequest | None, take_over: TakesOver) -> Started:
        """Look again, and start the run, keep it waiting, ask, or cancel it; all in one transaction.

        Where nothing has to be looked at in between, the intent of its first step is committed with it.
        """
        prepared = self._engine.prepared_for(run)
        scope = scope_of(run.context, prepared.policy)
        answers = await self._answers.ask(queries_of(prepared.uses, scope))
        source = run.context["episode"]["source"]
        suppressed = await self._answers.suppressed(source, run.context["episode"]["fingerprint"])
        facts = Facts.of(run.facts)
        if run.epoch > 0 or asked is not None:
            # It waited (for people, a guard, a restart): what the diagnosis found may be old.
            facts = await self._facts.gather(prepared, scope)

        def work(tx: Tx) -> Started:
            taken = take_over(tx, run.id)
            if taken is None:
                return Started(None)
            begun: Begun | None = None
            current = self._conclude(tx, taken, answers, facts, suppressed=suppressed)
            if current.state is RunState.RUNNING and taken.state.waiting:
                begun = self._steps.begin(tx, current, self._ladder.move_on)
            return Started(current, begun)

        started = await self._engine.store.write(work)
        if started.run is not None and started.run.state is RunState.RUNNING:
            self._engine.failpoints.hit(Failpoint.RUN_STARTED)
        return started

    def _conclude(
        self,
        tx: Tx,
        before: Run,
        answers: Mapping[Query, Answer],
        facts: Facts,
        *,
        suppressed: bool | None,
    ) -> Run:
        now = self._engine.clock.now()
        waited = owned(tx, before.id, before.epoch)
        run = self._look(tx, before, answers, facts, suppressed=suppressed)
        if run.state not in _IN_LINE:
            # It took its place, or gave it up: there may be one for others, too.
            tx.wake_after(waited, now)
            if tx.runs_under_way() < self._engine.settings.limits.concurrent_runs:
                tx.wake_waiting(now, run.target)
        return run

    def _look(
        self,
        tx: Tx,
        before: Run,
        answers: Mapping[Query, Answer],
        facts: Facts,
        *,
        suppressed: bool | None,
    ) -> Run:
        now = self._engine.clock.now()
        run = replace(owned(tx, before.id, before.epoch), facts=facts.json())
        if not run.state.waiting:
            return run
        episode = episode_of(tx, run)
        question = question_for(
            tx,
            self._engine,
            self._engine.prepared_for(run),
            episode,
            LookPhase.ACTING if run.episode_id is not None else LookPhase.MANUAL,
            now,
            answers=answers,
            facts=facts,
            suppressed=suppressed,
            run=run,
        )
        decision = decide(question)
        if _approval_ran_out(tx, run, now):
            detail = f"the approval ran out before it could start: {run.detail or 'it was never free to'}"
            return change_state(tx, run, RunEvent.EXPIRE, now, reason=Reason.EXPIRED, detail=detail)
        if decision.outcome is Outcome.BLOCKED:
            return self._wait(tx, run, decision, episode, now)
        if decision.outcome is Outcome.SHADOW:
            return cancel_waiting(tx, run, now, Reason.POLICY_OFF, "the mode is shadow by now")
        if decision.option != run.option:
            detail = f"{run.option} was planned, {decision.option or 'no option'} applies now"
            return cancel_waiting(tx, run, now, Reason.PLAN_CHANGED, detail)
        return self._go(tx, run, decision, episode, now)

    def _wait(self, tx: Tx, run: Run, decision: Decision, episode: Episode, now: datetime) -> Run:
        changed = run.reason is not decision.reason
        if lets_pass(run.reason, decision, self._engine.prepared_for(run)):
            tx.wake_after(run, now)
        if decision.reason is Reason.HELD and run.state is RunState.PLANNED:
            run = change_state(tx, run, RunEvent.HOLD, now, reason=Reason.HELD, detail=decision.detail)
        elif decision.reason is not Reason.HELD and run.state is RunState.HELD:
            run = change_state(tx, run, RunEvent.RELEASE, now, reason=decision.reason)
        run = tx.save(replace(run, reason=decision.reason, detail=decision.detail))
        if changed:
            self._record(tx, run, decision, episode, now)
        drive_at(tx, run, decision.next_look_at or now)
        return run

    def _go(self, tx: Tx, run: Run, decision: Decision, episode: Episode, now: datetime) -> Run:
        if run.state is RunState.HELD:
            run = change_state(tx, run, RunEvent.RELEASE, now)
        ask = next_ask(tx, run, decision.asks)
        if ask is not None:
            self._record(tx, run, decision, episode, now)
            return ask_for_approval(tx, run, ask, now)
        tx.claim(lock_keys(run.resources, run.target), run.id, now)
        run = change_state(tx, run, RunEvent.START, now)
        self._record(tx, run, replace(decision, outcome=Outcome.RUN), episode, now)
        return run

    def _record(self, tx: Tx, run: Run, decision: Decision, episode: Episode, now: datetime) -> None:
        record_decision(
            tx,
            replace(decision, plan=run.plan),
            LookPhase.ACTING,
            now,
            episode=episode if episode.id else None,
            prepared=self._engine.prepared_for(run),
            facts=Facts.of(run.facts),
            run_id=run.id,
        )


def _approval_ran_out(reads: Reads, run: Run, now: datetime) -> bool:
    """An approval is good for its plan until it expires, through any number of blocked looks."""
    return any(
        request.state is ApprovalState.APPROVED and request.expires_at <= now
        for request in approvals_of_plan(reads, run)
    )


def next_ask(reads: Reads, run: Run, asks: tuple[Ask, ...]) -> Ask | None:
    """Return the first approval that the run's plan still needs."""
    granted = {
        request.level for request in approvals_of_plan(reads, run) if request.state is ApprovalState.APPROVED
    }
    for ask in asks:
        if ask.level == "policy" and run.started_at is not None:
            continue  # asked before the first step only
        if ask.level not in granted:
            return ask
    return None


def approvals_of_plan(reads: Reads, run: Run) -> list[ApprovalRequest]:
    """Return the requests made for the run's present plan."""
    return reads.select(ApprovalRequest, Filter(equal={"run_id": run.id, "plan_hash": run.plan_hash}))


def episode_of(reads: Reads, run: Run) -> Episode:
    """Return the run's episode; for a run by hand, one with id 0 made of what it was given."""
    if run.episode_id is not None:
        episode = reads.get(Episode, run.episode_id)
        if episode is not None:
            return episode
    context = run.context
    return Episode(
        source=context["episode"]["source"],
        fingerprint=context["episode"]["fingerprint"],
        alertname=context["episode"]["alertname"],
        labels=context["labels"],
        annotations=context["annotations"],
        generator_url="",
        starts_at=run.created_at,
        opened_at=run.created_at,
        last_seen_at=run.created_at,
    )
