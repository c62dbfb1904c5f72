"""time_window: edges, nights, the two days a year on which clocks change, and what is asked outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from remediator.policy.model import Approval
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import VerdictKind
from tests.guards.looks import judge, look, use

ALLOW, DENY = VerdictKind.ALLOW, VerdictKind.DENY
MADRID = ZoneInfo("Europe/Madrid")
OFFICE = {"days": "mon-fri", "from_": "08:00", "to": "20:00", "timezone": "Europe/Madrid"}
NIGHT = {"days": "fri", "from_": "22:00", "to": "06:00", "timezone": "Europe/Madrid"}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def madrid(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MADRID, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("window", "at", "kind", "next_start"),
    [
        # 2026-01-05 is a Monday; Madrid is at UTC+1.
        (OFFICE, madrid("2026-01-05 08:00"), ALLOW, None),
        (OFFICE, madrid("2026-01-05 07:59:59.999999"), DENY, madrid("2026-01-05 08:00")),
        (OFFICE, madrid("2026-01-05 19:59:59.999999"), ALLOW, None),
        (OFFICE, madrid("2026-01-05 20:00"), DENY, madrid("2026-01-06 08:00")),
        (OFFICE, madrid("2026-01-09 20:00"), DENY, madrid("2026-01-12 08:00")),
        (OFFICE, madrid("2026-01-10 12:00"), DENY, madrid("2026-01-12 08:00")),
        # Over midnight: it belongs to the Friday on which it begins.
        (NIGHT, madrid("2026-01-09 22:00"), ALLOW, None),
        (NIGHT, madrid("2026-01-10 05:59"), ALLOW, None),
        (NIGHT, madrid("2026-01-10 06:00"), DENY, madrid("2026-01-16 22:00")),
        (NIGHT, madrid("2026-01-09 05:00"), DENY, madrid("2026-01-09 22:00")),
        # All day.
        ({"days": "sat,sun"}, utc("2026-01-10 00:00"), ALLOW, None),
        ({"days": "sat,sun"}, utc("2026-01-11 23:59:59"), ALLOW, None),
        ({"days": "sat,sun"}, utc("2026-01-12 00:00"), DENY, utc("2026-01-17 00:00")),
        # Summer time: 08:00 in Madrid is 06:00 UTC.
        (OFFICE, utc("2026-07-06 06:00"), ALLOW, None),
        (OFFICE, utc("2026-07-06 05:59"), DENY, utc("2026-07-06 06:00")),
        # 2026-03-29 skips 02:00-03:00: a window that begins then begins at 03:30, ends on time.
        (
            {**OFFICE, "days": "sun", "from_": "02:30"},
            utc("2026-03-29 01:29:59"),
            DENY,
            utc("2026-03-29 01:30"),
        ),
        ({**OFFICE, "days": "sun", "from_": "02:30"}, utc("2026-03-29 17:59:59"), ALLOW, None),
        ({**OFFICE, "days": "sun", "from_": "02:30"}, utc("2026-03-29 18:00"), DENY, utc("2026-04-05 00:30")),
        # 01:00-04:00 lasts two hours that day, and 02:30-03:15 does not come.
        (
            {**OFFICE, "days": "sun", "from_": "01:00", "to": "04:00"},
            utc("2026-03-29 02:00"),
            DENY,
            utc("2026-04-04 23:00"),
        ),
        (
            {**OFFICE, "days": "sun", "from_": "02:30", "to": "03:15"},
            utc("2026-03-29 01:00"),
            DENY,
            utc("2026-04-05 00:30"),
        ),
        # 2026-10-25 has 02:00-03:00 twice: of 02:30 the first is meant.
        (
            {**OFFICE, "days": "sun", "from_": "02:30", "to": "04:00"},
            madrid("2026-10-25 02:30", fold=0),
            ALLOW,
            None,
        ),
        (
            {**OFFICE, "days": "sun", "from_": "02:30", "to": "04:00"},
            madrid("2026-10-25 02:15", fold=1),
            ALLOW,
            None,
        ),
        (
            {**OFFICE, "days": "sun", "from_": "00:00", "to": "02:30"},
            madrid("2026-10-25 02:29", fold=1),
            DENY,
            madrid("2026-11-01 00:00"),
        ),
        # A night over the change: 22:00 on Saturday to 06:00 on Sunday, nine hours.
        ({**NIGHT, "days": "sat"}, utc("2026-10-25 04:59:59"), ALLOW, None),
        ({**NIGHT, "days": "sat"}, utc("2026-10-25 05:00"), DENY, utc("2026-10-31 21:00")),
    ],
)
def test_when_it_is_open(
    window: dict[str, str], at: datetime, kind: VerdictKind, next_start: datetime | None
) -> None:
    verdict = judge(use("time_window", **window), look(now=at))
    assert (verdict.kind, verdict.until) == (kind, next_start)
    assert kind is ALLOW or verdict.reason is Reason.OUTSIDE_TIME_WINDOW


def test_outside_it_can_ask_the_policys_approvers() -> None:
    window = use("time_window", **OFFICE, otherwise="approval")
    approvers = Approval.model_validate({"from": ["oncall"]})
    night, day = madrid("2026-01-05 03:00"), madrid("2026-01-05 12:00")
    asked = judge(window, look(now=night, approvers=approvers))
    assert (asked.kind, asked.approval) == (VerdictKind.ASK, approvers)
    assert "1 of oncall" in asked.detail
    assert judge(window, look(now=day, approvers=approvers)).kind is ALLOW
    assert judge(window, look(now=night, approvers=None)).kind is DENY


@pytest.mark.parametrize(
    ("days", "open_on"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("fri-mon", {4, 5, 6, 0}),
        ("sat, SUN", {5, 6}),
        (["mon", "wed-thu"], {0, 2, 3}),
        ("mon-sun", set(range(7))),
    ],
)
def test_days(days: Any, open_on: set[int]) -> None:
    window = use("time_window", days=days)
    noons = [utc(f"2026-01-{day:02} 12:00") for day in range(5, 12)]
    assert {at.weekday() for at in noons if judge(window, look(now=at)).kind is ALLOW} == open_on


@pytest.mark.parametrize(
    "params",
    [
        {"days": "weekdays"},
        {"days": "mon-"},
        {"days": ""},
        {"from_": "8:00"},
        {"from_": "08:60"},
        {"to": "24:01"},
        {"to": 1200},
        {"from_": "08:00", "to": "08:00"},
        {"from_": "24:00", "to": "08:00"},
        {"timezone": "Madrid"},
        {"timezone": "../etc/passwd"},
        {"otherwise": "allow"},
    ],
)
def test_a_window_that_is_none_is_refused_at_load(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        use("time_window", **params)


ZONES = st.sampled_from(
    ["Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]
)
MOMENTS = st.integers(min_value=0, max_value=366 * 24 * 3600).map(
    lambda seconds: utc("2026-01-01 00:00") + timedelta(seconds=seconds)
)
# Around the changes of Madrid's clocks, where chance alone would seldom look.
CHANGES = st.one_of(
    st.builds(
        lambda day, minutes: day + timedelta(minutes=minutes),
        st.sampled_from([utc("2026-03-28 12:00"), utc("2026-10-24 12:00")]),
        st.integers(min_value=0, max_value=48 * 60),
    ),
    MOMENTS,
)
CLOCKS = st.integers(min_value=0, max_value=24 * 60 - 1).map(lambda at: f"{at // 60:02}:{at % 60:02}")
DAYS = st.sampled_from(["mon-fri", "sat,sun", "sun", "mon-sun", "sat"])


@given(at=CHANGES, zone=ZONES, begin=CLOCKS, end=CLOCKS, days=DAYS)
def test_until_is_the_first_moment_at_which_it_is_open_again(
    at: datetime, zone: str, begin: str, end: str, days: str
) -> None:
    assume(begin != end)
    window = use("time_window", days=days, from_=begin, to=end, timezone=zone)
    verdict = judge(window, look(now=at))
    if verdict.kind is ALLOW:
        return
    assert verdict.until is not None
    assert verdict.until > at
    assert judge(window, look(now=verdict.until)).kind is ALLOW
    halfway = at + (verdict.until - at) / 2
    just_before = verdict.until - timedelta(microseconds=1)
    assert judge(window, look(now=halfway)).kind is DENY
    assert judge(window, look(now=just_before)).kind is DENY


@given(at=MOMENTS, zone=ZONES, begin=CLOCKS, end=CLOCKS)
def test_away_from_clock_changes_it_is_what_the_clock_on_the_wall_says(
    at: datetime, zone: str, begin: str, end: str
) -> None:
    local = at.astimezone(ZoneInfo(zone))
    around = [(at + timedelta(days=days)).astimezone(ZoneInfo(zone)) for days in (-2, 2)]
    assume(begin != end and len({moment.utcoffset() for moment in (local, *around)}) == 1)
    wall = f"{local:%H:%M}"
    inside = begin <= wall < end if begin < end else wall >= begin or wall < end
    window = use("time_window", from_=begin, to=end, timezone=zone)
    assert (judge(window, look(now=at)).kind is ALLOW) is inside
