"""Cron expressions: which moments they mean, through both changes of the clock, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remediator.jobs.scheduler import CronCalendar

CALENDAR = CronCalendar()
MADRID = "Europe/Madrid"
# Clocks go from 02:00 to 03:00 at 01:00 UTC, and from 03:00 back to 02:00 at 01:00 UTC.
SPRING = datetime(2026, 3, 28, 23, 59, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 24, 23, 59, tzinfo=UTC)


def due(cron: str, after: datetime, count: int, timezone: str = MADRID) -> list[str]:
    moments = []
    for _ in range(count):
        found = CALENDAR.next_after(cron, timezone, after)
        assert found is not None
        assert found > after
        after = found
        moments.append(f"{found:%d %H:%M}" + (f":{found:%S}" if found.second else ""))
    return moments


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        # Every half hour goes on in real time, through the hour that is skipped or comes twice.
        ("*/30 * * * *", SPRING, ["29 00:00", "29 00:30", "29 01:00", "29 01:30", "29 02:00"]),
        ("*/30 * * * *", AUTUMN, ["25 00:00", "25 00:30", "25 01:00", "25 01:30", "25 02:00"]),
        ("15 * * * *", SPRING, ["29 00:15", "29 01:15", "29 02:15"]),
        ("15 * * * *", AUTUMN, ["25 00:15", "25 01:15", "25 02:15"]),
        # 02:30 does not come on the day in spring: it is then 03:30, an hour that is there.
        ("30 2 * * *", SPRING, ["29 01:30", "30 00:30", "31 00:30"]),
        # It comes twice on the day in autumn: the first is meant.
        ("30 2 * * *", AUTUMN, ["25 00:30", "26 01:30", "27 01:30"]),
        ("0 3 * * *", SPRING, ["29 01:00", "30 01:00"]),
        ("0 3 * * *", AUTUMN, ["25 02:00", "26 02:00"]),
        # At six in the morning, winter and summer.
        ("0 6 * * sun", SPRING, ["29 04:00", "05 04:00"]),
        ("0 6 * * sun", AUTUMN, ["25 05:00", "01 05:00"]),
    ],
)
def test_what_is_due_where_clocks_change(cron: str, after: datetime, expected: list[str]) -> None:
    assert due(cron, after, len(expected)) == expected


MONDAY = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("* * * * *", ["05 12:01", "05 12:02"]),
        ("*/20 * * * * *", ["05 12:00:20", "05 12:00:40", "05 12:01"]),
        # Days of the week as crontab counts them, from Sunday; 7 is Sunday as well.
        ("0 6 * * 0", ["11 06:00"]),
        ("0 6 * * 7", ["11 06:00"]),
        ("0 6 * * 1", ["12 06:00"]),
        ("0 6 * * 1-5", ["06 06:00", "07 06:00", "08 06:00", "09 06:00", "12 06:00"]),
        ("0 6 * * fri-mon", ["09 06:00", "10 06:00", "11 06:00", "12 06:00", "16 06:00"]),
        ("0 6 * * 5-7", ["09 06:00", "10 06:00", "11 06:00", "16 06:00"]),
        ("0 6 * * sat,3", ["07 06:00", "10 06:00", "14 06:00"]),
        ("0 6 * * */2", ["06 06:00", "08 06:00", "10 06:00", "11 06:00"]),
        ("0 0 1 * *", ["01 00:00", "01 00:00"]),
    ],
)
def test_what_is_due(cron: str, expected: list[str]) -> None:
    assert due(cron, MONDAY, len(expected), "UTC") == expected


@pytest.mark.parametrize(
    ("cron", "what"),
    [
        ("* * *", "write five fields"),
        ("", "write five fields"),
        ("61 * * * *", "is not a cron expression: Error validating expression '61'"),
        ("a * * * *", 'Unrecognized expression "a"'),
        ("*/0 * * * *", "is not a cron expression"),
        ("0 0 * * 8", "'8' is no day of the week"),
        ("0 0 * * mon-x", "'x' is no day of the week"),
        ("0 0 * * mon,", "'' is no day of the week"),
        ("0 0 1 * mon", "names days of the month and of the week"),
        ("0 0 30 2 *", "never comes"),
    ],
)
def test_what_is_refused(cron: str, what: str) -> None:
    assert what in (CALENDAR.fault(cron, MADRID) or "")


@pytest.mark.parametrize("cron", ["* * * * *", "0 0 29 2 *", "*/7 1-5 * jan-mar mon", "30 0 6 1,15 * *"])
def test_what_is_read(cron: str) -> None:
    assert CALENDAR.fault(cron, MADRID) is None


@given(
    st.timedeltas(timedelta(0), timedelta(days=364)),
    st.sampled_from(["* * * * *", "*/7 * * * *", "30 2 * * *", "0 */3 * * *", "15,45 1-3 * * sun"]),
)
@example(datetime(2026, 3, 28, 22, tzinfo=UTC) - datetime(2026, 1, 1, tzinfo=UTC), "30 2 * * *")
def test_due_times_are_ever_later_and_none_lies_between(into: timedelta, cron: str) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + into
    first = CALENDAR.next_after(cron, MADRID, moment)
    assert first is not None
    assert first > moment
    # Asked from anywhere in between, it is the same one: a restart neither skips nor repeats.
    assert CALENDAR.next_after(cron, MADRID, moment + (first - moment) / 2) == first
    assert CALENDAR.next_after(cron, MADRID, first - timedelta(microseconds=1)) == first
