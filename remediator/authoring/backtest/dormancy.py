"""When a blocked decision could change: so that nobody looks where nothing can have changed, exactly.

The receiver looks at what is blocked every `recheck`. A backtest of a month would spend itself on that, so
it looks again only at those moments of the same grid before which something that the decision depends on
has changed: a lock, a start, an answer, a time that a guard waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from remediator.authoring.backtest.keys import (
    CAPS,
    HOLDS,
    LEASES,
    LIVE,
    STARTS,
    Key,
    ends_key,
    join_key,
    live_key,
    resource_key,
    starts_key,
    target_key,
)
from remediator.engine.capabilities import PreparedPolicy
from remediator.engine.decide import lock_keys
from remediator.guards.concurrency import ConcurrencyParams
from remediator.guards.evaluate import GuardUse
from remediator.guards.time_window import TimeWindowParams
from remediator.runs.answers import AlertsQuery, Query
from remediator.runs.reasons import Outcome
from remediator.runs.verdicts import Decision, Verdict, VerdictKind

_CHANGED_BY_EVENTS = frozenset(
    {
        "hold",
        "silenced",
        "target_lock",
        "global_limits",
        "storm",
        "lease",
        "cooldown",
        "rate_limit",
        "concurrency",
        "approval",
        "failure_breaker",
        "loop",
    }
)
"""Guards that change their mind at the time that they name, or with something that is counted.

`storm` never does: a backtest knows no storms.
"""
_CHANGED_BY_ANSWERS = frozenset({"promql", "alert_active", "not_firing", "max_targets"})
"""Guards that change their mind with an answer, or with something that is counted.

`healthy_floor` is none of them: what it counts also changes as samples grow old. It is looked at each time.
"""
_KEY_OF_ITS_OWN: Mapping[str, Callable[[str], Key]] = {
    "cooldown": starts_key,
    "rate_limit": starts_key,
    "concurrency": live_key,
    "failure_breaker": ends_key,
    "loop": ends_key,
}
"""What guards count that count what their own policy did."""
_UNDERSTOOD = _CHANGED_BY_EVENTS | _CHANGED_BY_ANSWERS | {"time_window"}


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
    waits_to_act: bool = False,
) -> Outlook | None:
    """Say what could change a blocked decision; None when that is not known: then it has to be looked at."""
    if decision.outcome is not Outcome.BLOCKED:
        return None
    if not waits_to_act and _holding(prepared, decision):
        return None  # how long a condition has held depends on every look
    first = next((at for at, one in enumerate(decision.verdicts) if one.kind is VerdictKind.DENY), None)
    # While the first guard that denies names no time, it alone says why, and when to look again.
    decisive = first is not None and decision.verdicts[first].until is None
    uses = prepared.uses[: first + 1] if first is not None and decisive else prepared.uses
    turns: list[datetime] = [until for until in answers_until if until is not None]
    for use, verdict in zip(uses, decision.verdicts, strict=False):
        if use.guard.name not in _UNDERSTOOD:
            return None
        turns += flips(use, verdict, now)
    keys = dict.fromkeys(key for use in uses for key in keys_of_guard(use, prepared, decision.target))
    keys |= dict.fromkeys(alerts_key(query) for query in queries if isinstance(query, AlertsQuery))
    if not decisive:
        keys |= {STARTS: None, LEASES: None} if _capped(decision) else {LEASES: None}
    if not waits_to_act:
        keys[join_key(prepared.policy.name, decision.target)] = None
    return Outlook(min(turns, default=None), tuple(keys))


def next_look(anchor: datetime, every: timedelta, now: datetime, *, also_now: bool) -> datetime:
    """Return the first moment of a grid after `now` (or at it)."""
    passed = now - anchor
    steps = -(-passed // every)
    at = anchor + max(steps, 1) * every
    return at + every if at == now and not also_now else at


def may_be_outlooked(prepared: PreparedPolicy) -> bool:
    """Tell whether all guards of a policy are of a kind that is understood here."""
    return all(use.guard.name in _UNDERSTOOD for use in prepared.uses)


def lasting(prepared: PreparedPolicy, admitted: Decision) -> dict[str, Verdict]:
    """Return which verdicts of the first pass the second would reach as well, while the past is the same."""
    return {
        verdict.key: verdict
        for use, verdict in zip(prepared.uses, admitted.verdicts, strict=True)
        if verdict.kind is not VerdictKind.PENDING and use.guard.name in _UNDERSTOOD
    }


def keys_of(prepared: PreparedPolicy, target: str, queries: tuple[Query, ...]) -> tuple[Key, ...]:
    """Name everything that a decision depends on, but time and answers."""
    keys = [key for use in prepared.uses for key in keys_of_guard(use, prepared, target)]
    keys += [alerts_key(query) for query in queries if isinstance(query, AlertsQuery)]
    return tuple(dict.fromkeys([*keys, STARTS, LEASES]))


def first_outlook(
    prepared: PreparedPolicy, decision: Decision, now: datetime, *told_until: datetime | None
) -> Outlook | None:
    """Say what could change what the first pass blocked; None where the second may say otherwise at once.

    They say the same where what denies, and all before it, asks nothing, and the clock of no `hold`
    begins with the second.
    """
    for use, verdict in zip(prepared.uses, decision.verdicts, strict=False):
        if verdict.kind is VerdictKind.PENDING or use.guard.name == "loop":
            return None
        if verdict.kind is VerdictKind.DENY:
            holds = any(one.guard.looks_every(one.params) is not None for one in prepared.uses)
            known = verdict.until is None and not holds
            return outlook(prepared, decision, (), now, *told_until) if known else None
    return None


def flips(use: GuardUse, verdict: Verdict, now: datetime) -> Sequence[datetime]:
    """Return when time alone may have a guard say something else."""
    params = use.params
    named = () if verdict.until is None else (verdict.until,)
    if not isinstance(params, TimeWindowParams):
        return named
    change = params.windows().next_change(now)
    return named if change is None else (*named, change)


def _capped(decision: Decision) -> bool:
    return any(one.guard == "global_limits" and one.kind is VerdictKind.DENY for one in decision.verdicts)


def _holding(prepared: PreparedPolicy, decision: Decision) -> bool:
    return bool(decision.held_since) and any(
        use.key in decision.held_since and use.guard.looks_every(use.params) is not None
        for use in prepared.uses
    )


def keys_of_guard(use: GuardUse, prepared: PreparedPolicy, target: str) -> Sequence[Key]:
    """Name what one guard counts."""
    name = use.guard.name
    if name == "hold":
        return (HOLDS,)
    if name == "target_lock":
        locks = lock_keys(prepared.resources, target)
        return (target_key(target), *(resource_key(resource) for resource in locks))
    if name == "global_limits":
        return (CAPS,)
    if name == "max_targets":
        return (LIVE, LEASES)
    if isinstance(use.params, ConcurrencyParams) and use.params.scope == "global":
        return (LIVE,)
    own = _KEY_OF_ITS_OWN.get(name)
    return (own(prepared.policy.name),) if own is not None else ()
