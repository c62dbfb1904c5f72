"""Finds guards of a policy that can never pass, and guards that never block.

An error is only what can never work; what works and is probably not meant is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import permutations
from math import ceil
from typing import TypeVar

from pydantic import BaseModel

from remediator.durations import format_duration
from remediator.errors import Severity
from remediator.guards.alert_active import AlertActive
from remediator.guards.cooldown import CooldownParams
from remediator.guards.not_firing import NotFiring
from remediator.guards.other_alerts import AlertsParams
from remediator.guards.promql import PromQLParams
from remediator.guards.rate_limit import RateLimitParams
from remediator.guards.time_window import TimeWindowParams
from remediator.policy.doubts import Doubt
from remediator.policy.expressions import is_template
from remediator.policy.loaded import LoadedGuard
from remediator.policy.matcher_logic import contradiction, implies
from remediator.policy.matchers import Matcher, parse_matcher
from remediator.policy.promql_constants import constantly

P = TypeVar("P", bound=BaseModel)
_Used = tuple[LoadedGuard, P]
# Windows come back every week, but for the days on which clocks change: a year holds them all.
_YEAR = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 8, tzinfo=UTC))


def doubts(guards: Sequence[LoadedGuard], matchers: Sequence[Matcher]) -> Iterator[Doubt]:
    """Yield what is wrong; `matchers` hold for every alert that the policy is for."""
    for guard, params in _of(guards, PromQLParams):
        yield from _constant(guard, params)
    alerts = _of(guards, AlertsParams)
    for guard, asked in alerts:
        yield from _impossible(guard, asked)
    yield from _own_alert(alerts, matchers)
    yield from _against_each_other(alerts)
    yield from _windows(_of(guards, TimeWindowParams))
    yield from _limits(_of(guards, RateLimitParams), _of(guards, CooldownParams))


def _of(guards: Sequence[LoadedGuard], params: type[P]) -> list[_Used[P]]:
    return [(guard, guard.params) for guard in guards if isinstance(guard.params, params)]


def _constant(guard: LoadedGuard, params: PromQLParams) -> Iterator[Doubt]:
    if is_template(params.query):
        return
    holds = constantly(params.query)
    if holds is False:
        what, fix = "this query never holds, so the guard never passes", "ask for a series"
        yield Doubt(guard, "query", what, fix, Severity.ERROR)
    elif holds is True:
        what = "this query always holds, so the guard never blocks"
        yield Doubt(guard, "query", what, "ask for a series, or remove the guard", Severity.WARNING)


def _asked(params: AlertsParams) -> list[tuple[Matcher, ...]]:
    """Return lists of matchers: an alert counts when all of any one list hold."""
    return [tuple(parse_matcher(text) for text in group) for group in params.query().any_of]


def _impossible(guard: LoadedGuard, params: AlertsParams) -> Iterator[Doubt]:
    if not all(contradiction(group) for group in _asked(params)):
        return
    if guard.name == AlertActive.name:
        what, severity = "no alert can satisfy all of these, so the guard never passes", Severity.ERROR
    else:
        what, severity = "no alert can satisfy all of these, so the guard never blocks", Severity.WARNING
    yield Doubt(guard, "matchers", what, "all of them have to hold of one alert: remove one", severity)


def _own_alert(alerts: Sequence[_Used[AlertsParams]], matchers: Sequence[Matcher]) -> Iterator[Doubt]:
    for guard, params in alerts:
        if guard.name != NotFiring.name or not matchers:
            continue
        if any(all(implies(matchers, one) for one in group) for group in _asked(params)):
            key = "alerts" if params.alerts else "matchers"
            what = (
                "the policy's own alert is among these, and it fires whenever this is asked: it never passes"
            )
            fix = "name the alerts of the cause, not the policy's own"
            yield Doubt(guard, key, what, fix, Severity.ERROR)


def _against_each_other(alerts: Sequence[_Used[AlertsParams]]) -> Iterator[Doubt]:
    for (guard, wanted), (other, refused) in permutations(alerts, 2):
        if (guard.name, other.name) != (AlertActive.name, NotFiring.name):
            continue
        if all(
            any(all(implies(group, one) for one in without) for without in _asked(refused))
            for group in _asked(wanted)
        ):
            what = f"never passes: guards.{other.index}, {other.name}, refuses whatever it asks for"
            yield Doubt(guard, "", what, "remove one of the two", Severity.ERROR)


def _windows(used: Sequence[_Used[TimeWindowParams]]) -> Iterator[Doubt]:
    """All windows have to be open at once; one that asks people outside is never closed."""
    closing = [(guard, params) for guard, params in used if params.otherwise == "block"]
    if len(closing) < 2:
        return
    windows = [params.windows() for _, params in closing]
    begin, end = _YEAR
    for window in windows:
        moment: datetime | None = begin
        while moment is not None and moment < end:
            if all(other.contains(moment) for other in windows):
                return
            moment = window.next_start(moment)
    what = "the time windows of this policy are never open at the same time, so it never runs"
    fix = "all guards have to pass: write one window, or make two policies"
    yield Doubt(closing[-1][0], "", what, fix, Severity.ERROR)


def _limits(
    rates: Sequence[_Used[RateLimitParams]], cooldowns: Sequence[_Used[CooldownParams]]
) -> Iterator[Doubt]:
    for guard, rate in rates:
        for other, looser in rates:
            if other is not guard and rate.scope == looser.scope and _covers(rate, looser):
                what = (
                    f"limits nothing more: guards.{guard.index}, {_words(rate)}, already allows no more than "
                    f"{rate.max} in any {format_duration(looser.per)}"
                )
                yield Doubt(other, "max", what, "lower it, or remove it", Severity.WARNING)
        for _, cooldown in cooldowns:
            counted_alike = cooldown.scope == "policy" or rate.scope == "target"
            most = ceil(rate.per / cooldown.for_)
            if counted_alike and rate.max >= most:
                what = (
                    f"limits nothing more: the cooldown of {format_duration(cooldown.for_)} "
                    f"lets at most {most} start in {format_duration(rate.per)}"
                )
                yield Doubt(guard, "max", what, "lower it, or remove it", Severity.WARNING)


def _covers(strict: RateLimitParams, loose: RateLimitParams) -> bool:
    wider = (strict.per, -strict.max) > (loose.per, -loose.max)
    return strict.per >= loose.per and strict.max <= loose.max and wider


def _words(rate: RateLimitParams) -> str:
    return f"{rate.max} per {format_duration(rate.per)}"
