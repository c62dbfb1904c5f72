"""Shadow observations in the store: begun with a decision, ended, and told when the alert resolved."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from pydantic import ValidationError

from remediator.durations import format_duration
from remediator.engine.actors import ENGINE
from remediator.engine.capabilities import Capabilities
from remediator.engine.shadow import ended
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.runs.episodes import DecisionRecord, Episode
from remediator.runs.plan import Plan, PlannedStep
from remediator.runs.records import StepRecord, TimerKind
from remediator.runs.shadow import ShadowObservation, ShadowReason, WouldVerify
from remediator.runs.states import StepPhase, StepState
from remediator.runs.verdicts import Ask, Decision
from remediator.store.base import Filter, Reads, Tx

MOST_AT_ONCE = 200
"""Observations under way at once; a storm's further decisions are recorded without one."""
_TYPICAL_STEP = timedelta(seconds=5)
_REMEMBERED_STEPS = 20
# After everything real: whatever else is due goes first, whatever priority its policy has.
_LAST = 2**31


def watch_shadow(
    tx: Tx, record: DecisionRecord, decision: Decision, episode: Episode, capabilities: Capabilities
) -> None:
    """Begin to observe what became of a shadow decision; one without a plan leaves nothing to look at."""
    plan = decision.plan
    if plan is None:
        return
    now = record.at
    steps_end_at = now + steps_last(tx, plan, capabilities)
    observation = ShadowObservation(
        decision_id=record.id,
        episode_id=episode.id,
        policy=plan.policy,
        policy_hash=plan.policy_hash,
        target=plan.target,
        option=plan.option,
        plan=plan,
        asks=[_ask_json(ask) for ask in decision.asks],
        decided_at=now,
        steps_end_at=steps_end_at,
        look_until=steps_end_at + (plan.verify.within if plan.verify else timedelta(0)),
    )
    if plan.verify is None:
        observation = ended(observation, WouldVerify.UNKNOWN, ShadowReason.NO_VERIFICATION, now)
    elif tx.timers(TimerKind.SHADOW) >= MOST_AT_ONCE:
        observation = ended(observation, WouldVerify.UNKNOWN, ShadowReason.TOO_MANY, now)
    observation = tx.add(observation)
    _note(
        tx,
        observation,
        AuditAction.SHADOW_WATCHED,
        now,
        option=plan.option,
        plan_hash=plan.hash(),
        would_ask=observation.asks,
        steps_end_at=_iso(observation.steps_end_at),
        look_until=_iso(observation.look_until),
        reason=observation.reason,
    )
    if observation.pending:
        tx.set_timer(TimerKind.SHADOW, observation.id, now, _LAST)


def keep_looking(tx: Tx, observation: ShadowObservation, due_at: datetime) -> None:
    """Keep what was seen so far, and set the next look."""
    tx.save(observation)
    tx.set_timer(TimerKind.SHADOW, observation.id, due_at, _LAST)


def keep_end(tx: Tx, observation: ShadowObservation, now: datetime) -> None:
    """Keep what was seen in the end; nobody looks any more."""
    tx.save(observation)
    tx.clear_timer(TimerKind.SHADOW, observation.id)
    _note(
        tx,
        observation,
        AuditAction.SHADOW_VERIFIED,
        now,
        would_verify=observation.would_verify,
        reason=observation.reason,
        held_at_decision=observation.held_at_decision,
        first_held_at=_iso(observation.first_held_at),
        looks=observation.looks,
        unanswered=observation.unanswered,
        missed=observation.missed,
        guards_later=observation.guards_later,
    )


def note_resolved(tx: Tx, episode: Episode, now: datetime) -> None:
    """Note on an episode's observations when it closed, and how. They look on: the checks are what counts."""
    for observation in tx.select(ShadowObservation, Filter(equal={"episode_id": episode.id}, limit=500)):
        if observation.resolved_at is not None:
            continue
        tx.save(replace(observation, resolved_at=now, close_reason=episode.close_reason))
        _note(
            tx,
            observation,
            AuditAction.SHADOW_RESOLVED,
            now,
            reason=episode.close_reason,
            seconds_after_decision=round((now - observation.decided_at).total_seconds(), 3),
        )


def steps_last(reads: Reads, plan: Plan, capabilities: Capabilities) -> timedelta:
    """Estimate how long a plan's steps would take: waits as they say, others as they did lately."""
    return sum((_lasts(reads, step, capabilities) for step in plan.steps), timedelta(0))


def _lasts(reads: Reads, step: PlannedStep, capabilities: Capabilities) -> timedelta:
    try:
        said = capabilities.action(step.action).lasts(capabilities.typed(step))
    except ValidationError:
        said = timedelta(0)  # a result of an earlier step stands where its length will be
    if said:
        return said
    equal = {"action": step.action, "state": StepState.SUCCEEDED, "phase": StepPhase.ACT}
    known = reads.select(StepRecord, Filter(equal=equal, limit=_REMEMBERED_STEPS))
    seconds = [
        (record.finished_at - record.started_at).total_seconds()
        for record in known
        if record.finished_at is not None
    ]
    return timedelta(seconds=median(seconds)) if seconds else _TYPICAL_STEP


def _note(
    tx: Tx, observation: ShadowObservation, action: AuditAction, now: datetime, /, **detail: Any
) -> None:
    tx.audit(
        AuditEntry(
            at=now,
            actor=ENGINE,
            action=action,
            policy=observation.policy,
            target=observation.target,
            episode_id=observation.episode_id,
            detail={"observation_id": observation.id, "decision_id": observation.decision_id, **detail},
        )
    )


def _ask_json(ask: Ask) -> dict[str, Any]:
    approval = ask.approval
    return {
        "level": ask.level,
        "from": list(approval.from_),
        "count": approval.count,
        "expires": format_duration(approval.expires),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
