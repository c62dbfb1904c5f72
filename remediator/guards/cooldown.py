"""`cooldown`: leave time between one run and the next."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import BaseModel, Field

from remediator.durations import Duration, PositiveDuration, format_duration
from remediator.guards.base import BaseGuard, GuardParams, Look, allow, deny, iso
from remediator.guards.past_starts import own_starts
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict


class CooldownParams(GuardParams):
    """How long to leave."""

    for_: PositiveDuration = Field(
        alias="for", description="Time that must have passed since the last run started."
    )
    scope: Literal["target", "policy"] = Field(
        default="target",
        description="Which runs of this policy count: those on the same target, or all of them.",
    )


class Cooldown(BaseGuard):
    """Denies until `for` has passed since this policy's last start."""

    name: ClassVar[str] = "cooldown"
    summary: ClassVar[str] = "Leaves time between one run and the next."
    params: ClassVar[type[BaseModel]] = CooldownParams

    def window(self, params: CooldownParams) -> timedelta:
        """As far back as it cools."""
        return params.for_

    def elsewhere_window(self, params: CooldownParams) -> timedelta:
        """As far back, where all targets count together."""
        return params.for_ if params.scope == "policy" else timedelta(0)

    def evaluate(self, params: CooldownParams, look: Look, key: str) -> Verdict:
        """Compare the last start with now; at exactly `for` after it, it allows."""
        last = max(own_starts(look, params.scope), key=lambda start: start.at, default=None)
        if last is None:
            return allow(self.name, key, "no earlier run", last_started_at=None)
        until = last.at + params.for_
        inputs = {"last_started_at": iso(last.at), "run_id": last.run_id, "scope": params.scope}
        if look.now >= until:
            return allow(self.name, key, f"the last run started at {iso(last.at)}", **inputs)
        rest = format_duration(_whole_seconds(until - look.now))
        detail = f"run {last.run_id} started at {iso(last.at)}; {rest} of {format_duration(params.for_)} left"
        return deny(self.name, key, Reason.COOLDOWN, detail, until=until, **inputs)


def _whole_seconds(duration: Duration) -> timedelta:
    return max(timedelta(seconds=round(duration.total_seconds())), timedelta(seconds=1))
