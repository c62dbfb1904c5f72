"""The store in memory, at a seed's pace: whose turn it is, when it is locked, and when the process dies."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from remediator.runs.audit import AuditRow
from remediator.store.base import Reads, StoreUnavailableError, Tx
from remediator.store.sqlite.memory import MemoryStore

T = TypeVar("T")

_TURNS = (0, 0, 1, 2, 5)


class ScheduledStore:
    """One process' view of a database that outlives it.

    Where a thread's pace would decide which transaction comes first, the seed decides. A process that was
    killed gets no answer any more, neither of what it committed nor of what it did not.
    """

    def __init__(self, connection: sqlite3.Connection, random: Random) -> None:
        self._inner = MemoryStore(connection)
        self._random = random
        self._left: int | None = None
        self.locked = False
        """Whether somebody else keeps the database locked: writes are refused."""
        self.dead = False

    def kill_after(self, transactions: int) -> None:
        """Kill the process around the so many-th transaction from now: before it or right after."""
        self._left = transactions

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in a transaction and return its result once it is committed."""
        await self._wait_for_turn()
        if self.locked:
            raise StoreUnavailableError("the database is locked")
        strikes = self._counts_down()
        if strikes and self._random.random() < 1 / 2:
            self._die()
        result = await self._inner.write(work)
        if strikes:
            self._die()
        await self._wait_for_turn()
        return result

    async def read(self, work: Callable[[Reads], T]) -> T:
        """Run `work` on what was committed before."""
        await self._wait_for_turn()
        result = await self._inner.read(work)
        await self._wait_for_turn()
        return result

    def on_commit(self, listener: Callable[[Sequence[AuditRow]], None]) -> None:
        """Call `listener` with each commit's audit rows, as long as the process lives."""
        self._inner.on_commit(lambda rows: None if self.dead else listener(rows))

    async def close(self) -> None:
        """Leave the database as it is: the next process opens it."""
        self.dead = True

    async def _wait_for_turn(self) -> None:
        for _ in range(self._random.choice(_TURNS)):
            await asyncio.sleep(0)
        if self.dead:
            raise StoreUnavailableError("the process was killed")

    def _counts_down(self) -> bool:
        if self._left is None:
            return False
        self._left -= 1
        if self._left > 0:
            return False
        self._left = None
        return True

    def _die(self) -> None:
        self.dead = True
        raise asyncio.CancelledError
