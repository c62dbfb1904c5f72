"""Choosing an option and rendering it into a plan: pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from remediator.engine.capabilities import Capabilities, PreparedPolicy
from remediator.errors import RemediatorError
from remediator.policy.expressions import Scope
from remediator.policy.model import Check, Option, Step, Verify
from remediator.policy.promql import compile_promql
from remediator.policy.rendering import render_params, render_value
from remediator.runs.plan import Plan, PlannedStep
from remediator.settings_checks import HttpCheck

_UNKNOWN = "when is unknown"


class PlanRefusedError(RemediatorError):
    """A rendered value is not of its parameter's type, or outside the inventory's bounds."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The option to try, or none; and for each option passed over, why."""

    option: Option | None
    passed_over: tuple[tuple[str, str], ...]
    unknown: bool = False
    """Whether the condition of one that was passed over could not be told."""


def choose_option(prepared: PreparedPolicy, scope: Scope, tried: Collection[str] = ()) -> Choice:
    """Return the first option that is available, not tried yet, and whose `when` holds."""
    passed: list[tuple[str, str]] = []
    unknown = False
    for option in prepared.policy.document.options:
        why = _why_not(prepared, option, scope, tried)
        if why is None:
            return Choice(option, tuple(passed), unknown)
        unknown |= why.startswith(_UNKNOWN)
        passed.append((option.name, why))
    return Choice(None, tuple(passed), unknown)


def _why_not(prepared: PreparedPolicy, option: Option, scope: Scope, tried: Collection[str]) -> str | None:
    if option.name in tried:
        return "tried"
    section = prepared.policy.unavailable.get(option.name)
    if section is not None:
        return f"not_configured: remediator.yaml has no {section}"
    if option.when is None:
        return None
    truth = prepared.policy.expressions[option.when].evaluate(scope)
    if truth.unknown:
        return f"{_UNKNOWN}: {', '.join(truth.unknown)}"
    return None if truth.holds else "when is false"


def build_plan(prepared: PreparedPolicy, option: Option, scope: Scope, capabilities: Capabilities) -> Plan:
    """Render an option, once for each scope.

    Raises:
        RenderError: naming the label or fact that a template misses.
        PlanRefusedError: when a rendered value is not allowed.
    """
    key = (prepared.policy.hash, option.name)
    known: Plan | None = scope.worked_out.get(key)
    if known is None:
        known = scope.worked_out[key] = _render_plan(prepared, option, scope, capabilities)
    return known


def _render_plan(prepared: PreparedPolicy, option: Option, scope: Scope, capabilities: Capabilities) -> Plan:
    revert = prepared.revert_of(option)
    verify = prepared.verify_of(option)
    return Plan(
        policy=prepared.policy.name,
        policy_hash=prepared.policy.hash,
        target=prepared.policy.target.render(scope),
        option=option.name,
        steps=tuple(_plan_step(step, scope, capabilities) for step in option.steps),
        verify=render_verify(verify, scope, capabilities) if verify else None,
        revert=revert,
        revert_steps=tuple(_plan_step(step, scope, capabilities) for step in revert.steps) if revert else (),
    )


def _plan_step(step: Step, scope: Scope, capabilities: Capabilities) -> PlannedStep:
    model = capabilities.action(step.uses).params
    params, deferred = render_params(model, step.with_, scope)
    planned = PlannedStep(action=step.uses, params=params, deferred=deferred, step=step)
    if not deferred:
        check_step(planned, capabilities)
    return planned


def check_step(step: PlannedStep, capabilities: Capabilities) -> Any:
    """Return a fully rendered step's typed parameters, checked against the inventory.

    Raises:
        PlanRefusedError: saying which value is not allowed, and why.
    """
    try:
        params = capabilities.typed(step)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PlanRefusedError(f"{step.action}: {where}: {first['msg']}") from None
    refusal = capabilities.action(step.action).refuse(params)
    if refusal is not None:
        raise PlanRefusedError(f"{step.action}: {refusal}")
    return params


def render_verify(verify: Verify, scope: Scope, capabilities: Capabilities) -> Verify:
    """Render a verification's checks; what they then look at holds no template any more."""
    checks = tuple(_render_check(check, scope, capabilities) for check in verify.all_)
    return verify.model_copy(update={"all_": checks})


def _render_check(check: Check, scope: Scope, capabilities: Capabilities) -> Check:
    if check.promql is not None:
        return check.model_copy(update={"promql": compile_promql(check.promql).render(scope)})
    if check.http is not None:
        path, _ = render_value(check.http.path, scope, defer=())
        http: HttpCheck = check.http.model_copy(update={"path": path})
        return check.model_copy(update={"http": http})
    model = capabilities.action(check.uses or "").params
    params, _ = render_params(model, check.with_, scope, defer=())
    return check.model_copy(update={"with_": params})
