"""Ticks, and what cron expressions mean, by APScheduler. What is due is in the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
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
            trigger = _trigger(fields, timezone)
        except ValueError as error:
            return f"is not a cron expression: {error}; write it like `*/5 * * * *` or `0 6 * * mon`"
        if trigger.get_next_fire_time(None, _ANY_YEAR) is None:
            return "never comes; there is no such day in any year"
        return None

    def next_after(self, cron: str, timezone: str, moment: datetime) -> datetime | None:
        """Return the first due time after `moment`, in UTC."""
        fields = parse_cron(cron)
        trigger, zone = _trigger(fields, timezone), ZoneInfo(timezone)
        while True:
            due: datetime | None = trigger.get_next_fire_time(None, (moment + _TICK).astimezone(zone))
            if due is None:
                return None
            moment = due.astimezone(UTC)
            if fields.every_hour or not moment.astimezone(zone).fold:
                return moment


_TICK = timedelta(microseconds=1)
_ANY_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


def _trigger(fields: CronFields, timezone: str) -> CronTrigger:
    return CronTrigger(**asdict(fields), timezone=timezone)


async def _again_and_again(job: Job) -> None:
    while True:
        await asyncio.sleep(job.every.total_seconds())
        await _guarded(job)


async def _guarded(job: Job) -> None:
    try:
        await job.run()
    except Exception:  # noqa: BLE001  the boundary of a job: the next tick tries again
        _LOG.exception("job %s failed", job.name)
