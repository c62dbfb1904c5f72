"""What a simulated remediator has decided and done by now, as expectations compare it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remediator.authoring.policy_tests.telling import escalations_in, notices_by_channel
from remediator.runs.audit import AuditAction, AuditRow
from remediator.runs.episodes import DecisionRecord, Episode
from remediator.runs.news import Notice
from remediator.runs.plan import PlannedStep
from remediator.runs.records import ApprovalRequest, Lease, Run, StepRecord
from remediator.runs.states import LeaseState, RunKind
from remediator.store.base import Filter, Order, Reads

_ALL = 100_000
NONE = "none"
"""Stands for what is not there."""


@dataclass(frozen=True, slots=True)
class View:
    """What is looked at: one policy, and the alerts with these labels. Times are told since `start`."""

    policy: str
    labels: Mapping[str, str]
    start: datetime
    channels: tuple[str, ...]
    """All that there are, so that one without notices is told from one that does not exist."""


def observe(reads: Reads, view: View) -> dict[str, Any]:
    """Return everything that can be expected of what a view shows."""
    policy, labels = view.policy, view.labels
    episodes = [
        episode for episode in _newest(reads, Episode) if labels.items() <= dict(episode.labels).items()
    ]
    ids = {episode.id for episode in episodes}

    def about(episode_id: int | None) -> bool:
        return not labels or episode_id in ids

    decisions = [one for one in _of(reads, DecisionRecord, policy) if about(one.episode_id)]
    runs = [one for one in _of(reads, Run, policy) if about(one.episode_id)]
    remedies = [run for run in runs if run.kind is RunKind.REMEDIATION]
    reverts = [run for run in runs if run.kind is RunKind.REVERT]
    requests = [one for run in remedies for one in _requests(reads, run)]
    notices = [one for one in reversed(_of(reads, Notice, policy)) if about(one.episode_id)]
    rows = audit_of(reads)
    return {
        "decision": _decision(decisions[0]) if decisions else NONE,
        "guards": _guards(decisions[0]) if decisions else {},
        "plan": _plan(remedies[0]) if remedies and remedies[0].plan else {},
        "run": _run(remedies[0]) if remedies else NONE,
        "runs": len(remedies),
        "steps": [step for run in reversed(runs) for step in _steps(reads, run)] if runs else [],
        "verification": _verification(rows, policy, about),
        "approval": _approval(max(requests, key=lambda one: one.id)) if requests else NONE,
        "revert": _revert(reverts[0]) if reverts else NONE,
        "leases": [_lease(lease) for lease in reversed(_of(reads, Lease, policy)) if _stands(lease)],
        "episode": _episode(episodes[0]) if episodes else NONE,
        "escalations": escalations_in(rows, policy, about, view.start),
        "notifications": notices_by_channel(notices, view.channels, view.start),
        "audit": [_row(row) for row in rows],
    }


def audit_of(reads: Reads) -> list[AuditRow]:
    """Return the whole audit log, oldest first."""
    return reads.audit_rows(Filter(order=Order.OLDEST, limit=_ALL))


def _newest(reads: Reads, kind: type[Any]) -> list[Any]:
    return reads.select(kind, Filter(limit=_ALL))


def _of(reads: Reads, kind: type[Any], policy: str) -> list[Any]:
    return reads.select(kind, Filter(equal={"policy": policy}, limit=_ALL))


def _requests(reads: Reads, run: Run) -> list[ApprovalRequest]:
    return reads.select(ApprovalRequest, Filter(equal={"run_id": run.id}, limit=_ALL))


def _decision(record: DecisionRecord) -> dict[str, Any]:
    denials = [verdict["key"] for verdict in record.verdicts if verdict["kind"] == "deny"]
    return {
        "outcome": record.outcome,
        "reason": record.reason,
        "guard": denials[0] if denials else None,
        "option": record.option,
        "target": record.target,
        "detail": record.detail,
    }


def _guards(record: DecisionRecord) -> dict[str, Any]:
    return {verdict["key"]: verdict["reason"] or verdict["kind"] for verdict in record.verdicts}


def _run(run: Run) -> dict[str, Any]:
    return {
        "state": run.state,
        "reason": run.reason,
        "option": run.option,
        "tried": list(run.tried),
        "lease": run.lease,
        "target": run.target,
        "detail": run.detail,
    }


def _revert(run: Run) -> dict[str, Any]:
    return {
        "state": run.state,
        "reason": run.reason,
        "trigger": run.revert_trigger,
        "option": run.option,
        "detail": run.detail,
    }


def _plan(run: Run) -> dict[str, Any]:
    plan = run.plan
    if plan is None:
        return {}
    steps = [_planned(step) for step in plan.steps]
    return {"option": plan.option, "target": plan.target, "steps": steps}


def _planned(step: PlannedStep) -> dict[str, Any]:
    return {"uses": step.action, "with": step.params}


def _steps(reads: Reads, run: Run) -> list[dict[str, Any]]:
    """A run's steps in the order of their first attempts."""
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    records: list[StepRecord] = reads.steps_of_run(run.id)
    for record in records:
        key = (record.option, record.phase, record.position)
        found[key] = {
            **found.get(key, {}),
            "uses": record.action,
            "with": record.params,
            "state": record.state,
            "phase": record.phase,
            "attempts": found.get(key, {}).get("attempts", 0) + 1,
            "option": record.option,
        }
    return list(found.values())


def _verification(rows: list[AuditRow], policy: str, about: Any) -> str:
    looks = [
        json.loads(row.detail)["ok"]
        for row in rows
        if row.action == AuditAction.VERIFICATION and row.policy == policy and about(row.episode_id)
    ]
    return {True: "succeeded", False: "failed"}[looks[-1]] if looks else NONE


def _approval(request: ApprovalRequest) -> dict[str, Any]:
    return {
        "state": request.state,
        "level": request.level,
        "option": request.option,
        "from": list(request.from_),
        "count": request.count,
    }


def _stands(lease: Lease) -> bool:
    return lease.state in (LeaseState.OPEN, LeaseState.OVERDUE)


def _lease(lease: Lease) -> dict[str, Any]:
    return {"resource": lease.resource, "attribute": lease.attribute, "state": lease.state}


def _episode(episode: Episode) -> dict[str, Any]:
    return {"state": "open" if episode.open else "closed", "reason": episode.close_reason}


def _row(row: AuditRow) -> dict[str, Any]:
    return {"action": row.action, "actor": row.actor, "detail": json.loads(row.detail)}
