"""Windows of local time that come back every week.

A window belongs to the day on which it begins; one whose end is not after its beginning ends on
the next day. It holds its first moment and not its last. Where clocks change, local times mean
what RFC 5545 says: one that is skipped comes later by what is skipped, and of one that comes
twice the first is meant. So a window that lies in a skipped hour does not come that day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# One day or a range, for editors; in any case of letters.
_NAME = "|".join("".join(f"[{letter.upper()}{letter}]" for letter in name) for name in _NAMES)
_SPAN = f" *(?:{_NAME}) *(?:- *(?:{_NAME}) *)?"
_DAY = timedelta(days=1)
# A window that a clock change swallows is followed by next week's.
_DAYS_AHEAD = 15


def parse_days(text: str) -> frozenset[int]:
    """Read days of the week; Monday is 0. A range may go over the week's end: `fri-mon`.

    Raises:
        ValueError: with what is wrong and an example.
    """
    days: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if first not in _NAMES or (dash and last not in _NAMES):
            raise ValueError("does not name days; write it like mon-fri or sat,sun")
        start = _NAMES.index(first)
        end = _NAMES.index(last) if dash else start
        days.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return frozenset(days)


def parse_clock(text: str) -> timedelta:
    """Read a time of day as what has passed since midnight on a day without clock changes.

    Raises:
        ValueError: with what is wrong and an example.
    """
    hour, _, minute = text.partition(":")
    if len(hour) == len(minute) == len("00") and text.isascii() and (hour + minute).isdecimal():
        passed = timedelta(hours=int(hour), minutes=int(minute))
        if passed <= _DAY and timedelta(minutes=int(minute)) < timedelta(hours=1):
            return passed
    raise ValueError('is not a time of day; write it like "08:30", up to "24:00"')


def _joined(value: Any) -> Any:
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return ",".join(value)
    return value


def _checked_days(text: str) -> str:
    parse_days(text)
    return text


def _checked_clock(text: str) -> str:
    parse_clock(text)
    return text


Days = Annotated[
    str,
    BeforeValidator(_joined),
    AfterValidator(_checked_days),
    WithJsonSchema(
        {
            "type": ["string", "array"],
            "pattern": f"^{_SPAN}(?:,{_SPAN})*$",
            "items": {"type": "string", "pattern": f"^{_SPAN}$"},
            "examples": ["mon-fri"],
        }
    ),
]
ClockTime = Annotated[
    str,
    AfterValidator(_checked_clock),
    WithJsonSchema({"type": "string", "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"}),
]


@dataclass(frozen=True, slots=True)
class LocalWindows:
    """The windows from `begin` to `end` (since midnight) on each of `days`."""

    days: frozenset[int]
    begin: timedelta
    end: timedelta
    zone: ZoneInfo

    def contains(self, moment: datetime) -> bool:
        """Tell whether a moment lies in one of them."""
        return any(start <= moment < end for start, end in self._around(moment))

    def next_start(self, moment: datetime) -> datetime | None:
        """Return when the next one begins after `moment`."""
        return next((start for start, _ in self._around(moment) if start > moment), None)

    def next_change(self, moment: datetime) -> datetime | None:
        """Return when `contains` may next say something else than at `moment`."""
        edges = (edge for window in self._around(moment) for edge in window)
        return min((edge for edge in edges if edge > moment), default=None)

    def _around(self, moment: datetime) -> Sequence[tuple[datetime, datetime]]:
        return _around(self, moment.astimezone(self.zone).date())


# A pure function, and asked for the same day again and again.
@lru_cache(maxsize=256)
def _around(windows: LocalWindows, today: date) -> Sequence[tuple[datetime, datetime]]:
    length = windows.end - windows.begin
    if length <= timedelta(0):
        length += _DAY
    days = (today + ahead * _DAY for ahead in range(-2, _DAYS_AHEAD))
    begun = [day for day in days if day.weekday() in windows.days]
    edges = [
        (_utc(day, windows.begin, windows.zone), _utc(day, windows.begin + length, windows.zone))
        for day in begun
    ]
    return tuple((start, end) for start, end in edges if start < end)


def _utc(day: date, since_midnight: timedelta, zone: ZoneInfo) -> datetime:
    # Adding to a naive time moves the hands of the clock; the zone then says when that was.
    local = datetime.combine(day, time()) + since_midnight
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)
