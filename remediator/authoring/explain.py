"""What would happen to a payload: policy by policy, guard by guard, with the engine's own decision function.

Nothing is asked and nothing is done: live guards stay `pending`, facts are those that are handed in, and
there is no history, so nothing cools down and nothing is held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remediator.alerts import Alert, Payload
from remediator.engine.capabilities import Capabilities, PreparedPolicy, prepare
from remediator.engine.decide import Question, decide
from remediator.engine.planning import PlanRefusedError, build_plan
from remediator.engine.recording import verdict_json
from remediator.engine.scopes import Facts, episode_context, scope_of
from remediator.guards.base import LookPhase
from remediator.labels import ALERTNAME
from remediator.policy.expressions import RenderError, Scope
from remediator.policy.loaded import LoadedPolicy, PolicySet
from remediator.policy.model import Option
from remediator.runs.episodes import Episode
from remediator.runs.history import History
from remediator.runs.verdicts import Decision
from remediator.settings import Mode

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is assumed besides the payload."""

    policies: PolicySet
    capabilities: Capabilities
    ceiling: Mode
    now: datetime
    facts: Mapping[str, Any]


def explain(payload: Payload, around: Circumstances) -> list[Json]:
    """Return one report an alert: what each policy says to it."""
    return [_explain_alert(alert, around) for alert in payload.alerts]


def _explain_alert(alert: Alert, around: Circumstances) -> Json:
    policies = sorted(
        around.policies.policies.values(),
        key=lambda policy: (not policy.matches(alert.labels), policy.document.priority, policy.name),
    )
    return {
        "alertname": alert.labels.get(ALERTNAME, ""),
        "status": str(alert.status),
        "fingerprint": alert.fingerprint,
        "labels": alert.labels,
        "policies": [_explain_policy(policy, alert, around) for policy in policies],
    }


def _explain_policy(policy: LoadedPolicy, alert: Alert, around: Circumstances) -> Json:
    matchers = [
        {
            "matcher": str(matcher),
            "holds": matcher.matches(alert.labels),
            "value": alert.labels.get(matcher.name, ""),
        }
        for matcher in policy.matchers
    ]
    head: Json = {
        "policy": policy.name,
        "file": policy.file,
        "matched": policy.matches(alert.labels),
        "matchers": matchers,
    }
    if not head["matched"]:
        return head
    prepared = prepare(policy, around.capabilities)
    scope = scope_of(_context(alert, around.now), policy, Facts(values=around.facts))
    decision = decide(
        Question(
            prepared=prepared,
            capabilities=around.capabilities,
            ceiling=around.ceiling,
            phase=LookPhase.ADMISSION,
            now=around.now,
            scope=scope,
            history=History(),
        )
    )
    return head | _decision(decision) | _of_document(prepared, scope, around)


def _context(alert: Alert, now: datetime) -> Json:
    episode = Episode(
        source="default",
        fingerprint=alert.fingerprint,
        alertname=alert.labels.get(ALERTNAME, ""),
        labels=alert.labels,
        annotations=alert.annotations,
        generator_url=alert.generator_url,
        starts_at=alert.starts_at,
        opened_at=now,
        last_seen_at=now,
    )
    return episode_context(episode)


def _decision(decision: Decision) -> Json:
    return {
        "outcome": str(decision.outcome),
        "reason": str(decision.reason) if decision.reason else None,
        "detail": decision.detail,
        "target": decision.target,
        "verdicts": [verdict_json(verdict) for verdict in decision.verdicts],
    }


def _of_document(prepared: PreparedPolicy, scope: Scope, around: Circumstances) -> Json:
    document = prepared.policy.document
    return {
        "mode": str(min((around.ceiling, document.mode), key=_STRICTNESS.index)),
        "settle_seconds": document.settle.total_seconds(),
        "facts": [
            {"fact": fact.fact, "uses": fact.uses, "given": fact.fact in around.facts}
            for fact in document.diagnose
        ],
        "options": [_option(option, prepared, scope, around) for option in document.options],
    }


_STRICTNESS = (Mode.OFF, Mode.SHADOW, Mode.ENFORCE)


def _option(option: Option, prepared: PreparedPolicy, scope: Scope, around: Circumstances) -> Json:
    report: Json = {"option": option.name, "when": option.when, "applies": True, "why_not": None}
    section = prepared.policy.unavailable.get(option.name)
    if section is not None:
        return report | {"applies": False, "why_not": f"remediator.yaml has no {section}", "plan": None}
    if option.when is not None:
        truth = prepared.policy.expressions[option.when].evaluate(scope)
        report["applies"] = None if truth.unknown else truth.holds
        if truth.unknown:
            report["why_not"] = f"depends on {', '.join(truth.unknown)}"
        elif not truth.holds:
            report["why_not"] = "when is false"
    report["approval"] = option.approval.model_dump(mode="json", by_alias=True) if option.approval else None
    try:
        plan = build_plan(prepared, option, scope, around.capabilities)
    except (RenderError, PlanRefusedError) as error:
        return report | {"plan": None, "plan_problem": str(error)}
    return report | {"plan": plan.model_dump(mode="json", by_alias=True), "plan_hash": plan.hash()}
