"""Escalations in the store: opened with an admission, told rung by rung, ended with the episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from remediator.engine.actors import ENGINE
from remediator.policy.telling import Escalation as Rung
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.runs.episodes import Admission, Episode
from remediator.runs.news import Escalation, EscalationCause
from remediator.runs.records import TimerKind
from remediator.store.base import Filter, Reads, Tx

# Telling people comes after what remedies, whatever priority a policy has.
AFTER_REMEDIES = 2**30
# One episode has an escalation for each policy that matched it.
_ALL = 500


def open_escalation(tx: Tx, admission: Admission, rungs: Sequence[Rung], episode: Episode) -> None:
    """Start the clocks of one policy for one episode. They count from the episode's opening."""
    if not rungs:
        return
    escalation = tx.add(
        Escalation(
            admission_id=admission.id,
            episode_id=episode.id,
            policy=admission.policy,
            target=admission.target,
            rungs=[rung.model_dump(mode="json", exclude_none=True) for rung in rungs],
            opened_at=episode.opened_at,
        )
    )
    tx.set_timer(TimerKind.ESCALATION, escalation.id, admission.created_at, AFTER_REMEDIES)


def rungs_of(escalation: Escalation) -> tuple[Rung, ...]:
    """Return the rungs as they were when the episode opened."""
    return tuple(Rung.model_validate(rung) for rung in escalation.rungs)


def escalation_of(reads: Reads, admission_id: int) -> Escalation | None:
    """Return the escalation of an admission, if its policy has one."""
    found = reads.select(Escalation, Filter(equal={"admission_id": admission_id}, limit=1))
    return found[0] if found else None


def look_at_escalations(tx: Tx, episode: Episode, now: datetime) -> None:
    """Have the clocks of an episode looked at: somebody acknowledged it."""
    for escalation in _running(tx, episode):
        tx.set_timer(TimerKind.ESCALATION, escalation.id, now, AFTER_REMEDIES)


def end_escalations(tx: Tx, episode: Episode, now: datetime) -> None:
    """Stop the clocks of an episode that closed."""
    for escalation in _running(tx, episode):
        end_escalation(tx, escalation, episode, now, why="closed")


def end_escalation(tx: Tx, escalation: Escalation, episode: Episode, now: datetime, *, why: str) -> None:
    """Stop one policy's clocks."""
    tx.save(replace(escalation, ended_at=now, held_since={}))
    tx.clear_timer(TimerKind.ESCALATION, escalation.id)
    untold = [rung for at, rung in enumerate(escalation.rungs) if str(at) not in escalation.told]
    if untold:
        detail = {"escalation_id": escalation.id, "reason": why, "not_told": [rung["to"] for rung in untold]}
        tx.audit(_entry(escalation, episode, AuditAction.ESCALATION_ENDED, now, detail))


def tell_rung(
    tx: Tx,
    escalation: Escalation,
    episode: Episode,
    at: int,
    cause: EscalationCause,
    now: datetime,
    *,
    shadow: bool,
    run_id: int | None,
    text: str = "",
) -> Escalation:
    """Note that a rung's contact is told; the news itself follows from the audit row.

    In shadow it is only noted. A rung that was told before is told anew of another cause.
    """
    rung = escalation.rungs[at]
    detail = {
        "escalation_id": escalation.id,
        "rung": at,
        "to": rung["to"],
        "cause": cause,
        "condition": {key: value for key, value in rung.items() if key != "to"},
        "again": str(at) in escalation.told,
        "seconds_open": round((now - escalation.opened_at).total_seconds(), 3),
        "text": text,
    }
    action = AuditAction.ESCALATION_WOULD_TELL if shadow else AuditAction.ESCALATION_TOLD
    tx.audit(replace(_entry(escalation, episode, action, now, detail), run_id=run_id))
    return tx.save(replace(escalation, told={str(at): now, **escalation.told}))


def acknowledged(episode: Episode, now: datetime) -> bool:
    """Tell whether somebody has it: until it closes, or until the time that they named."""
    if episode.acknowledged_by is None:
        return False
    return episode.acknowledged_until is None or episode.acknowledged_until > now


def _running(reads: Reads, episode: Episode) -> list[Escalation]:
    found = reads.select(Escalation, Filter(equal={"episode_id": episode.id}, limit=_ALL))
    return [escalation for escalation in found if escalation.ended_at is None]


def _entry(
    escalation: Escalation, episode: Episode, action: AuditAction, now: datetime, detail: dict[str, Any]
) -> AuditEntry:
    return AuditEntry(
        at=now,
        actor=ENGINE,
        action=action,
        source=episode.source,
        alertname=episode.alertname,
        policy=escalation.policy,
        target=escalation.target or None,
        episode_id=episode.id,
        detail=detail,
    )
