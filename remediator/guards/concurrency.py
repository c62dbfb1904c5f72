"""`concurrency`: so many runs at once, and no more."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from remediator.guards.base import BaseGuard, GuardParams, Look, allow, deny
from remediator.guards.past_starts import is_own
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict


class ConcurrencyParams(GuardParams):
    """How many at once."""

    max: int = Field(ge=1, description="Runs that may be under way at once, reverts included.")
    scope: Literal["policy", "global"] = Field(
        default="policy", description="Which runs count: those of this policy, or all."
    )


class Concurrency(BaseGuard):
    """Counts runs that hold their locks now: running, verifying or reverting."""

    name: ClassVar[str] = "concurrency"
    summary: ClassVar[str] = "Lets so many runs be under way at once, and no more."
    params: ClassVar[type[BaseModel]] = ConcurrencyParams

    def evaluate(self, params: ConcurrencyParams, look: Look, key: str) -> Verdict:
        """Count the others."""
        live = [
            run
            for run in look.history.live
            if (params.scope == "global" or run.policy == look.policy) and not is_own(look, run.run_id)
        ]
        whose = "of all policies" if params.scope == "global" else "of this policy"
        detail = f"{len(live)} of {params.max} runs {whose} are under way"
        inputs: dict[str, Any] = {
            "run_ids": [run.run_id for run in live],
            "max": params.max,
            "scope": params.scope,
        }
        if len(live) < params.max:
            return allow(self.name, key, detail, **inputs)
        return deny(self.name, key, Reason.CONCURRENCY, detail, **inputs)
