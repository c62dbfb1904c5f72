"""The parts of an explanation as JSON: what was decided, the facts, and each option with its plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remediator.engine.capabilities import Capabilities, PreparedPolicy
from remediator.engine.planning import PlanRefusedError, build_plan
from remediator.engine.recording import verdict_json
from remediator.engine.scopes import Facts
from remediator.guards.base import LookPhase
from remediator.policy.expressions import Expression, RenderError, Scope
from remediator.policy.model import Approval, Fact, Option
from remediator.runs.episodes import Admission
from remediator.runs.verdicts import Decision

Json = dict[str, Any]

_OF_FACTS = ("facts", "facts_detail")


def of_decision(phase: LookPhase, decision: Decision) -> Json:
    """Return a decision as explanations show it."""
    at = decision.next_look_at
    return {
        "phase": str(phase),
        "outcome": str(decision.outcome),
        "reason": str(decision.reason) if decision.reason else None,
        "detail": decision.detail,
        "target": decision.target or None,
        "verdicts": [verdict_json(verdict) for verdict in decision.verdicts],
        "option": decision.option,
        "plan_hash": decision.plan.hash() if decision.plan else None,
        "asks": [{"level": ask.level} | _approval(ask.approval) for ask in decision.asks],
        "next_look_at": at.isoformat().replace("+00:00", "Z") if at else None,
        "run_id": decision.join_run_id,
        "decided_before": False,
    }


def decided_before(admission: Admission) -> Json:
    """Return what was decided of this episode already: a repeated alert changes nothing of it."""
    of_run = f" in run {admission.run_id}" if admission.run_id else ""
    decision = Decision(
        outcome=admission.outcome,
        reason=admission.reason,
        detail=f"decided before{of_run}; the same episode starts nothing more",
        target=admission.target,
        join_run_id=admission.run_id,
    )
    return of_decision(LookPhase.ENTRY, decision) | {"decided_before": True}


def of_document(
    prepared: PreparedPolicy,
    scope: Scope,
    capabilities: Capabilities,
    facts: Facts,
    given: Mapping[str, Any],
) -> Json:
    """Return what of the policy does not depend on its guards."""
    document = prepared.policy.document
    return {
        "settle_seconds": document.settle.total_seconds(),
        "facts": [_fact(fact, facts, given) for fact in document.diagnose],
        "options": [_option(option, prepared, scope, capabilities) for option in document.options],
    }


def _fact(fact: Fact, facts: Facts, given: Mapping[str, Any]) -> Json:
    detail = facts.details.get(fact.fact, {})
    return {
        "fact": fact.fact,
        "uses": fact.uses,
        "given": fact.fact in given,
        "known": fact.fact in facts.values,
        "value": facts.values.get(fact.fact),
        "error": None if fact.fact in given else detail.get("error"),
    }


def _option(option: Option, prepared: PreparedPolicy, scope: Scope, capabilities: Capabilities) -> Json:
    report: Json = {"option": option.name, "when": option.when, "applies": True, "why_not": None}
    section = prepared.policy.unavailable.get(option.name)
    if section is not None:
        return report | {"applies": False, "why_not": f"remediator.yaml has no {section}", "plan": None}
    if option.when is not None:
        report |= _condition(prepared.policy.expressions[option.when], scope)
    report["approval"] = _approval(option.approval) if option.approval else None
    try:
        plan = build_plan(prepared, option, scope, capabilities)
    except (RenderError, PlanRefusedError) as error:
        return report | {"plan": None, "plan_problem": str(error)}
    return report | {"plan": plan.model_dump(mode="json", by_alias=True), "plan_hash": plan.hash()}


def _condition(when: Expression, scope: Scope) -> Json:
    """Say whether it holds; None while it reads a fact that nobody has looked at."""
    open_facts = sorted(
        {f"facts.{name}" for root, name in when.reads if root in _OF_FACTS and name not in scope.facts}
    )
    if open_facts:
        return {"applies": None, "why_not": f"depends on {', '.join(open_facts)}"}
    truth = when.evaluate(scope)
    if truth.unknown:
        return {"applies": False, "why_not": f"when is unknown: {', '.join(truth.unknown)}"}
    return {"applies": truth.holds, "why_not": None if truth.holds else "when is false"}


def _approval(approval: Approval) -> Json:
    return approval.model_dump(mode="json", by_alias=True)
