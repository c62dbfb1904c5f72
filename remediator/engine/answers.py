"""Live answers for guards: equal questions within a tick are asked once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from remediator.clock import Clock
from remediator.runs.answers import AlertsQuery, Answer, PromQLQuery, Query

# One tick: short enough that an answer is as good as fresh, long enough that a storm of
# equal decisions asks once.
_TICK = timedelta(seconds=1)


class AsksPromQL(Protocol):
    """Answers PromQL."""

    async def query(self, expr: str) -> Answer:
        """Answer an instant query; errors are in the answer."""
        ...


class AsksAlerts(Protocol):
    """Answers which alerts are active."""

    async def active(self, query: AlertsQuery) -> Answer:
        """Answer which alerts fit; errors are in the answer."""
        ...

    async def suppressed(self, source: str, fingerprint: str) -> bool | None:
        """Tell whether an alert is silenced or inhibited; None when it can't be asked."""
        ...


class Answers:
    """Asks, and shares what came back for a tick."""

    def __init__(self, clock: Clock, promql: AsksPromQL, alerts: AsksAlerts) -> None:
        self._clock = clock
        self._promql = promql
        self._alerts = alerts
        self._asked: dict[Query, tuple[datetime, asyncio.Task[Answer]]] = {}

    async def ask(self, queries: Sequence[Query]) -> Mapping[Query, Answer]:
        """Answer all of them, in parallel."""
        self._forget()
        tasks = [self._task(query) for query in queries]
        answers = await asyncio.gather(*(asyncio.shield(task) for task in tasks))
        return dict(zip(queries, answers, strict=True))

    async def suppressed(self, source: str, fingerprint: str) -> bool | None:
        """Tell whether an alert is silenced or inhibited now; None when it can't be asked."""
        return await self._alerts.suppressed(source, fingerprint)

    def _task(self, query: Query) -> asyncio.Task[Answer]:
        known = self._asked.get(query)
        if known is not None:
            return known[1]
        task = asyncio.create_task(self._ask_one(query))
        self._asked[query] = (self._clock.now(), task)
        return task

    async def _ask_one(self, query: Query) -> Answer:
        if isinstance(query, PromQLQuery):
            return await self._promql.query(query.expr)
        return await self._alerts.active(query)

    def _forget(self) -> None:
        oldest = self._clock.now() - _TICK
        self._asked = {query: known for query, known in self._asked.items() if known[0] > oldest}
