"""Readiness is asked of the store and the dispatcher, and says why it is not there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from remediator.clock import SystemClock
from remediator.engine.readiness import Readiness
from remediator.jobs.watch_health import WatchHealth
from remediator.store.base import Reads, StoreUnavailableError, Tx
from remediator.store.sqlite.store import open_store

T = TypeVar("T")


class Watched:
    """A job whose store and clock do as they are told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.now = 100.0
        self.looked_at = 100.0
        self.readiness = Readiness()
        self.job = WatchHealth(
            self, self.readiness, SystemClock(), lambda: self.looked_at, monotonic=lambda: self.now
        )

    async def write(self, work: Callable[[Tx], T]) -> T:
        if self.error is not None:
            raise self.error
        return cast("T", None)  # nobody asks what came of it

    async def read(self, work: Callable[[Reads], T]) -> T:
        raise NotImplementedError

    def on_commit(self, listener: object) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


async def test_while_all_is_well_it_is_ready() -> None:
    watched = Watched()
    await watched.job.run()
    assert watched.readiness.reasons == {}
    assert watched.readiness.notes == {}


async def test_a_store_that_cannot_commit_is_the_reason_until_it_can() -> None:
    watched = Watched()
    watched.error = StoreUnavailableError("database or disk is full")
    await watched.job.run()
    assert watched.readiness.reasons == {"store": "database or disk is full"}
    watched.error = TimeoutError()
    await watched.job.run()
    assert "within 10 s" in watched.readiness.reasons["store"]
    watched.error = None
    await watched.job.run()
    assert watched.readiness.reasons == {}


async def test_timers_that_nobody_looks_at_are_the_reason_until_somebody_does() -> None:
    watched = Watched()
    watched.now += 31
    await watched.job.run()
    assert watched.readiness.reasons == {"workers": "nothing that is due was looked at for 31 s"}
    watched.looked_at = watched.now
    await watched.job.run()
    assert watched.readiness.reasons == {}


async def test_that_everything_waited_is_noted() -> None:
    watched = Watched()
    await watched.job.run()
    watched.now = watched.looked_at = watched.now + 20
    await watched.job.run()
    assert watched.readiness.notes["delay"].startswith("everything waited for 15 s")
    assert watched.readiness.reasons == {}
    watched.now += 5
    await watched.job.run()
    assert watched.readiness.notes == {}


async def test_the_look_at_a_real_store_leaves_nothing(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "db.sqlite")
    readiness = Readiness()
    now = asyncio.get_running_loop().time()
    await WatchHealth(store, readiness, SystemClock(), lambda: now, monotonic=lambda: now).run()
    assert readiness.reasons == {}
    assert await store.read(lambda reads: reads.next_due_at()) is None
    await store.close()
    await WatchHealth(store, readiness, SystemClock(), lambda: now, monotonic=lambda: now).run()
    assert readiness.reasons == {"store": "the store is closed"}
