"""Serving: what `build` made is started in order, and stopped in reverse."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
from contextlib import AsyncExitStack, suppress
from importlib.metadata import version
from pathlib import Path

import uvloop

from remediator.admin_token import with_admin_token
from remediator.build import Server, build
from remediator.clock import SystemClock
from remediator.engine.actors import ENGINE, Actor
from remediator.engine.admission import look_again
from remediator.engine.assembly import Parts
from remediator.engine.clock_steps import note_step_while_down
from remediator.engine.readiness import Readiness, Unready
from remediator.errors import RemediatorError
from remediator.jobs.reload_policies import policies_loaded
from remediator.jobs.scheduler import Scheduler
from remediator.renewal import Renewal
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.runs.records import HoldScope
from remediator.secret_refs import Redactor
from remediator.settings import Settings
from remediator.settings_file import secret_references
from remediator.store.base import Filter, Store, StoreCorruptError, Tx
from remediator.store.sqlite.store import SqliteStore, open_store
from remediator.telemetry.logs import configure_logging
from remediator.web.server import WebServer

_LOG = logging.getLogger("remediator")
_ITSELF = Actor(name=ENGINE, roles=frozenset(), groups=frozenset())


def serve(settings: Settings, config_path: Path | None, *, held: bool = False) -> int:
    """Run the receiver until SIGTERM or SIGINT; returns the exit code.

    `held` starts it in spite of a broken audit log: deliveries are taken, nothing is done.

    Raises:
        ConfigError: with every fault of the policies.
        StoreCorruptError: when the database is damaged, or its audit log broken and `held` not given.
        StoreUnavailableError: when another server has the database.
    """
    redactor = Redactor(secret_references(settings))
    configure_logging(redactor=redactor)
    serving = _serve(with_admin_token(settings, _tell_at_once), config_path, redactor, held=held)
    uvloop.run(serving)
    return 0


def _tell_at_once(text: str) -> None:
    # Piped output is buffered; a token that shows up only when the server stops is of no use.
    print(text, flush=True)  # noqa: T201  meant for whoever starts it, and never for the log


async def _serve(settings: Settings, config_path: Path | None, redactor: Redactor, *, held: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    renew = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, renew.set)
    async with AsyncExitStack() as stack:
        clock, readiness = SystemClock(), Readiness()
        store = await open_store(settings.store.sqlite, busy_timeout=settings.store.busy_timeout)
        stack.push_async_callback(store.close)
        _look_at_the_chain(settings, store, readiness, held=held)
        server = await build(
            settings,
            store,
            clock,
            redactor,
            readiness,
            _stop_acting,
            stack,
            os.environ.get("REMEDIATOR_FAILPOINT"),
        )
        await _note_start(server, store, settings)
        if store.chain_fault is not None:
            await _stop_acting(server.parts, f"the audit log is broken: {store.chain_fault.what}")
        await _run_until(stop, renew, server, settings, config_path)


def _look_at_the_chain(settings: Settings, store: SqliteStore, readiness: Readiness, *, held: bool) -> None:
    fault = store.chain_fault
    if fault is None:
        return
    if not held:
        raise StoreCorruptError(
            f"the audit log in {settings.store.sqlite} is broken: {fault.what}. Nothing is started on it. "
            f"Find out who changed it (`remediator audit verify` shows the place) and restore a backup, "
            f"or start with --held: deliveries are then taken and written down, and nothing is done"
        )
    readiness.set(Unready.AUDIT_CHAIN, fault.what)


async def _stop_acting(parts: Parts, why: str) -> None:
    await parts.holds.add(scope=HoldScope.ALL, value="", reason=why, duration=None, actor=_ITSELF)


async def _note_start(server: Server, store: Store, settings: Settings) -> None:
    """Write down that the server started, with which policies, and whether the ceiling was changed."""
    clock = server.parts.engine.clock

    def work(tx: Tx) -> None:
        note_step_while_down(tx, clock.now())
        before = tx.audit_rows(Filter(equal={"action": str(AuditAction.SERVER_STARTED)}, limit=1))
        detail = {
            "version": version("remediator"),
            "mode": str(settings.mode),
            "extensions": list(settings.extensions),
        }
        entry = AuditEntry(at=clock.now(), actor=ENGINE, action=AuditAction.SERVER_STARTED, detail=detail)
        tx.audit(entry)
        mode_before = json.loads(before[0].detail)["mode"] if before else settings.mode
        if mode_before != settings.mode:
            tx.audit(
                AuditEntry(
                    at=clock.now(),
                    actor=ENGINE,
                    action=AuditAction.MODE_CHANGED,
                    detail={"from": mode_before, "to": str(settings.mode)},
                )
            )
        tx.audit(policies_loaded(server.policies, clock))
        look_again(tx, server.parts.engine, clock.now())

    await store.write(work)


async def _run_until(
    stop: asyncio.Event, renew: asyncio.Event, server: Server, settings: Settings, config_path: Path | None
) -> None:
    """Serve until told to stop, then drain: no new delivery, no new step; what runs may end."""
    parts = server.parts
    engine = parts.engine
    renewal = Renewal(settings, config_path, engine.store, engine.clock, _tell_at_once)
    scheduler = Scheduler(server.jobs)
    web = WebServer(server.services)
    # What was built stays as long as the server: there is nothing to collect in it, however often one looks.
    gc.collect()
    gc.freeze()
    await web.start()
    scheduler.start()
    server.poller.poll_all()
    parts.dispatcher.wake()
    _tell(server, settings, config_path, web.url)
    renewing = asyncio.create_task(renewal.run(web, renew), name="renewal")
    try:
        await stop.wait()
        _LOG.info("stopping: no new step starts, steps under way may end")
    finally:
        server.services.readiness.set(Unready.DRAINING, "the server is stopping")
        parts.runner.drain()
        web.drain()
        scheduler.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(parts.dispatcher.drain(), settings.server.drain_timeout.total_seconds())
        await parts.dispatcher.stop()
        renewing.cancel()
        await web.stop()
        await _note_stop(parts)


async def _note_stop(parts: Parts) -> None:
    entry = AuditEntry(at=parts.engine.clock.now(), actor=ENGINE, action=AuditAction.SERVER_STOPPED)
    try:
        await parts.engine.store.write(lambda tx: tx.audit(entry))
    except RemediatorError as error:
        _LOG.warning("the stop could not be written down: %s", error)


def _tell(server: Server, settings: Settings, config_path: Path | None, url: str) -> None:
    policies = server.policies
    _LOG.info(
        "listening on %s, mode %s, %d policies, configuration %s",
        url,
        settings.mode,
        len(policies.policies),
        config_path or "embedded defaults",
    )
    for warning in policies.warnings:
        _LOG.warning("%s", warning)
