"""Takes what was committed into the index that searches and counts go through."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol


class Indexes(Protocol):
    """A store that has an index beside it."""

    async def advance_index(self) -> bool:
        """Take in a batch; returns whether there is more."""
        ...


class IndexAudit:
    """Follows the audit log, batch by batch, until it has caught up."""

    name = "index the audit log"
    every = timedelta(seconds=1)

    def __init__(self, store: Indexes) -> None:
        self._store = store

    async def run(self) -> None:
        """Take in what there is now."""
        while await self._store.advance_index():
            pass
