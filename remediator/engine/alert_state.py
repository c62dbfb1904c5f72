"""Which alerts are active: asked of the Alertmanagers, or of Prometheus where none can be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from remediator.clients.alertmanager import ActiveAlert, AlertmanagerError
from remediator.clock import Clock
from remediator.engine.answers import AsksPromQL
from remediator.labels import Labels
from remediator.policy.matchers import parse_matcher
from remediator.runs.answers import AlertsQuery, Answer, Sample

_TICK = timedelta(seconds=1)
_PROMETHEUS_ALERTS = 'ALERTS{alertstate="firing"}'


class ListsAlerts(Protocol):
    """One Alertmanager."""

    async def alerts(self, *, active: bool, silenced: bool, inhibited: bool) -> list[ActiveAlert]:
        """Return its alerts, or raise AlertmanagerError."""
        ...


class AlertState:
    """Answers guards' questions about other alerts, and whether this one is silenced."""

    def __init__(self, sources: Mapping[str, ListsAlerts], promql: AsksPromQL | None, clock: Clock) -> None:
        self._sources = sources
        self._promql = promql
        self._clock = clock
        self._listed: dict[str, tuple[datetime, asyncio.Task[list[ActiveAlert]]]] = {}

    async def active(self, query: AlertsQuery) -> Answer:
        """Return the active alerts that fit; one source that can't be asked makes it an error."""
        if not self._sources:
            return await self._of_prometheus(query)
        found: list[Labels] = []
        for name, source in self._sources.items():
            try:
                alerts = await self._list(name, source)
            except AlertmanagerError as error:
                return Answer(error=f"source {name}: {error}")
            found.extend(alert.labels for alert in alerts)
        return _fitting(query, found)

    async def suppressed(self, source: str, fingerprint: str) -> bool | None:
        """Tell whether an alert is silenced or inhibited; None when its source can't be asked."""
        client = self._sources.get(source)
        if client is None:
            return False
        try:
            alerts = await self._list(source, client)
        except AlertmanagerError:
            return None
        return any(alert.suppressed for alert in alerts if alert.fingerprint == fingerprint)

    async def _list(self, name: str, source: ListsAlerts) -> list[ActiveAlert]:
        """List a source's alerts; in a storm, everybody who asks within a tick shares one list."""
        now = self._clock.now()
        listed = self._listed.get(name)
        if listed is None or now - listed[0] > _TICK:
            task = asyncio.create_task(source.alerts(active=True, silenced=True, inhibited=True))
            listed = self._listed[name] = (now, task)
        return await asyncio.shield(listed[1])

    async def _of_prometheus(self, query: AlertsQuery) -> Answer:
        if self._promql is None:
            return Answer(error="neither a source with a url nor prometheus is configured")
        answer = await self._promql.query(_PROMETHEUS_ALERTS)
        if answer.error is not None:
            return answer
        return _fitting(query, (sample.labels for sample in answer.samples))


def _fitting(query: AlertsQuery, alerts: Iterable[Labels]) -> Answer:
    any_of = [[parse_matcher(text) for text in matchers] for matchers in query.any_of]
    fitting = [
        labels
        for labels in alerts
        if any(all(matcher.matches(labels) for matcher in matchers) for matchers in any_of)
    ]
    return Answer(samples=tuple(Sample(labels=labels, value=1.0) for labels in fitting))
