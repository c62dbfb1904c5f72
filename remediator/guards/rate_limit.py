"""`rate_limit`: so many runs in any stretch of time, and no more."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import BaseModel, Field

from remediator.durations import PositiveDuration, format_duration
from remediator.guards.base import BaseGuard, GuardParams, Look, allow, deny
from remediator.guards.past_starts import frees_at, own_starts
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict


class RateLimitParams(GuardParams):
    """How many, in how long."""

    max: int = Field(ge=1, description="Runs that may start within `per`.")
    per: PositiveDuration = Field(description="Length of the sliding window that ends now.")
    scope: Literal["policy", "target"] = Field(
        default="policy",
        description="Which runs of this policy count: all of them, or those on the same target.",
    )


class RateLimit(BaseGuard):
    """Counts starts in the window (now - per, now]."""

    name: ClassVar[str] = "rate_limit"
    summary: ClassVar[str] = "Lets so many runs start in any stretch of time, and no more."
    params: ClassVar[type[BaseModel]] = RateLimitParams

    def window(self, params: RateLimitParams) -> timedelta:
        """As far back as it counts."""
        return params.per

    def elsewhere_window(self, params: RateLimitParams) -> timedelta:
        """As far back, where all targets count together."""
        return params.per if params.scope == "policy" else timedelta(0)

    def evaluate(self, params: RateLimitParams, look: Look, key: str) -> Verdict:
        """Count; a start exactly `per` ago has left the window."""
        begins = look.now - params.per
        inside = [start for start in own_starts(look, params.scope) if start.at > begins]
        detail = f"{len(inside)} of {params.max} runs in the last {format_duration(params.per)}"
        inputs = {"count": len(inside), "max": params.max, "scope": params.scope}
        leaver = frees_at(inside, params.max)
        if leaver is None:
            return allow(self.name, key, detail, **inputs)
        until = leaver.at + params.per
        return deny(self.name, key, Reason.RATE_LIMIT, detail, until=until, **inputs)
