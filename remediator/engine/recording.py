"""Writing decisions down: the record with every verdict and its inputs, and the audit row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from remediator.engine.actors import ENGINE
from remediator.engine.capabilities import PreparedPolicy
from remediator.engine.scopes import Facts
from remediator.guards.base import LookPhase
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.runs.episodes import DecisionRecord, Episode
from remediator.runs.records import PolicyVersion
from remediator.runs.verdicts import Decision, Verdict
from remediator.store.base import Tx


def keep_policy(tx: Tx, prepared: PreparedPolicy, now: datetime) -> None:
    """Keep the document that a decision was made with."""
    tx.keep_policy(
        PolicyVersion(
            hash=prepared.policy.hash,
            name=prepared.policy.name,
            file=prepared.policy.file,
            document=prepared.document_json,
            first_seen_at=now,
        )
    )


def record_decision(
    tx: Tx,
    decision: Decision,
    phase: LookPhase,
    now: datetime,
    *,
    episode: Episode | None,
    prepared: PreparedPolicy | None = None,
    facts: Facts | None = None,
    run_id: int | None = None,
    actor: str = ENGINE,
) -> DecisionRecord:
    """Write a decision and its audit row. `episode` is None for runs by hand."""
    record = tx.add(
        DecisionRecord(
            at=now,
            phase=phase,
            episode_id=episode.id if episode else None,
            policy=prepared.policy.name if prepared else None,
            policy_hash=prepared.policy.hash if prepared else None,
            target=decision.target or None,
            outcome=decision.outcome,
            reason=decision.reason,
            detail=decision.detail,
            verdicts=[verdict_json(verdict) for verdict in decision.verdicts],
            facts=facts.json() if facts else None,
            option=decision.option,
            plan_hash=decision.plan.hash() if decision.plan else None,
            run_id=run_id,
            next_look_at=decision.next_look_at,
        )
    )
    tx.audit(_audit_entry(record, decision, episode, actor))
    return record


def _audit_entry(
    record: DecisionRecord, decision: Decision, episode: Episode | None, actor: str
) -> AuditEntry:
    verdicts = [
        {"guard": verdict.guard, "kind": verdict.kind, "reason": verdict.reason}
        for verdict in decision.verdicts
    ]
    return AuditEntry(
        at=record.at,
        actor=actor,
        action=AuditAction.DECISION,
        source=episode.source if episode else None,
        alertname=episode.alertname if episode else None,
        policy=record.policy,
        target=record.target,
        episode_id=record.episode_id,
        run_id=record.run_id,
        detail={
            "decision_id": record.id,
            "outcome": decision.outcome,
            "reason": decision.reason,
            "text": decision.detail,
            "phase": record.phase,
            "option": decision.option,
            "verdicts": verdicts,
        },
    )


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as the JSON that records and the API show."""
    return {
        "guard": verdict.guard,
        "key": verdict.key,
        "kind": str(verdict.kind),
        "reason": str(verdict.reason) if verdict.reason else None,
        "detail": verdict.detail,
        "until": verdict.until.isoformat().replace("+00:00", "Z") if verdict.until else None,
        "inputs": dict(verdict.inputs),
    }
