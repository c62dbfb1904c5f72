"""Every guard there is: those that a policy may name, and those that bind every policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remediator.guards.alert_active import AlertActive
from remediator.guards.approval import ApprovalGuard
from remediator.guards.base import Guard, NoParams
from remediator.guards.concurrency import Concurrency
from remediator.guards.cooldown import Cooldown
from remediator.guards.evaluate import GuardUse
from remediator.guards.failure_breaker import FailureBreaker
from remediator.guards.global_limits import GlobalLimits
from remediator.guards.healthy_floor import HealthyFloor
from remediator.guards.hold import HoldGuard
from remediator.guards.lease import LeaseGuard
from remediator.guards.loop import Loop
from remediator.guards.max_targets import MaxTargets
from remediator.guards.not_firing import NotFiring
from remediator.guards.promql import PromQLGuard
from remediator.guards.rate_limit import RateLimit
from remediator.guards.silenced import Silenced
from remediator.guards.storm import StormGuard
from remediator.guards.target_lock import TargetLock
from remediator.guards.time_window import TimeWindow
from remediator.settings import Limits


def configurable_guards() -> Mapping[str, Guard[Any]]:
    """Return the guards that a policy may name, by name."""
    guards: tuple[Guard[Any], ...] = (
        Cooldown(),
        RateLimit(),
        Concurrency(),
        PromQLGuard(),
        AlertActive(),
        NotFiring(),
        TimeWindow(),
        ApprovalGuard(),
        FailureBreaker(),
        MaxTargets(),
        HealthyFloor(),
        Loop(),
    )
    return {guard.name: guard for guard in guards}


def always_bound(limits: Limits) -> tuple[GuardUse, ...]:
    """Return the guards that bind every policy, in the order in which they are looked at."""
    return (
        GuardUse(HoldGuard(), NoParams(), HoldGuard.name),
        GuardUse(Silenced(), NoParams(), Silenced.name),
        GuardUse(StormGuard(), limits.storm, StormGuard.name),
        GuardUse(TargetLock(), NoParams(), TargetLock.name),
        GuardUse(GlobalLimits(), limits, GlobalLimits.name),
    )


def lease_use() -> GuardUse:
    """Return the guard that is looked at once the option, and so what it changes, is known."""
    return GuardUse(LeaseGuard(), NoParams(), LeaseGuard.name)
