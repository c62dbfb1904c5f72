"""Ticks, and what cron expressions mean, by APScheduler. What is due is in the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, tzinfo
from datetime import timezone as tz
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from remediator.jobs.base import Job
from remediator.jobs.cron import CronError, CronFields, parse_cron

_LOG = logging.getLogger("remediator.jobs")


class Scheduler:
    """Runs jobs at their intervals; one that is still running is not started a second time.

    By the loop's clock, which nobody sets: APScheduler would stop ticking until the machine's clock
    is where it was before it was set back.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to tick."""
        self._running = [asyncio.create_task(_again_and_again(job), name=job.name) for job in self._jobs]

    def stop(self) -> None:
        """Stop ticking."""
        for task in self._running:
            task.cancel()


class CronCalendar:
    """Reads cron expressions. Where clocks change, a time means what RFC 5545 says: one that is skipped
    comes later by what is skipped, and of one that comes twice the first is meant; an expression for
    every hour goes on through both.
    """

    def fault(self, cron: str, timezone: str) -> str | None:
        """Say what is wrong with an expression, or None."""
        try:
            fields = parse_cron(cron)
        except CronError as error:
            return str(error)
        try:
            trigger = _trigger(fields, ZoneInfo(timezone))
        except ValueError as error:
            return f"is not a cron expression: {error}; write it like `*/5 * * * *` or `0 6 * * mon`"
        if trigger.get_next_fire_time(None, _ANY_YEAR) is None:
            return "never comes; there is no such day in any year"
        return None

    def next_after(self, cron: str, timezone: str, moment: datetime) -> datetime | None:
        """Return the first due time after `moment`, in UTC."""
        fields, zone = parse_cron(cron), ZoneInfo(timezone)
        found = (_shown_after(fields, zone, moment), _skipped_after(fields, zone, moment))
        return min((due for due in found if due is not None), default=None)


def _shown_after(fields: CronFields, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """Return the first due time after `moment` by what clocks show then, or will when one is skipped."""
    trigger = _trigger(fields, zone)
    while True:
        due: datetime | None = trigger.get_next_fire_time(None, (moment + _TICK).astimezone(zone))
        if due is None:
            return None
        moment = due.astimezone(UTC)
        if fields.every_hour or not moment.astimezone(zone).fold:
            return moment


def _skipped_after(fields: CronFields, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """Return the first due time after `moment` that clocks would show had they not just been set forward."""
    before = (moment - _LONGEST_GAP).astimezone(zone).utcoffset()
    now = moment.astimezone(zone).utcoffset()
    if before is None or now is None or now <= before:
        return None
    unchanged = tz(before)
    due: datetime | None = _trigger(fields, unchanged).get_next_fire_time(
        None, (moment + _TICK).astimezone(unchanged)
    )
    if due is None:
        return None
    shown = due.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    skipped = shown.replace(tzinfo=None) != due.replace(tzinfo=None)
    return due.astimezone(UTC) if skipped else None


_TICK = timedelta(microseconds=1)
_LONGEST_GAP = timedelta(days=1)  # Samoa left out a whole day
_ANY_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


def _trigger(fields: CronFields, zone: tzinfo) -> CronTrigger:
    return CronTrigger(**asdict(fields), timezone=zone)


async def _again_and_again(job: Job) -> None:
    while True:
        await asyncio.sleep(job.every.total_seconds())
        await _guarded(job)


async def _guarded(job: Job) -> None:
    try:
        await job.run()
    except Exception:  # noqa: BLE001  the boundary of a job: the next tick tries again
        _LOG.exception("job %s failed", job.name)
