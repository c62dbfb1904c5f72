"""The one writer: it owns the connection, and commits in groups on the event loop.

No thread stands between a caller and its commit: the interpreter would hand itself over at every
statement, which costs many times what the statement does. Whatever asked while the last group was
run and committed makes up the next one, so groups need no timer and grow with the load.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from remediator.errors import RemediatorError
from remediator.runs.audit import AuditRow
from remediator.store.base import StoreUnavailableError
from remediator.store.sqlite.failures import is_busy, of_database
from remediator.store.sqlite.in_place import InPlace
from remediator.store.sqlite.open_episodes import OpenEpisodes
from remediator.store.sqlite.tx import SqliteTx

T = TypeVar("T")

# More than a storm queues while one commit runs; beyond it, 503 is kinder than memory that grows.
_QUEUE_LIMIT = 10_000
# Bounds how long one group holds the others' answers, and the loop, back.
_GROUP_LIMIT = 128
# How soon a database that another process writes to is tried again.
_RETRY = timedelta(milliseconds=5)

_Member = tuple[Callable[[SqliteTx], Any], "asyncio.Future[Any]"]
_Answer = tuple[Any, BaseException | None]


class Writer:
    """Runs transactions. `patience` is how long another process may hold the database."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        in_place: InPlace,
        committed: Callable[[Sequence[AuditRow]], None],
        *,
        patience: timedelta = timedelta(seconds=1),
        queue_limit: int = _QUEUE_LIMIT,
    ) -> None:
        self._connection = connection
        self._in_place = in_place
        self._committed = committed
        self._queue_limit = queue_limit
        self._tries = 1 + patience // _RETRY
        self._tried = 0
        self._episodes = OpenEpisodes()
        self._queue: deque[_Member] = deque()
        self._scheduled = False
        self._closed = False

    async def write(self, work: Callable[[SqliteTx], T]) -> T:
        """Run `work` in a transaction; returns once it is durable."""
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        if len(self._queue) >= self._queue_limit:
            raise StoreUnavailableError("the store is overloaded: too many writes wait")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.append((work, future))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._tick)
        # A caller that gives up takes its answer along; the work is done all the same.
        return await future

    async def close(self) -> None:
        """Finish what is queued, then close the connection."""
        if self._closed:
            return
        self._closed = True
        while self._queue:
            if not self._commit_group():
                await asyncio.sleep(_RETRY.total_seconds())
        self._connection.close()

    def _tick(self) -> None:
        self._scheduled = False
        if not self._queue:  # `close` was faster
            return
        committed = self._commit_group()
        if self._queue:
            self._scheduled = True
            # Between two groups everybody else has a turn.
            delay = 0.0 if committed else _RETRY.total_seconds()
            asyncio.get_running_loop().call_later(delay, self._tick)

    def _commit_group(self) -> bool:
        """Run and commit the next group; False when another process has the database: try again later."""
        astray = self._in_place.fault()
        if astray is not None:
            self._fail(self._gather(), StoreUnavailableError(astray))
            return True
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._tried += 1
            if is_busy(error) and self._tried < self._tries:
                return False
            self._tried = 0
            self._fail(self._gather(), _failure(error))
            return True
        self._tried = 0
        self._commit(self._gather())
        return True

    def _gather(self) -> list[_Member]:
        return [self._queue.popleft() for _ in range(min(len(self._queue), _GROUP_LIMIT))]

    def _commit(self, group: Sequence[_Member]) -> None:
        audited: list[AuditRow] = []
        answers: list[_Answer] = []
        head: tuple[int, str] | None = None
        try:
            for work, _ in group:
                tx = SqliteTx(self._connection, self._episodes, head)
                answers.append(self._run_member(work, tx))
                if answers[-1][1] is None:
                    audited += tx.audited
                    head = tx.head
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._fail(group, _failure(error))
            return
        # Refusals wait for the commit as well: they may rest on what another member wrote.
        for (_, future), (result, refusal) in zip(group, answers, strict=True):
            _answer(future, result, refusal)
        if audited:  # whoever waits goes on first; logs and metrics can come after
            self._committed(audited)

    def _run_member(self, work: Callable[[SqliteTx], Any], tx: SqliteTx) -> _Answer:
        """Run one member in a savepoint: what it raises takes no other member along."""
        self._connection.execute("SAVEPOINT member")
        try:
            result = work(tx)
        except BaseException as error:  # handed to whoever asked; the writer outlives it
            self._episodes.forget(tx.noted)
            if isinstance(error, sqlite3.Error) and of_database(error) is not None:
                raise  # not this member's fault: the whole group has to come again
            # Where SQLite gave the transaction up by itself there is no such savepoint,
            # and the error says so for the whole group.
            self._connection.execute("ROLLBACK TO member")
            self._connection.execute("RELEASE member")
            return None, error
        self._connection.execute("RELEASE member")
        return result, None

    def _fail(self, group: Sequence[_Member], failure: RemediatorError) -> None:
        self._episodes.clear()
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        for _, future in group:
            _answer(future, None, failure)


def _failure(error: sqlite3.Error) -> RemediatorError:
    return of_database(error) or StoreUnavailableError(f"the database can't commit now: {error}")


def _answer(future: asyncio.Future[Any], result: Any, refusal: BaseException | None) -> None:
    if future.done():  # its caller gave up
        return
    # A loop that has ended has nobody to tell.
    with suppress(RuntimeError):
        if refusal is None:
            future.set_result(result)
        else:
            future.set_exception(refusal)
