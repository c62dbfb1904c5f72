"""Plots of a site whose Prometheus is a curve."""

from __future__ import annotations

from datetime import datetime, timedelta

from remediator.reports.writer import Drawing, MadeReport, Reports
from remediator.runs.answers import RangeAnswer, Series
from tests.engine.world import START
from tests.web.site import Site


class Pool:
    """A Prometheus in which the pool is full until something was done."""

    def __init__(self, serving: Site) -> None:
        self._serving = serving

    async def query_range(self, expr: str, start: datetime, end: datetime, step: timedelta) -> RangeAnswer:
        steps = await self._serving.world.steps(1)
        acted_at = steps[0].started_at if steps else end
        moments = [start + number * step for number in range(int((end - start) / step))]
        points = tuple((moment, self._used(moment, acted_at)) for moment in moments)
        return RangeAnswer((Series({"service": "pms"}, points),))

    def _used(self, moment: datetime, acted_at: datetime) -> float:
        wave = (moment.minute * 7 + moment.second // 10) % 5
        if moment > acted_at:
            return max(12.0, 40 - (moment - acted_at).total_seconds() / 4) + wave
        return min(40.0, 30 + wave + max(0.0, (moment - START).total_seconds() / 20))


class Drawn:
    """Reports of a site, made once it serves."""

    def __init__(self) -> None:
        self.reports: Reports | None = None

    async def make(self, run_id: int) -> MadeReport:
        assert self.reports is not None
        return await self.reports.make(run_id)

    async def draw(self, run_id: int) -> Drawing:
        assert self.reports is not None
        return await self.reports.draw(run_id)
