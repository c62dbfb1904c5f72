"""When a blocked decision could change: so that nobody looks where nothing can have changed, exactly.

The receiver looks at what is blocked every `recheck`. A backtest of a month would spend itself on that, so
it looks again only at those moments of the same grid before which something that the decision depends on
has changed: a lock, a start, an answer, a time that a guard waits for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from remediator.authoring.backtest.ledger import (
    CAPS,
    HOLDS,
    LEASES,
    LIVE,
    policy_key,
    resource_key,
    target_key,
)
from remediator.authoring.backtest.subjects import Key
from remediator.engine.capabilities import PreparedPolicy
from remediator.engine.decide import lock_keys
from remediator.guards.concurrency import ConcurrencyParams
from remediator.guards.evaluate import GuardUse
from remediator.guards.time_window import TimeWindowParams
from remediator.runs.answers import AlertsQuery, Query
from remediator.runs.reasons import Outcome
from remediator.runs.verdicts import Decision, Verdict

_CHANGED_BY_EVENTS = frozenset(
    {
        "hold",
        "silenced",
        "target_lock",
        "global_limits",
        "lease",
        "cooldown",
        "rate_limit",
        "concurrency",
        "approval",
        "failure_breaker",
        "loop",
    }
)
"""Guards that change their mind at the time that they name, or with something that is counted."""
_CHANGED_BY_ANSWERS = frozenset({"promql", "alert_active", "not_firing", "max_targets"})
"""Guards that change their mind with an answer, or with something that is counted.

`healthy_floor` is none of them: what it counts also changes as samples grow old. It is looked at each time.
"""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Before when time alone can't change a decision (None: never), and what else can."""

    flips_at: datetime | None
    keys: tuple[Key, ...]


def alerts_key(query: AlertsQuery) -> Key:
    """Name whether any of the alerts that a question is about fires."""
    return ("alerts", query)


def outlook(
    prepared: PreparedPolicy,
    decision: Decision,
    queries: tuple[Query, ...],
    now: datetime,
    *answers_until: datetime | None,
) -> Outlook | None:
    """Say what could change a blocked decision; None when that is not known: then it has to be looked at."""
    if decision.outcome is not Outcome.BLOCKED:
        return None
    if decision.held_since:
        return None  # how long a condition has held depends on every look
    flips: list[datetime] = [until for until in answers_until if until is not None]
    for use, verdict in zip(prepared.uses, decision.verdicts, strict=False):
        if use.guard.name == "time_window":
            flips += _window_change(use, now)
        elif use.guard.name not in _CHANGED_BY_EVENTS and use.guard.name not in _CHANGED_BY_ANSWERS:
            return None
        flips += _named(verdict)
    keys = _keys(prepared, decision.target, queries)
    return Outlook(min(flips, default=None), keys)


def next_look(anchor: datetime, every: timedelta, now: datetime, *, also_now: bool) -> datetime:
    """Return the first moment of a grid after `now` (or at it)."""
    passed = now - anchor
    steps = -(-passed // every)
    at = anchor + max(steps, 1) * every
    return at + every if at == now and not also_now else at


def _named(verdict: Verdict) -> Sequence[datetime]:
    return () if verdict.until is None else (verdict.until,)


def _window_change(use: GuardUse, now: datetime) -> Sequence[datetime]:
    params = use.params
    if not isinstance(params, TimeWindowParams):
        return ()
    change = params.windows().next_change(now)
    return () if change is None else (change,)


def _keys(prepared: PreparedPolicy, target: str, queries: tuple[Query, ...]) -> tuple[Key, ...]:
    keys: list[Key] = [
        policy_key(prepared.policy.name),
        target_key(target),
        CAPS,
        HOLDS,
        LEASES,
        *(resource_key(resource) for resource in lock_keys(prepared.resources, target)),
        *(alerts_key(query) for query in queries if isinstance(query, AlertsQuery)),
    ]
    if any(_counts_all(use) for use in prepared.uses):
        keys.append(LIVE)
    return tuple(keys)


def _counts_all(use: GuardUse) -> bool:
    if isinstance(use.params, ConcurrencyParams):
        return use.params.scope == "global"
    return use.guard.name == "max_targets"
