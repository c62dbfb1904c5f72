"""loop: which returns of an alert make a row, how long it blocks, and what forgives it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from remediator.guards.base import LookPhase
from remediator.runs.history import History
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import VerdictKind
from tests.guards.looks import NOW, ago, judge, look, use

ALLOW, DENY = VerdictKind.ALLOW, VerdictKind.DENY
LOOP = use("loop", times=2, within="10m", per="2h", cool_off="1h")


def minutes(*ago_minutes: float) -> tuple[datetime, ...]:
    return tuple(ago(minutes=at) for at in ago_minutes)


@pytest.mark.parametrize(
    ("openings", "ends", "kind"),
    [
        ((), (), ALLOW),
        # The first alert is no return: nothing ended before it.
        ((60,), (), ALLOW),
        ((30, 15), (20,), ALLOW),
        ((30, 15, 1), (20, 8), DENY),
        # Exactly `within` after the run is still a return; later is not, and begins a new row.
        ((30, 10, 0), (20, 8), DENY),
        ((30, 9.9, 0), (20, 8), ALLOW),
        ((60, 45, 20, 1), (50, 42, 8), ALLOW),
        # Several alerts after one run are one return.
        ((30, 15, 14, 13), (20,), ALLOW),
        # Runs of one alert that never went away (`again`) are none.
        ((30,), (20, 10, 5), ALLOW),
        # An alert that opened while the run was under way did not come back after it.
        ((30, 21), (20,), ALLOW),
        # It blocks until `cool_off` after the return that made it a loop.
        ((80, 70, 60), (75, 65), ALLOW),
        ((80, 70, 59.9), (75, 65), DENY),
        # Blocked, no run follows: an alert that comes later does not end the loop before its time.
        ((80, 70, 59, 1), (75, 65), DENY),
        # Cooled off, the row still stands: one more return makes it a loop again.
        ((100, 90, 80, 1), (95, 85, 5), DENY),
        # Returns that are further apart than `per` are none in a row.
        ((200, 190, 1), (195, 5), ALLOW),
    ],
)
def test_when_it_blocks(openings: tuple[float, ...], ends: tuple[float, ...], kind: VerdictKind) -> None:
    verdict = judge(LOOP, look(History(openings=minutes(*openings), ends=minutes(*ends))))
    assert verdict.kind is kind
    assert verdict.reason is (Reason.LOOP if kind is DENY else None)


def test_it_says_since_when_and_until_when() -> None:
    history = History(openings=minutes(30, 15, 1), ends=minutes(20, 8))
    verdict = judge(LOOP, look(history))
    assert verdict.until == NOW + timedelta(minutes=59)
    assert verdict.detail == (
        "the alert came back within 10m of a run 2 times in a row, last at 2026-01-05T11:59:00Z"
    )


def test_at_admission_the_alert_itself_counts() -> None:
    history = History(openings=minutes(30, 15), ends=minutes(20, 8))
    assert judge(LOOP, look(history)).kind is ALLOW
    assert judge(LOOP, look(history, phase=LookPhase.ADMISSION, admission_id=None)).kind is DENY


@pytest.mark.parametrize(
    ("closed_minutes_ago", "kind"), [(0.5, ALLOW), (1, ALLOW), (1.1, ALLOW), (15.1, DENY), (40, DENY)]
)
def test_a_person_forgives_what_was(closed_minutes_ago: float, kind: VerdictKind) -> None:
    history = History(
        openings=minutes(30, 15, 1),
        ends=minutes(20, 8),
        breaker_closed_at=ago(minutes=closed_minutes_ago),
    )
    assert judge(LOOP, look(history)).kind is kind


def test_it_asks_for_all_the_past_that_it_may_need() -> None:
    assert LOOP.guard.window(LOOP.params) == timedelta(hours=3, minutes=10)
