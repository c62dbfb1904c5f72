"""Starting a policy by hand: holds, locks, leases and approval bind; other guards are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from remediator.engine.actors import Actor
from remediator.engine.admission import question_for
from remediator.engine.answers import Answers
from remediator.engine.capabilities import PreparedPolicy
from remediator.engine.context import Engine
from remediator.engine.decide import decide
from remediator.engine.decider import begin, new_run
from remediator.engine.dispatch import Wakes
from remediator.engine.facts import FactGatherer
from remediator.engine.journal import note_run
from remediator.engine.recording import keep_policy, record_decision
from remediator.engine.results import Result, Status
from remediator.engine.scopes import Facts, episode_context, scope_of
from remediator.guards.base import LookPhase
from remediator.guards.evaluate import queries_of
from remediator.labels import ALERTNAME
from remediator.runs.answers import Answer, Query
from remediator.runs.audit import AuditAction
from remediator.runs.episodes import Episode
from remediator.runs.reasons import Outcome
from remediator.runs.verdicts import Decision, VerdictKind
from remediator.store.base import Reads, Tx


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is decided on: the alert that nobody sent, and what was learnt for it."""

    episode: Episode
    answers: Mapping[Query, Answer]
    facts: Facts


class ByHand:
    """Starts runs that a person asks for."""

    def __init__(self, engine: Engine, answers: Answers, facts: FactGatherer, waker: Wakes) -> None:
        self._engine = engine
        self._answers = answers
        self._facts = facts
        self._waker = waker

    async def run(
        self,
        policy: str,
        *,
        labels: Mapping[str, str],
        comment: str,
        override: bool,
        actor: Actor,
        plan_hash: str | None = None,
    ) -> Result:
        """Decide a policy as if an alert with `labels` fired, and start it.

        Guards that do not bind by hand still have to be overridden, with a comment, when they deny. With
        a `plan_hash` nothing but the plan of that hash is started.
        """
        prepared = self._engine.policies.get(policy)
        if prepared is None:
            return Result(Status.NOT_FOUND, f"there is no policy {policy!r}; see `remediator policies list`")
        if override and not comment.strip():
            return Result(Status.INVALID, "overriding a guard needs a comment that says why")
        asked = await self._ask(prepared, labels)
        result = await self._engine.store.write(
            lambda tx: self._conclude(tx, prepared, asked, actor, comment, plan_hash, override=override)
        )
        self._waker.wake()
        return result

    async def look(self, policy: str, *, labels: Mapping[str, str]) -> Decision | None:
        """Return what would be decided; nothing is written or started. None when there is no such policy."""
        prepared = self._engine.policies.get(policy)
        if prepared is None:
            return None
        asked = await self._ask(prepared, labels)
        now = self._engine.clock.now()
        return await self._engine.store.read(lambda reads: self._decide(reads, prepared, asked, now))

    async def _ask(self, prepared: PreparedPolicy, labels: Mapping[str, str]) -> _Asked:
        episode = _as_if(labels, self._engine.clock.now())
        scope = scope_of(episode_context(episode), prepared.policy)
        answers = await self._answers.ask(queries_of(prepared.uses, scope))
        return _Asked(episode, answers, await self._facts.gather(prepared, scope))

    def _decide(self, reads: Reads, prepared: PreparedPolicy, asked: _Asked, now: datetime) -> Decision:
        question = question_for(
            reads,
            self._engine,
            prepared,
            asked.episode,
            LookPhase.MANUAL,
            now,
            answers=asked.answers,
            facts=asked.facts,
        )
        return decide(replace(question, due_from=None))

    def _conclude(
        self,
        tx: Tx,
        prepared: PreparedPolicy,
        asked: _Asked,
        actor: Actor,
        comment: str,
        plan_hash: str | None,
        *,
        override: bool,
    ) -> Result:
        now = self._engine.clock.now()
        facts = asked.facts
        decision = self._decide(tx, prepared, asked, now)
        if plan_hash is not None and (decision.plan is None or decision.plan.hash() != plan_hash):
            return Result(Status.CONFLICT, "the plan is another one by now; look at it again, then decide")
        overridden = [verdict for verdict in decision.verdicts if verdict.kind is VerdictKind.DENY]
        if decision.outcome in (Outcome.RUN, Outcome.AWAITING_APPROVAL) and overridden and not override:
            denials = "; ".join(f"{verdict.guard}: {verdict.detail}" for verdict in overridden)
            return Result(Status.CONFLICT, f"override with a comment to run against {denials}")
        keep_policy(tx, prepared, now)
        if decision.outcome not in (Outcome.RUN, Outcome.AWAITING_APPROVAL):
            self._record(tx, prepared, decision, facts, None, actor, now)
            return Result(Status.CONFLICT, f"{decision.outcome} ({decision.reason}): {decision.detail}")
        run = tx.add(replace(new_run(prepared, decision, facts, asked.episode, now), actor=actor.name))
        self._record(tx, prepared, decision, facts, run.id, actor, now)
        note_run(
            tx,
            run,
            AuditAction.RUN_CREATED,
            now,
            actor=actor.name,
            option=run.option,
            plan_hash=run.plan_hash,
            comment=self._engine.redactor.text(comment),
            overridden=[verdict.guard for verdict in overridden],
        )
        return Result(Status.DONE, "started", begin(tx, run, decision, now))

    def _record(
        self,
        tx: Tx,
        prepared: PreparedPolicy,
        decision: Decision,
        facts: Facts,
        run_id: int | None,
        actor: Actor,
        now: datetime,
    ) -> None:
        record_decision(
            tx,
            decision,
            LookPhase.MANUAL,
            now,
            episode=None,
            prepared=prepared,
            facts=facts,
            run_id=run_id,
            actor=actor.name,
        )


def _as_if(labels: Mapping[str, str], now: datetime) -> Episode:
    """An alert that nobody sent: id 0, no source, never stored."""
    return Episode(
        source="",
        fingerprint="",
        alertname=labels.get(ALERTNAME, ""),
        labels=dict(labels),
        annotations={},
        generator_url="",
        starts_at=now,
        opened_at=now,
        last_seen_at=now,
    )
