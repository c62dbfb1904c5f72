"""Starting a policy by hand: holds, locks, leases and approval bind; other guards are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
from remediator.store.base import Tx


class ByHand:
    """Starts runs that a person asks for."""

    def __init__(self, engine: Engine, answers: Answers, facts: FactGatherer, waker: Wakes) -> None:
        self._engine = engine
        self._answers = answers
        self._facts = facts
        self._waker = waker

    async def run(
        self, policy: str, *, labels: Mapping[str, str], comment: str, override: bool, actor: Actor
    ) -> Result:
        """Decide a policy as if an alert with `labels` fired, and start it.

        Guards that do not bind by hand still have to be overridden, with a comment, when they deny.
        """
        prepared = self._engine.policies.get(policy)
        if prepared is None:
            return Result(Status.NOT_FOUND, f"there is no policy {policy!r}; see `remediator policies list`")
        if override and not comment.strip():
            return Result(Status.INVALID, "overriding a guard needs a comment that says why")
        episode = _as_if(labels, self._engine.clock.now())
        scope = scope_of(episode_context(episode), prepared.policy)
        answers = await self._answers.ask(queries_of(prepared.uses, scope))
        facts = await self._facts.gather(prepared, scope)
        result = await self._engine.store.write(
            lambda tx: self._conclude(
                tx, prepared, episode, answers, facts, actor, comment, override=override
            )
        )
        self._waker.wake()
        return result

    def _conclude(
        self,
        tx: Tx,
        prepared: PreparedPolicy,
        episode: Episode,
        answers: Mapping[Query, Answer],
        facts: Facts,
        actor: Actor,
        comment: str,
        *,
        override: bool,
    ) -> Result:
        now = self._engine.clock.now()
        question = replace(
            question_for(
                tx, self._engine, prepared, episode, LookPhase.MANUAL, now, answers=answers, facts=facts
            ),
            due_from=None,
        )
        decision = decide(question)
        overridden = [verdict for verdict in decision.verdicts if verdict.kind is VerdictKind.DENY]
        if decision.outcome in (Outcome.RUN, Outcome.AWAITING_APPROVAL) and overridden and not override:
            denials = "; ".join(f"{verdict.guard}: {verdict.detail}" for verdict in overridden)
            return Result(Status.CONFLICT, f"override with a comment to run against {denials}")
        keep_policy(tx, prepared, now)
        if decision.outcome not in (Outcome.RUN, Outcome.AWAITING_APPROVAL):
            self._record(tx, prepared, decision, facts, None, actor, now)
            return Result(Status.CONFLICT, f"{decision.outcome} ({decision.reason}): {decision.detail}")
        run = tx.add(replace(new_run(prepared, decision, facts, episode, now), actor=actor.name))
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
