"""Cron expressions as crontab(5) writes them, read into fields that APScheduler understands."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = ("second", "minute", "hour", "day", "month", "day_of_week")
_RANGE = re.compile(r"^(?P<first>\w+)(?:-(?P<last>\w+))?(?:/(?P<step>[1-9]\d*))?$")
_LAST_NUMBER = 7


class CronError(ValueError):
    """Not an expression; the message says what to write."""


@dataclass(frozen=True, slots=True)
class CronFields:
    """The fields of an expression; `every_hour` says that the clock's hour does not matter to it."""

    second: str
    minute: str
    hour: str
    day: str
    month: str
    day_of_week: str

    @property
    def every_hour(self) -> bool:
        """Whether it goes on through both hours that a clock set back shows twice."""
        return self.hour.startswith("*")


def parse_cron(text: str) -> CronFields:
    """Split an expression of five fields, or of six with the second first.

    Raises:
        CronError: with what is wrong.
    """
    fields = text.split()
    if len(fields) == len(_FIELDS) - 1:
        fields = ["0", *fields]
    if len(fields) != len(_FIELDS):
        raise CronError("is not a cron expression; write five fields like `0 6 * * mon`, or six with seconds")
    named = dict(zip(_FIELDS, fields, strict=True))
    if not named["day"].startswith("*") and not named["day_of_week"].startswith("*"):
        # crontab(5) joins the two by `or`, most others by `and`: whoever reads it could not tell.
        raise CronError("names days of the month and of the week; write one of them as *")
    named["day_of_week"] = _days(named["day_of_week"])
    return CronFields(**named)


def _days(text: str) -> str:
    """Write days of the week by name: APScheduler counts from Monday, crontab from Sunday."""
    if text == "*":
        return text
    days: dict[str, None] = {}
    for part in text.lower().split(","):
        stretch = part.replace("*", "sun-sat", 1) if part.startswith("*") else part
        found = _RANGE.match(stretch)
        if found is None:
            raise CronError(f"{part!r} is no day of the week; write it like mon-fri, sat or 1-5")
        first = _day(found["first"])
        last = first if found["last"] is None else _day(found["last"])
        # As in crontab, `5-7` ends on the Sunday after, and `fri-mon` goes over the week's end.
        last += len(_NAMES) if last < first else 0
        days |= {_NAMES[day % len(_NAMES)]: None for day in range(first, last + 1, int(found["step"] or 1))}
    return ",".join(days)


def _day(text: str) -> int:
    if text.isdecimal() and int(text) <= _LAST_NUMBER:
        return int(text)
    if text in _NAMES:
        return _NAMES.index(text)
    raise CronError(f"{text!r} is no day of the week; write it like mon-fri, sat or 1-5")
