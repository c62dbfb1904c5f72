"""What APScheduler is used for: ticks, and what cron expressions mean. What is due is in the store."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from remediator.jobs.base import Job
from remediator.jobs.cron import CronError, CronFields, parse_cron

_LOG = logging.getLogger("remediator.jobs")


class Scheduler:
    """Runs jobs at their intervals; one that is still running is not started a second time."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._scheduler = AsyncIOScheduler(timezone="UTC")

    def start(self) -> None:
        """Begin to tick."""
        for job in self._jobs:
            self._scheduler.add_job(
                _guarded,
                "interval",
                args=[job],
                seconds=job.every.total_seconds(),
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
                id=job.name,
            )
        self._scheduler.start()

    def stop(self) -> None:
        """Stop ticking."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


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


async def _guarded(job: Job) -> None:
    try:
        await job.run()
    except Exception:  # noqa: BLE001  the boundary of a job: the next tick tries again
        _LOG.exception("job %s failed", job.name)
