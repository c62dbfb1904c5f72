"""What reaches out: clients for all that the configuration names, and the actions built on them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime

import aiohttp

from remediator.actions.catalog import ActionClients, build_actions
from remediator.clients.alertmanager import AlertmanagerClient
from remediator.clients.process import ProcessRunner
from remediator.clients.prometheus import PrometheusClient
from remediator.clock import Clock
from remediator.engine.assembly import AsksPrometheus
from remediator.engine.capabilities import Capabilities, capabilities_of
from remediator.engine.outbox import MessageQueue
from remediator.extensions import load_extensions
from remediator.reports.metrics import AsksRange, NoMetrics
from remediator.reports.writer import Reports
from remediator.runs.answers import Answer
from remediator.settings import Settings
from remediator.store.base import Store


class NoPrometheus:
    """Stands where no Prometheus is configured: every question is answered with that."""

    _WHY = "remediator.yaml has no prometheus section"

    async def query(self, expr: str) -> Answer:  # noqa: ARG002
        """Answer that there is nobody to ask."""
        return Answer(error=self._WHY)

    async def scraped_after(self, expr: str, moment: datetime) -> bool:  # noqa: ARG002
        """Nothing was scraped."""
        return False


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that can reach out. Nothing connects before it is used."""

    processes: ProcessRunner
    promql: AsksPrometheus
    promql_over: AsksRange
    sources: Mapping[str, AlertmanagerClient]
    capabilities: Capabilities


async def reach_out(
    settings: Settings, clock: Clock, stack: AsyncExitStack, store: Store | None = None
) -> Outside:
    """Build the clients and the actions; what has to be closed goes on `stack`.

    Without a store they look, and nothing is queued or reported.

    Raises:
        ConfigError: with every fault of the extensions.
    """
    session = await stack.enter_async_context(aiohttp.ClientSession())
    processes = ProcessRunner()
    promql: AsksPrometheus = NoPrometheus()
    promql_over: AsksRange = NoMetrics()
    if settings.prometheus is not None:
        promql = promql_over = PrometheusClient(session, settings.prometheus)
    clients = ActionClients.of(settings, processes)
    stack.push_async_callback(clients.close)
    sources = {
        name: AlertmanagerClient(session, source)
        for name, source in settings.sources.items()
        if source.url is not None
    }
    reports = Reports(store, promql_over, settings.reports) if store is not None else None
    messages = MessageQueue(store, clock) if store is not None else None
    clients = replace(clients, alertmanagers=sources, messages=messages, reports=reports)
    extensions = load_extensions(settings.extensions)
    actions = {**build_actions(settings, clients, clock, promql), **extensions.actions}
    capabilities = capabilities_of(actions, settings.limits, extensions)
    return Outside(processes, promql, promql_over, sources, capabilities)
