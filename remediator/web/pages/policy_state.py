"""What state a policy is in, as people need to know it, and its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from remediator.errors import Problem
from remediator.guards.failure_breaker import FailureBreaker, FailureBreakerParams, open_until
from remediator.policy.loaded import LoadedPolicy
from remediator.runs.policy_numbers import PolicyNumbers
from remediator.settings import Mode
from remediator.store.base import Reads

DAYS = 30


class PolicyState(StrEnum):
    """The worst of what is true of it."""

    ENFORCE = "enforce"
    SHADOW = "shadow"
    OFF = "off"
    BROKEN = "broken"
    """Its newest file is refused: what serves is the version before."""
    OPENED = "opened"
    """Its failure breaker is open."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A policy as it stands now."""

    policy: LoadedPolicy
    state: PolicyState
    open_until: datetime | None
    numbers: PolicyNumbers


def standing(
    reads: Reads, policy: LoadedPolicy, now: datetime, ceiling: Mode, refused: Sequence[Problem]
) -> Standing:
    """Look at one policy."""
    until = breaker_open_until(reads, policy, now)
    return Standing(
        policy, _state(policy, ceiling, refused, until), until, numbers_of(reads, policy.name, now)
    )


def numbers_of(reads: Reads, policy: str, now: datetime) -> PolicyNumbers:
    """Return a policy's numbers of the last 30 days, today among them."""
    today: date = now.date()
    return reads.policy_numbers(policy, today - timedelta(days=DAYS - 1), today)


def breaker_open_until(reads: Reads, policy: LoadedPolicy, now: datetime) -> datetime | None:
    """Return until when a policy's failure breaker is open; None when it is not, or it has none."""
    opened = []
    for guard in policy.guards:
        if isinstance(guard.params, FailureBreakerParams):
            since = now - FailureBreaker().window(guard.params)
            history = reads.history(now=now, since=since, policy=policy.name, shadow=False, others_since=now)
            opened.append(open_until(guard.params, history, policy.name, now))
    return max((until for until in opened if until is not None), default=None)


def _state(
    policy: LoadedPolicy, ceiling: Mode, refused: Sequence[Problem], until: datetime | None
) -> PolicyState:
    if any(problem.file == policy.file for problem in refused):
        return PolicyState.BROKEN
    mode = policy.document.mode
    if mode is Mode.OFF or ceiling is Mode.OFF:
        return PolicyState.OFF
    if until is not None:
        return PolicyState.OPENED
    return PolicyState.SHADOW if Mode.SHADOW in (mode, ceiling) else PolicyState.ENFORCE
