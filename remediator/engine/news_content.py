"""What a notice tells: a snapshot of the alert, the run and what is known, as of one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from remediator.policy.links import context_scope, rendered_links
from remediator.policy.model import Policy
from remediator.runs.episodes import Episode
from remediator.runs.news import Language
from remediator.runs.plan import Plan
from remediator.runs.records import ApprovalState, Run
from remediator.runs.states import LeaseState
from remediator.settings import Settings
from remediator.store.base import Reads

_STANDING = (LeaseState.OPEN, LeaseState.OVERDUE)
_LONGEST = 500
_MOST = 30


def content_of(
    reads: Reads,
    settings: Settings,
    document: Policy,
    now: datetime,
    *,
    run: Run | None,
    origin: Run | None,
    episode: Episode | None,
    context: Mapping[str, Any],
    target: str,
    language: Language,
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the content of a notice. `origin` is the run that began it, `run` the one that is told of."""
    labels, annotations = context.get("labels", {}), context.get("annotations", {})
    opened_at = episode.opened_at if episode is not None else (origin.created_at if origin else now)
    ended_at = now if episode is None or episode.closed_at is None else episode.closed_at
    shown = run if run is not None else origin
    return {
        "policy": document.policy,
        "description": document.description,
        "owner": document.owner,
        "runbook_url": document.runbook_url,
        "target": target,
        "alertname": _short(labels.get("alertname", document.policy)),
        "severity": _short(labels.get("severity", "")),
        "summary": _short(annotations.get("summary", "")),
        "episode_id": episode.id if episode is not None and episode.open else None,
        "opened_at": _iso(opened_at),
        "seconds_open": (ended_at - opened_at).total_seconds(),
        "run": _run(shown),
        "url": _url(settings, shown),
        "steps": _steps(shown.plan) if shown is not None and shown.plan is not None else [],
        "plan_hash": shown.plan_hash if shown is not None else None,
        "facts": _facts(origin),
        "approval": _approval(reads, shown),
        "changes": _changes(reads, origin),
        "words": getattr(document.communication, language).model_dump(),
        "links": rendered_links(document.links, context_scope(context)),
        "escalation": None,
        "decision": None,
        "every_seconds": None,
        **extra,
    }


def _run(run: Run | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "id": run.id,
        "state": run.state,
        "reason": run.reason,
        "detail": _short(run.detail),
        "option": run.option,
        "actor": run.actor,
    }


def _url(settings: Settings, run: Run | None) -> str | None:
    base = settings.server.public_url
    return f"{str(base).rstrip('/')}/runs/{run.id}" if base is not None and run is not None else None


def _steps(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "action": step.action,
            "params": {name: _short(value) for name, value in list(step.params.items())[:_MOST]},
        }
        for step in plan.steps
    ]


def _facts(run: Run | None) -> dict[str, Any]:
    values = run.facts["values"] if run is not None and run.facts else {}
    shown = list(values.items())[:_MOST]
    return {
        name: value if value is None or isinstance(value, bool) else _short(value) for name, value in shown
    }


def _approval(reads: Reads, run: Run | None) -> dict[str, Any] | None:
    request = reads.approval_of_run(run.id) if run is not None else None
    if request is None or request.state is not ApprovalState.PENDING:
        return None
    return {"from": list(request.from_), "count": request.count, "expires_at": _iso(request.expires_at)}


def _changes(reads: Reads, run: Run | None) -> list[dict[str, Any]]:
    leases = reads.leases_of_run(run.id) if run is not None else []
    return [
        {"resource": one.resource, "attribute": one.attribute, "expires_at": _iso(one.expires_at)}
        for one in leases
        if one.state in _STANDING
    ]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
