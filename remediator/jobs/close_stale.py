"""Closes episodes of sources that can't be asked, when nothing was heard of them for long."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from remediator.clock import Clock
from remediator.engine.dispatch import Wakes
from remediator.engine.episodes import close_episode
from remediator.runs.episodes import Episode
from remediator.runs.reasons import CloseReason
from remediator.settings import Source
from remediator.store.base import Reads, Store, Tx


class CloseStale:
    """Presumes an alert resolved after `stale_after` without a receipt."""

    name = "close stale episodes"
    every = timedelta(minutes=1)

    def __init__(self, sources: Mapping[str, Source], store: Store, clock: Clock, waker: Wakes) -> None:
        self._stale_after = {
            name: source.stale_after for name, source in sources.items() if source.url is None
        }
        self._store = store
        self._clock = clock
        self._waker = waker

    async def run(self) -> None:
        """Close what is stale now."""
        now = self._clock.now()

        def stale(reads: Reads) -> list[Episode]:
            return [
                episode
                for name, stale_after in self._stale_after.items()
                for episode in reads.open_episodes(name, not_seen_after=now - stale_after)
            ]

        def work(tx: Tx) -> None:
            for episode in stale(tx):
                close_episode(tx, episode, CloseReason.PRESUMED_RESOLVED, now)

        if await self._store.read(stale):
            await self._store.write(work)
            self._waker.wake()
