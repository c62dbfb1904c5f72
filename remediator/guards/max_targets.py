"""`max_targets`: the blast radius, so many targets at once and no more."""

from __future__ import annotations

from math import floor
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from remediator.guards.base import BaseGuard, GuardParams, Look, allow, deny
from remediator.guards.live_answers import one_number
from remediator.guards.past_starts import is_own
from remediator.policy.expressions import Scope
from remediator.policy.promql import PromQLSource, compile_promql
from remediator.runs.answers import PromQLQuery, Query
from remediator.runs.history import Leased, LiveRun
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict
from remediator.schema_hints import exactly_one_of


class MaxTargetsParams(GuardParams):
    """How many targets: a number, or a share of what a query counts."""

    model_config = ConfigDict(
        json_schema_extra={
            **exactly_one_of("max", "share"),
            "dependentRequired": {"share": ["of"], "of": ["share"]},
        }
    )

    max: int | None = Field(default=None, ge=1, description="Targets at once; or `share` with `of`.")
    share: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Targets at once as a part of `of`, rounded down: 0.25 of 10 is 2, and of 3 none.",
    )
    of: PromQLSource | None = Field(
        default=None, description='Counts all targets: `count(up{job="agente"})`. One number, or it blocks.'
    )
    scope: Literal["policy", "all"] = Field(
        default="policy", description="Whose targets count: those of this policy, or of all."
    )

    @model_validator(mode="after")
    def _number_or_share(self) -> MaxTargetsParams:
        if (self.max is None) == (self.share is None):
            raise ValueError("must have either max, or share with of")
        if (self.share is None) != (self.of is None):
            raise ValueError("needs share and of together: a part, and the query that counts the whole")
        return self


class MaxTargets(BaseGuard):
    """Counts targets that are being changed, or are changed for a while: runs under way and open leases."""

    name: ClassVar[str] = "max_targets"
    summary: ClassVar[str] = (
        "Lets so many targets be under remediation at once, those with an open lease among them."
    )
    params: ClassVar[type[BaseModel]] = MaxTargetsParams
    by_hand: ClassVar[bool] = True

    def queries(self, params: MaxTargetsParams, scope: Scope) -> tuple[Query, ...]:
        """The count that a share is taken of."""
        query = _whole(params, scope)
        return () if query is None else (query,)

    def evaluate(self, params: MaxTargetsParams, look: Look, key: str) -> Verdict:
        """Count the other targets: one more must still fit."""
        others = sorted(_others(params, look))
        most = params.max or 0
        inputs: dict[str, Any] = {"targets": others, "scope": params.scope}
        query = _whole(params, look.scope)
        if query is not None:
            whole = one_number((look.answers or {})[query])
            if whole is None:
                detail = f"gave no single number: {query.expr}"
                return deny(self.name, key, Reason.GUARD_ERROR, detail, query=query.expr, **inputs)
            # A hair above, for 0.1 x 30 is less than 3 in binary.
            most = floor((params.share or 0) * whole + 1e-9)
            inputs |= {"query": query.expr, "of": whole}
        inputs["max"] = most
        detail = f"{len(others)} of {most} targets are under remediation"
        if len(others) < most:
            return allow(self.name, key, detail, **inputs)
        return deny(self.name, key, Reason.MAX_TARGETS, detail, **inputs)


def _whole(params: MaxTargetsParams, scope: Scope) -> PromQLQuery | None:
    return None if params.of is None else PromQLQuery(compile_promql(params.of).render(scope))


def _others(params: MaxTargetsParams, look: Look) -> set[str]:
    busy: list[LiveRun | Leased] = [*look.history.live, *look.history.leased]
    return {
        one.target
        for one in busy
        if (params.scope == "all" or one.policy == look.policy)
        and one.target != look.target
        and not is_own(look, one.run_id)
    }
