"""Escalation: who is told while an episode stays open. Its clocks run whatever was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from remediator.engine.answers import Answers
from remediator.engine.capabilities import PreparedPolicy
from remediator.engine.context import Engine
from remediator.engine.escalation_rows import (
    AFTER_REMEDIES,
    acknowledged,
    end_escalation,
    rungs_of,
    tell_rung,
)
from remediator.engine.facts import FactGatherer
from remediator.engine.rungs import due_rungs, wants_a_look
from remediator.engine.scopes import episode_context, scope_of
from remediator.labels import is_drill
from remediator.policy.expressions import RenderError, Scope, compile_expression
from remediator.policy.promql import compile_promql
from remediator.policy.telling import Escalation as Rung
from remediator.runs.answers import PromQLQuery
from remediator.runs.episodes import Admission, Episode
from remediator.runs.news import Escalation
from remediator.runs.records import Run, TimerKind
from remediator.settings import Mode
from remediator.store.base import Reads, Tx


@dataclass(frozen=True, slots=True)
class _Subject:
    escalation: Escalation
    episode: Episode
    admission: Admission
    run: Run | None
    prepared: PreparedPolicy | None

    @property
    def over(self) -> str | None:
        """Why nobody is to be told any more, if so."""
        if not self.episode.open:
            return "closed"
        if self.prepared is None:
            return "policy_removed"
        return "policy_off" if self.prepared.policy.document.mode is Mode.OFF else None


class EscalationWatch:
    """Handles the timer of an escalation."""

    def __init__(self, engine: Engine, answers: Answers, facts: FactGatherer) -> None:
        self._engine = engine
        self._answers = answers
        self._facts = facts

    async def look(self, escalation_id: int) -> None:
        """Tell whoever is due, and set when to look again."""
        store = self._engine.store
        subject = await store.read(lambda reads: self._subject(reads, escalation_id))
        holds: Mapping[int, bool | None] = {}
        if subject is not None and subject.over is None:
            holds = await self._look_at_conditions(subject)
        await store.write(lambda tx: self._conclude(tx, escalation_id, holds))

    def _subject(self, reads: Reads, escalation_id: int) -> _Subject | None:
        escalation = reads.get(Escalation, escalation_id)
        if escalation is None or escalation.ended_at is not None:
            return None
        episode = reads.get(Episode, escalation.episode_id)
        admission = reads.get(Admission, escalation.admission_id)
        if episode is None or admission is None:
            return None
        run = reads.get(Run, admission.run_id) if admission.run_id is not None else None
        return _Subject(escalation, episode, admission, run, self._engine.policies.get(escalation.policy))

    async def _look_at_conditions(self, subject: _Subject) -> Mapping[int, bool | None]:
        now, prepared = self._engine.clock.now(), subject.prepared
        rungs = rungs_of(subject.escalation)
        wanted = wants_a_look(subject.escalation, rungs, now)
        if not wanted or prepared is None or acknowledged(subject.episode, now):
            return {}
        scope = await self._scope(subject, prepared, [rungs[at] for at in wanted])
        return {at: await self._holds(rungs[at], scope) for at in wanted}

    async def _scope(self, subject: _Subject, prepared: PreparedPolicy, rungs: Sequence[Rung]) -> Scope:
        context = episode_context(subject.episode)
        scope = scope_of(context, prepared.policy)
        read = {root for rung in rungs if rung.when for root, _ in compile_expression(rung.when).reads}
        if read & {"facts", "facts_detail"}:
            scope = scope_of(context, prepared.policy, await self._facts.gather(prepared, scope))
        return replace(scope, run=_run_entries(subject.run), decision=_decision_entries(subject.admission))

    async def _holds(self, rung: Rung, scope: Scope) -> bool | None:
        if rung.when is not None:
            return compile_expression(rung.when).evaluate(scope).holds
        try:
            query = PromQLQuery(compile_promql(rung.promql or "").render(scope))
        except RenderError:
            return None
        answer = (await self._answers.ask((query,)))[query]
        return None if answer.error is not None else answer.holds

    def _conclude(self, tx: Tx, escalation_id: int, holds: Mapping[int, bool | None]) -> None:
        subject = self._subject(tx, escalation_id)
        if subject is None:
            tx.clear_timer(TimerKind.ESCALATION, escalation_id)
            return
        now, escalation, episode = self._engine.clock.now(), subject.escalation, subject.episode
        if subject.over is not None or subject.prepared is None:
            end_escalation(tx, escalation, episode, now, why=subject.over or "policy_removed")
            return
        if acknowledged(episode, now):
            self._pause(tx, escalation, episode)
            return
        document = subject.prepared.policy.document
        shadow = in_shadow(self._engine, episode, document.mode)
        due = due_rungs(escalation, rungs_of(escalation), holds, now, document.recheck)
        for at, cause in due.rungs.items():
            escalation = tell_rung(
                tx, escalation, episode, at, cause, now, shadow=shadow, run_id=subject.admission.run_id
            )
        tx.save(replace(escalation, held_since=due.held_since, looked_at=now))
        if due.next_at is None:
            tx.clear_timer(TimerKind.ESCALATION, escalation.id)
        else:
            tx.set_timer(TimerKind.ESCALATION, escalation.id, due.next_at, AFTER_REMEDIES)

    def _pause(self, tx: Tx, escalation: Escalation, episode: Episode) -> None:
        """Somebody has it. What comes due meanwhile is told when that lapses, if it does."""
        if episode.acknowledged_until is None:
            tx.clear_timer(TimerKind.ESCALATION, escalation.id)
        else:
            tx.set_timer(TimerKind.ESCALATION, escalation.id, episode.acknowledged_until, AFTER_REMEDIES)


def in_shadow(engine: Engine, episode: Episode, mode: Mode | None) -> bool:
    """Tell whether nobody is really told: under the ceiling, by the policy's own mode, or in a drill."""
    return Mode.SHADOW in (engine.settings.mode, mode) or is_drill(episode.labels)


def _run_entries(run: Run | None) -> dict[str, object]:
    if run is None:
        return {}
    entries = {
        "id": run.id,
        "state": run.state,
        "reason": run.reason,
        "option": run.option,
        "lease": run.lease,
    }
    return {name: value for name, value in entries.items() if value is not None}


def _decision_entries(admission: Admission) -> dict[str, object]:
    entries = {"outcome": admission.outcome, "reason": admission.reason}
    return {name: value for name, value in entries.items() if value is not None}
