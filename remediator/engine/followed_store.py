"""A store whose every transaction is followed up: what it audited is told within it, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from remediator.runs.audit import AuditRow
from remediator.store.base import Reads, Store, Tx

T = TypeVar("T")


class Follows(Protocol):
    """Looks at a row that was just audited, and writes what follows from it."""

    def follow(self, tx: Tx, row: AuditRow) -> None:
        """Write what follows; its own audit rows are followed up in turn."""
        ...


class FollowedStore:
    """The store that the engine's parts and the jobs write to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.followers: tuple[Follows, ...] = ()

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in a transaction, and what follows from it, and return its result once durable."""
        return await self._store.write(lambda tx: self._followed(tx, work))

    async def read(self, work: Callable[[Reads], T]) -> T:
        """Run `work` on a consistent snapshot."""
        return await self._store.read(work)

    def on_commit(self, listener: Callable[[Sequence[AuditRow]], None]) -> None:
        """Call `listener` with the audit rows of each commit."""
        self._store.on_commit(listener)

    async def close(self) -> None:
        """Close the store."""
        await self._store.close()

    def _followed(self, tx: Tx, work: Callable[[Tx], T]) -> T:
        result = work(tx)
        # Following up appends rows of its own, which are looked at as well.
        for row in tx.audited:
            for follower in self.followers:
                follower.follow(tx, row)
        return result
