"""The scheduler: APScheduler ticks, and only ticks. What is due is in the store."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from remediator.jobs.base import Job

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


async def _guarded(job: Job) -> None:
    try:
        await job.run()
    except Exception:  # noqa: BLE001  the boundary of a job: the next tick tries again
        _LOG.exception("job %s failed", job.name)
