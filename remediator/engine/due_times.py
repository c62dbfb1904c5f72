"""Which due times of a schedule have passed, and what is to be done about them: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from remediator.policy.calendar import Calendar
from remediator.policy.model import Schedule as Written

# After a long time down nobody needs the exact number; counting it would hold everything else up.
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Due:
    """Due times up to now: the latest may be started, those before it are only noted."""

    at: datetime
    """The latest."""
    fresh: bool
    """Whether it is not too late for it."""
    missed: int
    """How many are not started; at least so many when it is MOST_COUNTED."""
    first: datetime
    """The first of them all."""
    next_at: datetime | None


def due_times(calendar: Calendar, written: Written, due_at: datetime, now: datetime) -> Due | None:
    """Return what is due when `due_at` was the next due time; None while it is still to come."""
    if due_at > now:
        return None

    def after(moment: datetime) -> datetime | None:
        return calendar.next_after(written.cron, written.timezone, moment)

    latest, passed, following = due_at, 1, after(due_at)
    while following is not None and following <= now and passed < MOST_COUNTED:
        latest, passed = following, passed + 1
        following = after(following)
    if following is not None and following <= now:
        following = after(now)
    fresh = now - latest <= written.grace
    return Due(latest, fresh, passed - 1 if fresh else passed, due_at, following)
