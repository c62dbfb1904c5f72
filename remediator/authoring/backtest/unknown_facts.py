"""Options whose condition reads a fact that nobody recorded: any of them may have been the one."""

from __future__ import annotations

from remediator.authoring.backtest.subjects import BacktestAdmission
from remediator.engine.capabilities import Capabilities
from remediator.engine.decide import asks_of
from remediator.engine.planning import PlanRefusedError, build_plan
from remediator.policy.expressions import RenderError
from remediator.policy.model import Option
from remediator.runs.plan import Plan
from remediator.runs.reasons import Outcome
from remediator.runs.verdicts import Ask, Decision

_CHOSEN = frozenset({Outcome.RUN, Outcome.AWAITING_APPROVAL, Outcome.SHADOW})


def shown_option(admission: BacktestAdmission, decision: Decision) -> str | None:
    """Return the option that was decided for; `?` where an unknown fact may have made it another."""
    if decision.outcome not in _CHOSEN:
        return decision.option
    return decision.option if not _unknown_before(admission, decision.option) else "?"


def first_possible(
    admission: BacktestAdmission, decision: Decision, capabilities: Capabilities
) -> tuple[Plan | None, tuple[Ask, ...]]:
    """Return the first option that an unknown fact may have let through, and what it asks for."""
    for option in admission.prepared.options:
        if option.when is None or not _is_unknown(admission, option):
            continue
        asks = asks_of(decision.verdicts, option)
        try:
            return build_plan(admission.prepared, option, admission.scope, capabilities), asks
        except (RenderError, PlanRefusedError):
            return None, asks
    return None, ()


def _unknown_before(admission: BacktestAdmission, chosen: str | None) -> bool:
    for option in admission.prepared.options:
        if option.name == chosen:
            return False
        if option.when is not None and _is_unknown(admission, option):
            return True
    return False


def _is_unknown(admission: BacktestAdmission, option: Option) -> bool:
    expression = admission.prepared.policy.expressions[option.when or ""]
    return bool(expression.evaluate(admission.scope).unknown)
