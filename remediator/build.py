"""Builds a server from its configuration: clients, catalogs, engine, jobs, web. Starts nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import CollectorRegistry

from remediator.clients.apprise_sender import AppriseSender
from remediator.clients.slack import SlackWebhooks
from remediator.clock import Clock
from remediator.engine.alert_state import AlertState
from remediator.engine.assembly import Parts, assemble
from remediator.engine.capabilities import Capabilities, catalog_of, guard_names
from remediator.engine.failpoints import Failpoints
from remediator.engine.policies import Policies
from remediator.engine.readiness import Readiness, Unready
from remediator.errors import RemediatorError
from remediator.jobs.base import Job
from remediator.jobs.close_stale import CloseStale
from remediator.jobs.index_audit import IndexAudit
from remediator.jobs.poll_alertmanager import PollAlertmanager
from remediator.jobs.prune import Prune
from remediator.jobs.reload_policies import ReloadPolicies
from remediator.jobs.scheduler import CronCalendar
from remediator.jobs.tick import Tick
from remediator.jobs.verify_audit import VerifyAudit
from remediator.jobs.watch_clock import WatchClock
from remediator.jobs.watch_health import WatchHealth
from remediator.outside import Outside, reach_out
from remediator.policy.loaded import PolicySet
from remediator.policy.loader import load_document, load_policies
from remediator.reports.writer import Reports
from remediator.secret_refs import Redactor
from remediator.session_key import session_key
from remediator.settings import Settings
from remediator.shipped import policy_folder
from remediator.store.sqlite.checkpoints import origin_of
from remediator.store.sqlite.store import SqliteStore
from remediator.telemetry.logs import LogAudit
from remediator.telemetry.metrics import Metrics
from remediator.web.services import Services


class TracingMissingError(RemediatorError):
    """Traces are configured, and what sends them is not installed."""


class SoonPoller:
    """Polls a source at once, when intake learns that alerts were cut off."""

    def __init__(self) -> None:
        self.jobs: dict[str, PollAlertmanager] = {}
        self._running: set[asyncio.Task[None]] = set()

    def poll_all(self) -> None:
        """Poll every source that can be polled: at the start, to learn what was missed."""
        for source in self.jobs:
            self.poll_soon(source)

    def poll_soon(self, source: str) -> None:
        """Start a poll beside whatever asked for it; sources without a url have none."""
        job = self.jobs.get(source)
        if job is None:
            return
        task = asyncio.create_task(job.run(), name=job.name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is built and not started."""

    parts: Parts
    services: Services
    jobs: tuple[Job, ...]
    policies: PolicySet
    poller: SoonPoller


async def build(
    settings: Settings,
    store: SqliteStore,
    clock: Clock,
    redactor: Redactor,
    readiness: Readiness,
    stop_acting: Callable[[Parts, str], Awaitable[None]],
    stack: AsyncExitStack,
    failpoint: str | None,
) -> Server:
    """Build everything around an open store. What has to be closed goes on `stack`.

    Raises:
        ConfigError: with every fault of every policy file.
    """
    outside = await reach_out(settings, clock, stack, store)
    calendar = CronCalendar()
    catalog = catalog_of(outside.capabilities, calendar, settings.retention.records)
    folder = policy_folder(settings)

    def load() -> PolicySet:
        return load_policies(folder, catalog, settings, now=clock.now())

    first = await asyncio.to_thread(load)
    poller = SoonPoller()
    reports = Reports(store, outside.promql_over, settings.reports)
    parts = assemble(
        settings=settings,
        store=store,
        clock=clock,
        capabilities=outside.capabilities,
        policies=Policies(
            first, outside.capabilities, lambda document: load_document(document, "stored", catalog, settings)
        ),
        redactor=redactor,
        promql=outside.promql,
        alerts=AlertState(outside.sources, outside.promql if settings.prometheus else None, clock),
        failpoints=Failpoints(failpoint),
        kill_step=lambda run_id: outside.processes.kill(f"run-{run_id}"),
        poll_soon=poller.poll_soon,
        sender=AppriseSender(),
        buttons=SlackWebhooks(),
        reports=reports,
        calendar=calendar,
    )
    reload_policies = ReloadPolicies(folder, load, parts.engine, readiness, parts.dispatcher, clock)
    jobs = (reload_policies, *_jobs(settings, clock, parts, outside, poller))
    verify = VerifyAudit(store.verify_audit, readiness, lambda why: stop_acting(parts, why))
    prune = Prune(
        store,
        settings.retention,
        settings.retention.archive_of(settings.store.sqlite),
        clock,
        trusted=lambda: Unready.AUDIT_CHAIN not in readiness.reasons,
        note=lambda what: readiness.note("prune", what),
    )
    services = _services(settings, store, clock, parts, readiness, outside.capabilities, reports)
    await _trace(settings, store, stack)
    health = WatchHealth(store, readiness, clock, lambda: parts.dispatcher.looked_at)
    return Server(parts, services, (health, verify, IndexAudit(store), prune, *jobs), first, poller)


def _jobs(
    settings: Settings,
    clock: Clock,
    parts: Parts,
    outside: Outside,
    poller: SoonPoller,
) -> tuple[Job, ...]:
    for name, client in outside.sources.items():
        poller.jobs[name] = PollAlertmanager(
            name,
            settings.sources[name].poll,
            client,
            parts.intake,
            parts.engine.store,
            clock,
            parts.dispatcher,
        )
    stale = CloseStale(settings.sources, parts.engine.store, clock, parts.dispatcher)
    watch = WatchClock(parts.engine.store, clock, parts.dispatcher)
    return (Tick(parts.dispatcher), watch, stale, *poller.jobs.values())


async def _trace(settings: Settings, store: SqliteStore, stack: AsyncExitStack) -> None:
    traces = settings.telemetry.traces
    if traces is None:
        return
    try:
        from remediator.telemetry.tracing import TraceAudit  # noqa: PLC0415  an extra, and slow to import
    except ModuleNotFoundError as error:
        raise TracingMissingError(
            f"telemetry.traces needs the module {error.name}: pip install 'remediator[tracing]', "
            "or leave the section out"
        ) from None
    origin = await store.read(lambda reads: origin_of(reads.connection))
    tracing = TraceAudit(traces, version=version("remediator"), origin=origin)
    store.on_commit(tracing.on_commit)
    stack.push_async_callback(tracing.close)


def _services(
    settings: Settings,
    store: SqliteStore,
    clock: Clock,
    parts: Parts,
    readiness: Readiness,
    capabilities: Capabilities,
    reports: Reports,
) -> Services:
    """What the web server holds; metrics and logs hear of every commit from here on."""
    registry = CollectorRegistry()
    metrics = Metrics(
        registry,
        version=version("remediator"),
        sources=settings.sources,
        actions=capabilities.actions,
        guards=guard_names(capabilities),
        channels=settings.channels,
    )
    store.on_commit(metrics.on_commit)
    store.on_commit(LogAudit().on_commit)
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        intake=parts.intake,
        approvals=parts.approvals,
        holds=parts.holds,
        control=parts.control,
        by_hand=parts.by_hand,
        reports=reports,
        policies=parts.engine.policies,
        readiness=readiness,
        metrics=metrics,
        registry=registry,
        session_key=session_key(settings),
    )
