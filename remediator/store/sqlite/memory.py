"""The same store on one connection in memory: no threads, no file, nothing kept.

For simulations in virtual time, where a thread's pace would decide what happens first. Tables,
triggers, reads and transactions are those of the store that serves.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

from sqlite_utils import Database

from remediator.runs.audit import AuditRow
from remediator.store.base import Reads, StoreUnavailableError, Tx
from remediator.store.sqlite.failures import of_database
from remediator.store.sqlite.migrations import migrate
from remediator.store.sqlite.open_episodes import OpenEpisodes
from remediator.store.sqlite.reads import SqliteReads
from remediator.store.sqlite.tx import SqliteTx

T = TypeVar("T")
Listener = Callable[[Sequence[AuditRow]], None]


class MemoryStore:
    """A store that runs every transaction at once, on the event loop."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._episodes = OpenEpisodes()
        self._listeners: list[Listener] = []
        self._closed = False

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in a transaction and return its result once it is committed."""
        self._check_open()
        tx = SqliteTx(self._connection, self._episodes)
        try:
            result = self._within("BEGIN IMMEDIATE", "COMMIT", lambda: work(tx))
        except BaseException as error:
            self._episodes.forget(tx.noted)
            if isinstance(error, sqlite3.Error):
                raise of_database(error) or error from error
            raise
        if tx.audited:
            for listener in self._listeners:
                asyncio.get_running_loop().call_soon(listener, tx.audited)
        # Where the other store waits for its thread, the other tasks have their turn here too.
        await asyncio.sleep(0)
        return result

    async def read(self, work: Callable[[Reads], T]) -> T:
        """Run `work` on what was committed before."""
        self._check_open()
        try:
            result = self._within("BEGIN", "ROLLBACK", lambda: work(SqliteReads(self._connection)))
        except sqlite3.Error as error:
            raise of_database(error) or error from error
        await asyncio.sleep(0)
        return result

    def on_commit(self, listener: Listener) -> None:
        """Call `listener` on the event loop with each commit's audit rows."""
        self._listeners.append(listener)

    async def close(self) -> None:
        """Forget everything; safe to repeat."""
        self._closed = True
        self._connection.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailableError("the store is closed")

    def _within(self, begin: str, end: str, work: Callable[[], T]) -> T:
        self._connection.execute(begin)
        try:
            result = work()
            self._connection.execute(end)
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return result


def open_memory_store() -> MemoryStore:
    """Open an empty one."""
    return MemoryStore(empty_database())


def empty_database() -> sqlite3.Connection:
    """Open a database in memory that has all tables and no rows."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.deserialize(_empty())
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


# A pure function of the schema, so remembering is safe; making the tables takes longer than a whole test.
@cache
def _empty() -> bytes:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(Database(connection), "the store in memory")
        return connection.serialize()
    finally:
        connection.close()
