"""Whether the server does its work: asked of the store and of the dispatcher, not assumed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

from remediator.clock import Clock
from remediator.engine.readiness import Readiness, Unready
from remediator.runs.records import TimerKind
from remediator.store.base import Store, StoreUnavailableError, Tx

_ANSWERS_WITHIN = timedelta(seconds=10)
# Ticks come twice a second; a store that is busy for a moment is no reason yet.
_LOOKED_WITHIN = timedelta(seconds=30)
_LATE = timedelta(seconds=5)
_NOBODY = 0


class WatchHealth:
    """Sets and clears the reasons `store` and `workers`, and notes when everything waits for one thing."""

    name = "watch health"
    every = timedelta(seconds=5)

    def __init__(
        self,
        store: Store,
        readiness: Readiness,
        clock: Clock,
        looked_at: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._readiness = readiness
        self._clock = clock
        self._looked_at = looked_at
        self._monotonic = monotonic
        self._due_at: float | None = None

    async def run(self) -> None:
        """Look once."""
        self._note_delay()
        self._readiness.set(Unready.STORE, await self._store_fault())
        unseen = timedelta(seconds=self._monotonic() - self._looked_at())
        why = f"nothing that is due was looked at for {unseen.total_seconds():.0f} s"
        self._readiness.set(Unready.WORKERS, why if unseen > _LOOKED_WITHIN else None)
        self._due_at = self._monotonic() + self.every.total_seconds()

    def _note_delay(self) -> None:
        late = self._monotonic() - self._due_at if self._due_at is not None else 0.0
        text = f"everything waited for {late:.0f} s: the machine is too busy, or something holds all up"
        self._readiness.note("delay", text if late > _LATE.total_seconds() else None)

    async def _store_fault(self) -> str | None:
        try:
            await asyncio.wait_for(self._store.write(self._touch), _ANSWERS_WITHIN.total_seconds())
        except StoreUnavailableError as error:
            return str(error)
        except TimeoutError:
            return f"nothing could be committed within {_ANSWERS_WITHIN.total_seconds():.0f} s"
        return None

    def _touch(self, tx: Tx) -> None:
        """Write, and take it back: a disk that is full or read-only shows only when it is written to."""
        tx.set_timer(TimerKind.STORM, _NOBODY, self._clock.now() + timedelta(days=1))
        tx.clear_timer(TimerKind.STORM, _NOBODY)
