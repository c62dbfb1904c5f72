"""`failure_breaker`: stop trying what keeps failing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import BaseModel, Field

from remediator.durations import PositiveDuration, format_duration
from remediator.guards.base import BaseGuard, GuardParams, Look, allow, deny, iso
from remediator.runs.history import Finish, History
from remediator.runs.reasons import Reason
from remediator.runs.states import RunState
from remediator.runs.verdicts import Verdict

_FAILURES = frozenset({RunState.FAILED, RunState.INEFFECTIVE})


class FailureBreakerParams(GuardParams):
    """When it opens, and for how long."""

    failures: int = Field(
        ge=1,
        description="Runs of this policy that failed, were ineffective, or were followed by a relapse.",
    )
    per: PositiveDuration = Field(description="Within how long so many failures open it.")
    cool_off: PositiveDuration = Field(
        description="How long after the last of them it stays open, unless a person closes it."
    )


class FailureBreaker(BaseGuard):
    """Opens when the Nth failure within `per` ends.

    A person who closes it also forgives what failed until then. When it cools off by itself
    nothing is forgiven: one more failure within `per` of the others opens it again.
    """

    name: ClassVar[str] = "failure_breaker"
    summary: ClassVar[str] = (
        "Stops a policy whose runs keep failing, until it cools off or a person closes it."
    )
    params: ClassVar[type[BaseModel]] = FailureBreakerParams

    def window(self, params: FailureBreakerParams) -> timedelta:
        """As far back as a failure can still keep it open."""
        return params.per + params.cool_off

    def evaluate(self, params: FailureBreakerParams, look: Look, key: str) -> Verdict:
        """Find when it last opened; at exactly `cool_off` later it allows."""
        failed_at = _failed_at(look.history, look.policy)
        recent = sum(at > look.now - params.per for at in failed_at)
        detail = f"{recent} of {params.failures} failures in the last {format_duration(params.per)}"
        inputs = {"failures": recent, "max": params.failures}
        opened_at = _opened_at(failed_at, params)
        if opened_at is None or look.now >= opened_at + params.cool_off:
            return allow(self.name, key, detail, **inputs)
        until = opened_at + params.cool_off
        detail = (
            f"{params.failures} failures within {format_duration(params.per)}, open since {iso(opened_at)}"
        )
        return deny(
            self.name,
            key,
            Reason.FAILURE_BREAKER_OPEN,
            detail,
            until=until,
            opened_at=iso(opened_at),
            **inputs,
        )


def open_until(params: FailureBreakerParams, history: History, policy: str, now: datetime) -> datetime | None:
    """Return until when a policy's breaker is open, unless a person closes it; None when it is not."""
    opened_at = _opened_at(_failed_at(history, policy), params)
    until = opened_at + params.cool_off if opened_at is not None else now
    return until if until > now else None


def _failed_at(history: History, policy: str) -> list[datetime]:
    """When a policy's failures ended, oldest first, without those that a person forgave."""
    closed_at = history.breaker_closed_at
    return sorted(
        finish.at
        for finish in history.finishes
        if finish.policy == policy and _counts(finish) and (closed_at is None or finish.at > closed_at)
    )


def _counts(finish: Finish) -> bool:
    return finish.state in _FAILURES or finish.relapsed


def _opened_at(failed_at: list[datetime], params: FailureBreakerParams) -> datetime | None:
    """Return the time of the last failure that had enough others within `per` before it."""
    before = params.failures - 1
    openings = [
        at
        for place, at in enumerate(failed_at)
        if place >= before and at - failed_at[place - before] < params.per
    ]
    return openings[-1] if openings else None
