"""Looks, after a shadow decision, at what its verification would have looked at. Never acts, locks nothing.

Each look is a timer of its own: between looks nothing waits, and a restart goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from remediator.engine.admission import question_for
from remediator.engine.answers import Answers
from remediator.engine.context import Engine
from remediator.engine.decide import decide
from remediator.engine.recording import verdict_json
from remediator.engine.scopes import episode_context, scope_of
from remediator.engine.shadow import after_look, ended, is_opening, next_look_at
from remediator.engine.shadow_records import keep_end, keep_looking
from remediator.engine.verification import AsksFreshPromQL, CheckLook, Verifier
from remediator.guards.base import LookPhase
from remediator.guards.evaluate import queries_of
from remediator.runs.answers import Answer, PromQLQuery
from remediator.runs.episodes import Episode
from remediator.runs.records import TimerKind
from remediator.runs.shadow import ShadowObservation, ShadowReason, WouldVerify
from remediator.runs.verdicts import VerdictKind
from remediator.store.base import Reads, Tx


class SharedPromQL:
    """Asks PromQL through the answers that guards share: equal questions within a tick are asked once."""

    def __init__(self, answers: Answers, promql: AsksFreshPromQL) -> None:
        self._answers = answers
        self._promql = promql

    async def query(self, expr: str) -> Answer:
        """Answer an instant query."""
        query = PromQLQuery(expr)
        return (await self._answers.ask((query,)))[query]

    async def scraped_after(self, expr: str, moment: datetime) -> bool:
        """Tell whether every series that `expr` reads was scraped after `moment`."""
        return await self._promql.scraped_after(expr, moment)


class ShadowWatch:
    """Handles the timer of a shadow observation."""

    def __init__(self, engine: Engine, answers: Answers, promql: AsksFreshPromQL) -> None:
        self._engine = engine
        self._answers = answers
        shared = SharedPromQL(answers, promql)
        self._verifier = Verifier(engine.capabilities, engine.clock, shared)

    async def look(self, observation_id: int) -> None:
        """Look once, and write down what was seen."""
        store = self._engine.store
        observation = await store.read(lambda reads: reads.get(ShadowObservation, observation_id))
        if observation is None or not observation.pending or observation.plan.verify is None:
            await store.write(lambda tx: tx.clear_timer(TimerKind.SHADOW, observation_id))
            return
        if self._engine.policies.get(observation.policy) is None:
            await store.write(lambda tx: self._leave_off(tx, observation))
            return
        opening = is_opening(observation, self._engine.clock.now())
        since = None if opening else observation.steps_end_at
        looks = await self._verifier.look(observation.plan.verify, since)
        later = None if opening else await self._guards_later(observation)
        await store.write(lambda tx: self._conclude(tx, observation, looks, later))

    def _conclude(
        self, tx: Tx, before: ShadowObservation, looks: Sequence[CheckLook], guards_later: Any
    ) -> None:
        observation = tx.get(ShadowObservation, before.id)
        verify = before.plan.verify
        if observation is None or verify is None or observation.looked_at != before.looked_at:
            return  # somebody was faster
        now = self._engine.clock.now()
        redacted = [replace(look, detail=self._engine.redactor.text(look.detail)) for look in looks]
        seen = after_look(observation, verify, redacted, now)
        if guards_later is not None:
            seen = replace(seen, guards_later=guards_later)
        if seen.pending:
            keep_looking(tx, seen, next_look_at(seen, verify))
        else:
            keep_end(tx, seen, now)

    def _leave_off(self, tx: Tx, before: ShadowObservation) -> None:
        observation = tx.get(ShadowObservation, before.id)
        if observation is not None and observation.pending:
            now = self._engine.clock.now()
            keep_end(tx, ended(observation, WouldVerify.UNKNOWN, ShadowReason.POLICY_REMOVED, now), now)

    async def _guards_later(self, observation: ShadowObservation) -> Any:
        """Say which guards would have denied a plan that people agreed to meanwhile; None: not looked at.

        A run looks at its guards again right before acting. Without an approval that is at once, and
        the decision says it; with one, some time passes first.
        """
        if not observation.asks or observation.guards_later is not None:
            return None
        engine = self._engine
        found = await engine.store.read(
            lambda reads: (
                reads.get(Episode, observation.episode_id),
                reads.policy_version(observation.policy_hash),
            )
        )
        episode, version = found
        if episode is None or version is None or not episode.open:
            return None  # it resolved: a request for approval would have been withdrawn
        prepared = engine.policies.as_decided(version.hash, version.document)
        scope = scope_of(episode_context(episode), prepared.policy)
        answers = await self._answers.ask(queries_of(prepared.uses, scope))
        suppressed = await self._answers.suppressed(episode.source, episode.fingerprint)

        def denials(reads: Reads) -> list[dict[str, Any]]:
            now = engine.clock.now()
            question = question_for(
                reads,
                engine,
                prepared,
                episode,
                LookPhase.ACTING,
                now,
                answers=answers,
                suppressed=suppressed,
            )
            # Its own start is in shadow's ledger by now, and does not stand in its own way.
            earlier = tuple(start for start in question.history.starts if start.at < observation.decided_at)
            question = replace(
                question,
                history=replace(question.history, starts=earlier),
                joinable_run_id=None,
                due_from=None,
            )
            verdicts = decide(question).verdicts
            return [verdict_json(verdict) for verdict in verdicts if verdict.kind is VerdictKind.DENY]

        return await engine.store.read(denials)
