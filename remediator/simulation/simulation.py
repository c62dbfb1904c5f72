"""One remediator in virtual time: real decisions, runs, leases and approvals; simulated surroundings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from remediator.actions.base import Action
from remediator.actions.catalog import ActionClients, build_actions
from remediator.alerts import Alert, Payload
from remediator.clients.http import ServiceClient
from remediator.clients.process import ProcessRunner
from remediator.clock import Clock
from remediator.engine.alert_state import AlertState
from remediator.engine.assembly import AsksPrometheus, Parts, assemble
from remediator.engine.capabilities import Capabilities, capabilities_of, catalog_of
from remediator.engine.failpoints import Failpoints
from remediator.engine.intake import Accepted
from remediator.engine.policies import Policies
from remediator.engine.schedule_rows import plan_schedules
from remediator.extensions import load_extensions
from remediator.labels import Labels
from remediator.policy.calendar import Calendar
from remediator.policy.loaded import PolicySet
from remediator.policy.loader import load_document
from remediator.secret_refs import Redactor
from remediator.settings import Settings
from remediator.simulation.alertmanager import SimulatedAlertmanager
from remediator.simulation.looped_clock import LoopedEventLoop
from remediator.simulation.timekeeper import Timekeeper, WatchedStore
from remediator.store.base import Store

SOURCE = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a simulated engine is put into.

    `actions` makes scripted ones of the catalog's. Without a `calendar` no schedule is ever due. Nothing
    here may wait for anything but the clock.
    """

    loop: LoopedEventLoop
    clock: Clock
    store: Store
    settings: Settings
    promql: AsksPrometheus
    alertmanager: SimulatedAlertmanager
    services: ServiceClient
    actions: Callable[[Mapping[str, Action[Any]]], Mapping[str, Action[Any]]]
    calendar: Calendar | None = None


class Simulation:
    """A remediator that runs as virtual time passes. See `begin`."""

    def __init__(self, around: Surroundings, parts: Parts, keeper: Timekeeper) -> None:
        self.around = around
        self.parts = parts
        self._started_at = around.clock.now()
        self._keeping = asyncio.create_task(keeper.run(), name="timekeeper")

    @classmethod
    async def begin(cls, around: Surroundings, policies: PolicySet) -> Simulation:
        """Put an engine that serves these policies into its surroundings; their schedules count from now."""
        capabilities = _capabilities(around)
        catalog = catalog_of(capabilities, around.calendar)
        settings = around.settings
        store = WatchedStore(around.store)
        parts = assemble(
            settings=settings,
            store=store,
            clock=around.clock,
            capabilities=capabilities,
            policies=Policies(
                policies, capabilities, lambda document: load_document(document, "stored", catalog, settings)
            ),
            redactor=Redactor(frozenset()),
            promql=around.promql,
            alerts=AlertState({SOURCE: around.alertmanager}, None, around.clock),
            failpoints=Failpoints(None),
            kill_step=lambda _: 0,
            poll_soon=lambda _: None,
            calendar=around.calendar,
        )
        now = around.clock.now()
        await store.write(lambda tx: plan_schedules(tx, parts.engine, now))
        keeper = Timekeeper(around.store, around.clock, parts.dispatcher)
        store.on_write(keeper.look)
        return cls(around, parts, keeper)

    async def fire(self, labels: Labels, annotations: Mapping[str, str] | None = None) -> Accepted:
        """Have an alert fire (or fire on) and Alertmanager post it."""
        return await self._deliver(self.around.alertmanager.fire(labels, annotations or {}))

    async def resolve(self, labels: Labels, annotations: Mapping[str, str] | None = None) -> Accepted:
        """Have an alert end and Alertmanager post that."""
        return await self._deliver(self.around.alertmanager.resolve(labels, annotations or {}))

    async def pass_until(self, since_start: timedelta) -> None:
        """Let time pass until so long after the beginning, and all that is due until then happen."""
        rest = self._started_at + since_start - self.around.clock.now()
        if rest > timedelta(0):
            await self.around.clock.sleep(rest)
        await self.settle()

    async def settle(self) -> None:
        """Let everything happen that needs no time to pass."""
        await self.around.loop.settled()

    async def end(self) -> None:
        """Stop where it stands, and forget everything."""
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        await self.parts.dispatcher.stop()
        await self.around.store.close()

    async def _deliver(self, alert: Alert) -> Accepted:
        payload = Payload(
            receiver="remediator", group_key=alert.fingerprint, truncated_alerts=0, alerts=(alert,), bad=()
        )
        return await self.parts.intake.accept(SOURCE, payload)


def _capabilities(around: Surroundings) -> Capabilities:
    # None of the clients connects before it is used, and the scripted actions never use them.
    clients = ActionClients.of(around.settings, ProcessRunner())
    clients = replace(clients, services=around.services)
    extensions = load_extensions(around.settings.extensions)
    built = build_actions(around.settings, clients, around.clock, around.promql)
    actions = around.actions({**built, **extensions.actions})
    return capabilities_of(actions, around.settings.limits, extensions)
