"""The one writer: a thread that owns the connection and commits in groups."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from remediator.runs.audit import AuditRow
from remediator.store.base import StoreUnavailableError, Tx
from remediator.store.sqlite.failures import of_database
from remediator.store.sqlite.tx import SqliteTx

T = TypeVar("T")

# More than a storm queues while one commit runs; beyond it, 503 is kinder than memory that grows.
_QUEUE_LIMIT = 10_000
# Bounds how long one group holds the others' answers back.
_GROUP_LIMIT = 500

_Member = tuple[Callable[[SqliteTx], Any], "Future[Any]"]
_Answer = tuple[Any, BaseException | None]


class Writer:
    """Runs transactions. Whatever queued while the last commit ran goes into the next group."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        committed: Callable[[Sequence[AuditRow]], None],
        queue_limit: int = _QUEUE_LIMIT,
    ) -> None:
        self._connection = connection
        self._committed = committed
        self._queue: queue.Queue[_Member | None] = queue.Queue(queue_limit)
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._closed = False
        self._thread.start()

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in a transaction; returns once it is durable."""
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        future: Future[T] = Future()
        try:
            self._queue.put_nowait((work, future))
        except queue.Full:
            raise StoreUnavailableError("the store is overloaded: too many writes wait") from None
        # A caller that gives up must not leave the group half done.
        return await asyncio.shield(asyncio.wrap_future(future))

    async def close(self) -> None:
        """Finish what is queued, then close the connection."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._queue.put, None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            group, last = self._gather(first)
            # From here on nobody can cancel them.
            self._commit([member for member in group if member[1].set_running_or_notify_cancel()])
            if last:
                break
        self._connection.close()

    def _gather(self, first: _Member) -> tuple[list[_Member], bool]:
        group = [first]
        while len(group) < _GROUP_LIMIT:
            try:
                member = self._queue.get_nowait()
            except queue.Empty:
                break
            if member is None:
                return group, True
            group.append(member)
        return group, False

    def _commit(self, group: Sequence[_Member]) -> None:
        answers: list[_Answer] = []
        audited: list[AuditRow] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            answers.extend(self._run_member(work, audited) for work, _ in group)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._fail(group, error)
            return
        if audited:
            self._committed(audited)
        # Refusals wait for the commit as well: they may rest on what another member wrote.
        for (_, future), (result, refusal) in zip(group, answers, strict=True):
            if refusal is None:
                future.set_result(result)
            else:
                future.set_exception(refusal)

    def _run_member(self, work: Callable[[SqliteTx], Any], audited: list[AuditRow]) -> _Answer:
        """Run one member in a savepoint: what it raises takes no other member along."""
        tx = SqliteTx(self._connection)
        self._connection.execute("SAVEPOINT member")
        try:
            result = work(tx)
        except BaseException as error:  # handed to whoever asked; the writer outlives it
            if isinstance(error, sqlite3.Error) and of_database(error) is not None:
                raise  # not this member's fault: the whole group has to come again
            # Where SQLite gave the transaction up by itself there is no such savepoint,
            # and the error says so for the whole group.
            self._connection.execute("ROLLBACK TO member")
            self._connection.execute("RELEASE member")
            return None, error
        self._connection.execute("RELEASE member")
        audited.extend(tx.audited)
        return result, None

    def _fail(self, group: Sequence[_Member], error: sqlite3.Error) -> None:
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        for _, future in group:
            future.set_exception(
                of_database(error) or StoreUnavailableError(f"the database can't commit now: {error}")
            )
