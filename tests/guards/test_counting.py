"""cooldown, rate_limit, concurrency and the global caps, at the edges of what they count."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.guards.base import LookPhase
from remediator.guards.catalog import always_bound
from remediator.guards.evaluate import GuardUse
from remediator.runs.history import History, LiveRun, Start
from remediator.runs.reasons import Reason
from remediator.runs.states import RunState
from remediator.runs.verdicts import VerdictKind
from remediator.settings import Limits
from tests.guards.looks import NOW, ago, judge, look, start, use

ALLOW, DENY = VerdictKind.ALLOW, VerdictKind.DENY
_TICK = timedelta(microseconds=1)


def limits(**caps: int) -> GuardUse:
    return next(bound for bound in always_bound(Limits(**caps)) if bound.key == "global_limits")


@pytest.mark.parametrize(
    ("starts", "scope", "kind"),
    [
        ((), "target", ALLOW),
        ((start(ago(minutes=15)),), "target", ALLOW),
        ((start(ago(minutes=15) + _TICK),), "target", DENY),
        ((start(ago(minutes=20)), start(ago(minutes=1))), "target", DENY),
        ((start(ago(minutes=1), target="other"),), "target", ALLOW),
        ((start(ago(minutes=1), target="other"),), "policy", DENY),
        ((start(ago(minutes=1), policy="also"),), "target", ALLOW),
        ((start(ago(minutes=1), policy="also"),), "policy", ALLOW),
    ],
)
def test_a_cooldown_counts_from_the_last_start(
    starts: tuple[Start, ...], scope: str, kind: VerdictKind
) -> None:
    verdict = judge(use("cooldown", for_="15m", scope=scope), look(History(starts=starts)))
    assert verdict.kind is kind
    if kind is DENY:
        assert verdict.reason is Reason.COOLDOWN
        assert verdict.until == max(one.at for one in starts) + timedelta(minutes=15)


def test_a_cooldown_says_who_started_when_and_what_is_left() -> None:
    verdict = judge(use("cooldown", for_="15m"), look(History(starts=(start(ago(minutes=5)),))))
    assert verdict.detail == "run 7 started at 2026-01-05T11:55:00Z; 10m of 15m left"


@pytest.mark.parametrize(
    ("minutes_ago", "kind", "freed_after_minutes"),
    [
        ((10, 20), ALLOW, None),
        ((10, 20, 60), ALLOW, None),
        ((10, 20, 59), DENY, 1),
        ((0, 0, 0), DENY, 60),
        # More than the limit, after a reload that lowered it: two have to leave.
        ((10, 20, 30, 40), DENY, 30),
    ],
)
def test_a_rate_limit_counts_a_sliding_window(
    minutes_ago: tuple[int, ...], kind: VerdictKind, freed_after_minutes: int | None
) -> None:
    starts = tuple(start(ago(minutes=minutes)) for minutes in minutes_ago)
    verdict = judge(use("rate_limit", max=3, per="1h"), look(History(starts=starts)))
    assert verdict.kind is kind
    if freed_after_minutes is not None:
        assert verdict.reason is Reason.RATE_LIMIT
        assert verdict.until == NOW + timedelta(minutes=freed_after_minutes)


def test_a_rate_limit_says_how_much_of_it_is_used() -> None:
    history = History(starts=(start(ago(minutes=1)), start(ago(minutes=2))))
    assert judge(use("rate_limit", max=3, per="1h"), look(history)).detail == "2 of 3 runs in the last 1h"


@pytest.mark.parametrize(
    ("scope", "other", "kind"),
    [
        ("policy", start(ago(minutes=1), target="other"), DENY),
        ("target", start(ago(minutes=1), target="other"), ALLOW),
        ("policy", start(ago(minutes=1), policy="also"), ALLOW),
        ("target", start(ago(minutes=1), policy="also"), ALLOW),
    ],
)
def test_a_rate_limit_counts_its_own_policy_only(scope: str, other: Start, kind: VerdictKind) -> None:
    history = History(starts=(other,))
    assert judge(use("rate_limit", max=1, per="1h", scope=scope), look(history)).kind is kind


@given(
    gaps=st.lists(st.integers(min_value=0, max_value=90), max_size=60),
    most=st.integers(min_value=1, max_value=4),
)
def test_no_window_ever_holds_more_starts_than_the_rate_limit(gaps: list[int], most: int) -> None:
    limit = use("rate_limit", max=most, per="1m")
    started: list[Start] = []
    now = NOW
    for gap in gaps:
        now += timedelta(seconds=gap)
        verdict = judge(limit, look(History(starts=tuple(reversed(started))), now=now))
        if verdict.kind is ALLOW:
            started.append(start(now))
        else:
            assert verdict.until is not None
            assert verdict.until > now
            later = look(History(starts=tuple(started)), now=verdict.until)
            assert judge(limit, later).kind is ALLOW
    assert all(_held_from(started, one.at) <= most for one in started)


def _held_from(starts: list[Start], begins: datetime) -> int:
    return sum(begins <= one.at < begins + timedelta(minutes=1) for one in starts)


@pytest.mark.parametrize(
    ("scope", "live", "kind"),
    [
        ("policy", (("fix", 1),), ALLOW),
        ("policy", (("fix", 1), ("fix", 2)), DENY),
        ("policy", (("fix", 1), ("also", 2)), ALLOW),
        ("global", (("fix", 1), ("also", 2)), DENY),
    ],
)
def test_concurrency_counts_runs_under_way(
    scope: str, live: tuple[tuple[str, int], ...], kind: VerdictKind
) -> None:
    runs = tuple(LiveRun(run_id, policy, "x", RunState.RUNNING) for policy, run_id in live)
    verdict = judge(use("concurrency", max=2, scope=scope), look(History(live=runs)))
    assert verdict.kind is kind
    assert kind is ALLOW or verdict.reason is Reason.CONCURRENCY


@pytest.mark.parametrize(("others", "kind"), [(1, ALLOW), (2, DENY)])
def test_the_global_cap_on_runs_at_once(others: int, kind: VerdictKind) -> None:
    runs = tuple(LiveRun(number, "also", "x", RunState.VERIFYING) for number in range(others))
    verdict = judge(limits(concurrent_runs=2), look(History(live=runs)))
    assert verdict.kind is kind
    assert kind is ALLOW or verdict.reason is Reason.GLOBAL_LIMIT


@pytest.mark.parametrize(("oldest_seconds_ago", "kind"), [(60, ALLOW), (59, DENY)])
def test_the_global_cap_on_runs_a_minute(oldest_seconds_ago: int, kind: VerdictKind) -> None:
    starts = (start(ago(seconds=1), policy="also"), start(ago(seconds=oldest_seconds_ago), policy="more"))
    verdict = judge(limits(runs_per_minute=2), look(History(starts=starts)))
    assert verdict.kind is kind
    assert kind is ALLOW or verdict.until == NOW + timedelta(seconds=1)


def test_a_run_does_not_count_against_itself() -> None:
    history = History(
        starts=(start(ago(seconds=1), run_id=9),), live=(LiveRun(9, "fix", "pms", RunState.RUNNING),)
    )
    own = look(history, run_id=9, phase=LookPhase.ACTING)
    uses = (
        use("cooldown", for_="1h"),
        use("rate_limit", max=1, per="1h"),
        use("concurrency", max=1),
        limits(concurrent_runs=1, runs_per_minute=1),
    )
    assert [judge(one, own).kind for one in uses] == [ALLOW] * 4
    assert [judge(one, look(history)).kind for one in uses] == [DENY] * 4
