"""Wakes the dispatcher when timers are due. Where a server ticks every second, this sleeps until then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from remediator.clock import Clock
from remediator.engine.dispatch import Dispatcher
from remediator.runs.audit import AuditRow
from remediator.store.base import Reads, Store, Tx

T = TypeVar("T")

# What is due and nobody handles waits for the next tick of a server.
_TICK = timedelta(seconds=1)
_EVER = timedelta(days=365_000)
_ALL = 10_000


class Timekeeper:
    """Keeps one dispatcher's time."""

    def __init__(self, store: Store, clock: Clock, dispatcher: Dispatcher) -> None:
        self._store = store
        self._clock = clock
        self._dispatcher = dispatcher
        self._changed = asyncio.Event()

    def look(self) -> None:
        """Look at the timers again: they may have changed."""
        self._changed.set()

    async def run(self) -> None:
        """Keep time until cancelled."""
        while True:
            self._changed.clear()
            rest = await self._store.read(self._until_next)
            try:
                async with asyncio.timeout(None if rest is None else rest.total_seconds()):
                    await self._changed.wait()
            except TimeoutError:
                self._dispatcher.wake()

    def _until_next(self, reads: Reads) -> timedelta | None:
        """How long until the next timer is due; None without one."""
        now = self._clock.now()
        due_at = [timer.due_at for timer in reads.due_timers(_far_from(now), _ALL)]
        # A subject under way keeps its timer, due as it is, until its handler moves or clears it.
        overdue = sum(at <= now for at in due_at)
        waits = [at - now for at in due_at if at > now]
        if overdue > self._dispatcher.busy:
            waits.append(_TICK)
        return min(waits, default=None)


class WatchedStore:
    """A store that says of every write that there was one: any of them may move a timer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: list[Callable[[], None]] = []

    def on_write(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each write."""
        self._written.append(listener)

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in a transaction and return its result once it is durable."""
        result = await self._store.write(work)
        for listener in self._written:
            listener()
        return result

    async def read(self, work: Callable[[Reads], T]) -> T:
        """Run `work` on what was committed before."""
        return await self._store.read(work)

    def on_commit(self, listener: Callable[[Sequence[AuditRow]], None]) -> None:
        """Call `listener` with the audit rows of each commit."""
        self._store.on_commit(listener)

    async def close(self) -> None:
        """Close the store."""
        await self._store.close()


def _far_from(now: datetime) -> datetime:
    return min(now, datetime.max.replace(tzinfo=now.tzinfo) - _EVER) + _EVER
