"""One process of a simulated life: the engine assembled on a database that was there before it."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from random import Random

from remediator.clock import Clock
from remediator.engine.assembly import Parts, assemble
from remediator.engine.capabilities import capabilities_of, catalog_of
from remediator.engine.failpoints import Failpoints
from remediator.engine.policies import Policies
from remediator.policy.loader import load_document
from remediator.secret_refs import Redactor
from remediator.simulation.timekeeper import Timekeeper, WatchedStore
from torture.life.actions import actions_on
from torture.life.policies import SETTINGS, policy_set
from torture.life.scheduled_store import ScheduledStore
from torture.life.things import Alertmanager, Surveys, Things


@dataclass(slots=True)
class Process:
    """What runs until it is killed or stopped."""

    store: ScheduledStore
    parts: Parts
    keeping: asyncio.Task[None]

    @classmethod
    def start(
        cls,
        database: sqlite3.Connection,
        clock: Clock,
        things: Things,
        surveys: Surveys,
        random: Random,
    ) -> Process:
        """Start the engine, and its ticking."""
        actions = actions_on(things)
        capabilities = capabilities_of(actions, SETTINGS.limits)
        catalog = catalog_of(capabilities)
        store = ScheduledStore(database, random)
        watched = WatchedStore(store)
        parts = assemble(
            settings=SETTINGS,
            store=watched,
            clock=clock,
            capabilities=capabilities,
            policies=Policies(
                policy_set(),
                capabilities,
                lambda document: load_document(document, "stored", catalog, SETTINGS),
            ),
            redactor=Redactor(frozenset()),
            promql=surveys,
            alerts=Alertmanager(surveys),
            failpoints=Failpoints(None),
            kill_step=lambda _: 0,
            poll_soon=lambda _: None,
        )
        keeper = Timekeeper(store, clock, parts.dispatcher)
        watched.on_write(keeper.look)
        parts.dispatcher.wake()
        return cls(store, parts, asyncio.create_task(keeper.run(), name="timekeeper"))

    async def stop(self) -> None:
        """End it where it stands; what it had begun and not written down is forgotten."""
        await self.store.close()
        self.keeping.cancel()
        await asyncio.gather(self.keeping, return_exceptions=True)
        await self.parts.dispatcher.stop()
