"""The second pass: an admission that is due is looked at with live guards and facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from remediator.engine.admission import join_run, question_for, settle
from remediator.engine.aftermath import look_at_schedule
from remediator.engine.answers import Answers
from remediator.engine.asking import ask_for_approval
from remediator.engine.capabilities import PreparedPolicy
from remediator.engine.context import Engine
from remediator.engine.decide import Question, decide
from remediator.engine.facts import FactGatherer
from remediator.engine.failpoints import Failpoint
from remediator.engine.journal import change_state, note_run
from remediator.engine.lines import lets_pass
from remediator.engine.recording import keep_policy, record_decision
from remediator.engine.scopes import Facts, episode_context, scope_of
from remediator.engine.shadow_records import watch_shadow
from remediator.engine.turns import decide_at, drive_at
from remediator.guards.base import LookPhase
from remediator.guards.evaluate import queries_of
from remediator.runs.answers import Answer, Query
from remediator.runs.audit import AuditAction
from remediator.runs.episodes import Admission, Episode
from remediator.runs.machine import RunEvent
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.records import Run, TimerKind
from remediator.runs.verdicts import Decision
from remediator.store.base import Reads, Tx


@dataclass(frozen=True, slots=True)
class _Subject:
    admission: Admission
    episode: Episode
    prepared: PreparedPolicy


class Decider:
    """Decides admissions."""

    def __init__(self, engine: Engine, answers: Answers, facts: FactGatherer) -> None:
        self._engine = engine
        self._answers = answers
        self._facts = facts

    async def decide(self, admission_id: int) -> None:
        """Look at one admission, and start, ask, shadow, join, or block and look again."""
        engine = self._engine
        subject = await engine.store.read(lambda reads: self._subject(reads, admission_id))
        if subject is None:
            await engine.store.write(lambda tx: self._dismiss(tx, admission_id))
            return
        scope = scope_of(episode_context(subject.episode), subject.prepared.policy)
        answers = await self._answers.ask(queries_of(subject.prepared.uses, scope))
        suppressed = await self._answers.suppressed(subject.episode.source, subject.episode.fingerprint)
        live = _Live(answers, suppressed)
        facts: Facts | None = None
        if not subject.prepared.policy.document.diagnose:
            facts = Facts()
        elif (
            await engine.store.read(lambda reads: decide(self._question(reads, subject, live, None)))
        ).needs_facts:
            facts = await self._facts.gather(subject.prepared, scope)
        await engine.store.write(lambda tx: self._conclude(tx, subject, live, facts))
        engine.failpoints.hit(Failpoint.RUN_CREATED)

    def _subject(self, reads: Reads, admission_id: int) -> _Subject | None:
        admission = reads.get(Admission, admission_id)
        if admission is None or admission.done:
            return None
        episode = reads.get(Episode, admission.episode_id)
        prepared = self._engine.policies.get(admission.policy)
        if episode is None or not episode.open or prepared is None:
            return None
        return _Subject(admission, episode, prepared)

    def _dismiss(self, tx: Tx, admission_id: int) -> None:
        """An admission with nothing more to decide: closed, done, or its policy is gone."""
        tx.clear_timer(TimerKind.DECIDE, admission_id)
        admission = tx.get(Admission, admission_id)
        if admission is None or admission.done:
            return
        tx.save(replace(admission, done=True, outcome=Outcome.BLOCKED, reason=Reason.POLICY_REMOVED))
        tx.wake_line(admission, self._engine.clock.now())
        decision = Decision(
            outcome=Outcome.BLOCKED,
            reason=Reason.POLICY_REMOVED,
            target=admission.target,
            detail=f"the policy {admission.policy} is no longer served",
        )
        episode = tx.get(Episode, admission.episode_id)
        now = self._engine.clock.now()
        record_decision(tx, decision, LookPhase.ENTRY, now, episode=episode)
        look_at_schedule(tx, admission.policy, now)

    def _question(self, reads: Reads, subject: _Subject, live: _Live, facts: Facts | None) -> Question:
        return question_for(
            reads,
            self._engine,
            subject.prepared,
            subject.episode,
            LookPhase.ENTRY,
            self._engine.clock.now(),
            admission=subject.admission,
            answers=live.answers,
            facts=facts,
            suppressed=live.suppressed,
        )

    def _conclude(self, tx: Tx, before: _Subject, live: _Live, facts: Facts | None) -> None:
        """Decide once more inside the transaction, where nothing can change beside it, and store it."""
        subject = self._subject(tx, before.admission.id)
        if subject is None or subject.prepared is not before.prepared:
            return  # closed or reloaded meanwhile: its timer, if any, brings it back
        question = self._question(tx, subject, live, facts)
        decision = decide(question)
        if decision.needs_facts and facts is None:
            # A guard let go between the two looks: come back at once for the facts.
            decide_at(tx, subject.admission, question.now)
            return
        self._store(tx, subject, decision, facts, question.now)

    def _store(
        self, tx: Tx, subject: _Subject, decision: Decision, facts: Facts | None, now: datetime
    ) -> None:
        admission = replace(
            subject.admission,
            outcome=decision.outcome,
            reason=decision.reason,
            target=decision.target,
            policy_hash=subject.prepared.policy.hash,
            held_since=decision.held_since,
            looked_at=now,
        )
        changed = (admission.outcome, admission.reason) != (
            subject.admission.outcome,
            subject.admission.reason,
        )
        run: Run | None = None
        if decision.outcome in (Outcome.RUN, Outcome.AWAITING_APPROVAL):
            run = self._create_run(tx, subject, decision, facts, now)
            admission = replace(admission, run_id=run.id, runs=admission.runs + 1, done=True)
        if decision.outcome is Outcome.SHADOW:
            tx.shadow_start(admission.policy, admission.target, admission.episode_id, now)
            admission = replace(admission, done=True)
        if decision.outcome is Outcome.NOTHING_TO_DO:
            admission = replace(admission, done=True)
        tx.save(admission)
        if changed or run is not None:
            keep_policy(tx, subject.prepared, now)
            record = record_decision(
                tx,
                decision,
                LookPhase.ENTRY,
                now,
                episode=subject.episode,
                prepared=subject.prepared,
                facts=facts,
                run_id=run.id if run else decision.join_run_id,
            )
            if decision.outcome is Outcome.SHADOW:
                watch_shadow(tx, record, decision, subject.episode, self._engine.capabilities)
        if decision.outcome is Outcome.JOINED and decision.join_run_id is not None:
            join_run(tx, admission, decision.join_run_id, now)
        else:
            settle(tx, admission, decision, now, subject.prepared.policy.document.recheck)
        if not _starts_at_once(decision) and lets_pass(subject.admission.reason, decision, subject.prepared):
            tx.wake_after(subject.admission, now)
        if admission.done:
            look_at_schedule(tx, admission.policy, now)

    def _create_run(
        self, tx: Tx, subject: _Subject, decision: Decision, facts: Facts | None, now: datetime
    ) -> Run:
        run = new_run(subject.prepared, decision, facts, subject.episode, now)
        run = tx.add(replace(run, admission_id=subject.admission.id))
        tx.join(run.id, subject.episode.id, now)
        note_run(
            tx,
            run,
            AuditAction.RUN_CREATED,
            now,
            option=run.option,
            plan_hash=run.plan_hash,
            actor_of_run=run.actor,
        )
        begin(tx, run, decision, now)
        return run


@dataclass(frozen=True, slots=True)
class _Live:
    answers: Mapping[Query, Answer]
    suppressed: bool | None


def new_run(
    prepared: PreparedPolicy, decision: Decision, facts: Facts | None, episode: Episode, now: datetime
) -> Run:
    """Return a run, not stored yet, that carries all it will need: a reload never changes it."""
    document = prepared.policy.document
    return Run(
        policy=prepared.policy.name,
        policy_hash=prepared.policy.hash,
        target=decision.target,
        resources=prepared.resources,
        priority=document.priority,
        episode_id=episode.id or None,
        option=decision.option,
        plan=decision.plan,
        plan_hash=decision.plan.hash() if decision.plan else None,
        facts=facts.json() if facts else None,
        context=episode_context(episode),
        document=prepared.document_json,
        created_at=now,
    )


def begin(tx: Tx, run: Run, decision: Decision, now: datetime) -> Run:
    """Set a new run going: ask first, hand it to people, or have it driven."""
    if decision.plan is None:
        return change_state(tx, run, RunEvent.GIVE_UP, now, reason=decision.reason, detail=decision.detail)
    if decision.asks:
        return ask_for_approval(tx, run, decision.asks[0], now)
    drive_at(tx, run, now)
    return run


def _starts_at_once(decision: Decision) -> bool:
    """Tell whether a run takes the place now: when it has, it lets those who wait look for more."""
    return decision.outcome is Outcome.RUN and decision.plan is not None
