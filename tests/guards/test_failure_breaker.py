"""failure_breaker: when it opens, how long it stays open, and what closing it forgives."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from remediator.runs.history import Finish, History
from remediator.runs.reasons import Reason
from remediator.runs.states import RunState
from remediator.runs.verdicts import VerdictKind
from tests.guards.looks import NOW, ago, finish, judge, look, use

ALLOW, DENY = VerdictKind.ALLOW, VerdictKind.DENY
_TICK = timedelta(microseconds=1)
BREAKER = use("failure_breaker", failures=3, per="1h", cool_off="30m")


def failures(*minutes_ago: float) -> tuple[Finish, ...]:
    return tuple(finish(ago(minutes=minutes)) for minutes in minutes_ago)


@pytest.mark.parametrize(
    ("finishes", "kind"),
    [
        ((), ALLOW),
        (failures(1, 2), ALLOW),
        (failures(1, 2, 3), DENY),
        (failures(3, 1, 2), DENY),
        # The first and the third exactly `per` apart are not within it.
        (failures(1, 30, 61), ALLOW),
        (failures(1, 30, 60.9), DENY),
        # It cools off exactly `cool_off` after the failure that opened it.
        (failures(30, 31, 32), ALLOW),
        (failures(29.9, 31, 32), DENY),
        # Cooled off, the old failures still count: one more opens it again.
        (failures(0, 35, 36), DENY),
        (tuple(finish(ago(minutes=at), RunState.INEFFECTIVE) for at in (1, 2, 3)), DENY),
        (tuple(finish(ago(minutes=at), RunState.SUCCEEDED, relapsed=True) for at in (1, 2, 3)), DENY),
        (tuple(finish(ago(minutes=at), RunState.SUCCEEDED) for at in (1, 2, 3)), ALLOW),
        (tuple(finish(ago(minutes=at), RunState.CANCELLED) for at in (1, 2, 3)), ALLOW),
        (tuple(finish(ago(minutes=at), policy="also") for at in (1, 2, 3)), ALLOW),
        (tuple(finish(ago(minutes=at), target="other") for at in (1, 2, 3)), DENY),
    ],
)
def test_when_it_is_open(finishes: tuple[Finish, ...], kind: VerdictKind) -> None:
    verdict = judge(BREAKER, look(History(finishes=finishes)))
    assert verdict.kind is kind
    if kind is DENY:
        assert verdict.reason is Reason.FAILURE_BREAKER_OPEN
        assert verdict.until == max(one.at for one in finishes) + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("closed_at", "kind"),
    [
        (ago(minutes=10), DENY),
        (ago(minutes=3) - _TICK, DENY),
        (ago(minutes=3), ALLOW),
        (ago(minutes=1), ALLOW),
        (NOW, ALLOW),
    ],
)
def test_a_person_who_closes_it_forgives_what_failed_until_then(
    closed_at: datetime, kind: VerdictKind
) -> None:
    history = History(finishes=failures(1, 2, 3), breaker_closed_at=closed_at)
    assert judge(BREAKER, look(history)).kind is kind


def test_it_looks_back_far_enough_to_see_what_opened_it() -> None:
    assert BREAKER.guard.window(BREAKER.params) == timedelta(minutes=90)
