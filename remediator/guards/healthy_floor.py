"""`healthy_floor`: never go below so many healthy instances."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from remediator.durations import Duration
from remediator.guards.base import BaseGuard, GuardParams, Look, allow, deny
from remediator.guards.live_answers import one_number
from remediator.guards.past_starts import is_own
from remediator.policy.expressions import Scope
from remediator.policy.promql import PromQLSource, compile_promql
from remediator.runs.answers import PromQLQuery, Query
from remediator.runs.history import Finish, LiveRun
from remediator.runs.reasons import Reason
from remediator.runs.states import RunState
from remediator.runs.verdicts import Verdict

# What a run that ended well left behind is healthy; these may have left an instance down.
_UNSURE = frozenset({RunState.FAILED, RunState.INEFFECTIVE, RunState.NEEDS_HUMAN, RunState.CANCELLED})


class HealthyFloorParams(GuardParams):
    """What counts the healthy ones, and how many must stay."""

    query: PromQLSource = Field(
        description='Counts healthy instances: `sum(up{job="agente"})`. One number, or it blocks.'
    )
    min: int = Field(ge=0, description="Healthy instances that must be left.")
    takes: int = Field(default=1, ge=0, description="Instances that one run takes down at once.")
    scope: Literal["policy", "all"] = Field(
        default="policy", description="Whose runs under way count as well: this policy's, or all."
    )
    lag: Duration = Field(
        default=timedelta(minutes=1),
        description="How old the counted samples may be: a run that ended badly counts for so long.",
    )


class HealthyFloor(BaseGuard):
    """Takes off what is under way: two runs that read the same sample must not both believe it."""

    name: ClassVar[str] = "healthy_floor"
    summary: ClassVar[str] = "Never goes below so many healthy instances, as Prometheus counts them."
    params: ClassVar[type[BaseModel]] = HealthyFloorParams
    by_hand: ClassVar[bool] = True

    def queries(self, params: HealthyFloorParams, scope: Scope) -> tuple[Query, ...]:
        """Its one query, rendered."""
        return (_query(params, scope),)

    def window(self, params: HealthyFloorParams) -> timedelta:
        """As far back as a sample may be older than what a run left."""
        return params.lag

    def others_window(self, params: HealthyFloorParams) -> timedelta:
        """As far back, whosever run it was."""
        return params.lag if params.scope == "all" else timedelta(0)

    def evaluate(self, params: HealthyFloorParams, look: Look, key: str) -> Verdict:
        """Take this run and all others off the count; the floor must be left."""
        query = _query(params, look.scope)
        healthy = one_number((look.answers or {})[query])
        others = sorted(_others(params, look))
        inputs: dict[str, Any] = {"query": query.expr, "min": params.min, "run_ids": others}
        if healthy is None:
            detail = f"gave no single number: {query.expr}"
            return deny(self.name, key, Reason.GUARD_ERROR, detail, **inputs)
        left = healthy - params.takes * (1 + len(others))
        inputs |= {"healthy": healthy, "left": left}
        detail = f"{healthy:g} healthy, {left:g} left with this run and {len(others)} others, at least "
        detail += f"{params.min} must be"
        if left >= params.min:
            return allow(self.name, key, detail, **inputs)
        return deny(self.name, key, Reason.HEALTHY_FLOOR, detail, **inputs)


def _query(params: HealthyFloorParams, scope: Scope) -> PromQLQuery:
    return PromQLQuery(compile_promql(params.query).render(scope))


def _others(params: HealthyFloorParams, look: Look) -> set[int]:
    history = look.history
    unsure = [one for one in history.finishes if one.state in _UNSURE and one.at > look.now - params.lag]
    under_way: list[LiveRun | Finish] = [*history.live, *unsure]
    return {
        one.run_id
        for one in under_way
        if (params.scope == "all" or one.policy == look.policy) and not is_own(look, one.run_id)
    }
