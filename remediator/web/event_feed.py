"""The audit log as it grows, for any number of followers.

The newest rows are kept once, for all of them; whoever is further behind is told from the store, a batch at a
time. So no follower has a queue of its own, and none is waited for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from itertools import islice

from remediator.runs.audit import AuditRow
from remediator.store.base import Filter, Order, Store

_KEPT_ROWS = 1000
_BATCH_ROWS = 200


class EventFeed:
    """Follows a store's commits from its making until `close`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._newest: deque[AuditRow] = deque(maxlen=_KEPT_ROWS)
        # Set, and replaced, with each commit.
        self._news = asyncio.Event()
        self._closed = False
        store.on_commit(self._on_commit)

    def close(self) -> None:
        """Let every follower come to its end."""
        self._closed = True
        self._wake()

    async def head(self) -> int:
        """Return the sequence of the newest row; 0 before the first."""
        row = await self._store.read(lambda reads: reads.audit_head())
        return row.sequence if row is not None else 0

    async def follow(self, after: int) -> AsyncIterator[Sequence[AuditRow]]:
        """Yield the rows after a sequence, in order and without gaps, as they come.

        Raises:
            StoreUnavailableError: when older rows can't be read now.
        """
        while not self._closed:
            news = self._news
            rows = self._kept(after)
            if rows is None:
                rows = await self._stored(after)
            if rows:
                yield rows
                after = rows[-1].sequence
            else:
                await news.wait()

    def _kept(self, after: int) -> Sequence[AuditRow] | None:
        """Return what follows among the rows that are kept, or None when older ones are missing there."""
        if not self._newest or after + 1 < self._newest[0].sequence:
            return None
        begin = after + 1 - self._newest[0].sequence
        return tuple(islice(self._newest, begin, begin + _BATCH_ROWS))

    async def _stored(self, after: int) -> Sequence[AuditRow]:
        where = Filter(before_id=after, order=Order.OLDEST, limit=_BATCH_ROWS)
        return await self._store.read(lambda reads: reads.audit_rows(where))

    def _on_commit(self, rows: Sequence[AuditRow]) -> None:
        self._newest.extend(rows)
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
