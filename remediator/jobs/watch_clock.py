"""Notices that the machine's clock was set, by what passed on one that nobody sets."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from remediator.clock import Clock
from remediator.engine.clock_steps import LEAST_STEP, note_step
from remediator.engine.dispatch import Wakes
from remediator.store.base import Store

_LOG = logging.getLogger("remediator.clock")
# The one that goes on while the machine is suspended: an hour asleep is an hour, and no step.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady() -> timedelta:
    """Return what passed since some moment, whatever anybody sets."""
    return timedelta(seconds=time.clock_gettime(_STEADY))


class WatchClock:
    """Compares both clocks, each time with the time before."""

    name = "watch clock"
    every = timedelta(seconds=2)

    def __init__(
        self, store: Store, clock: Clock, waker: Wakes, passed: Callable[[], timedelta] = steady
    ) -> None:
        self._store = store
        self._clock = clock
        self._waker = waker
        self._passed = passed
        self._last = self._look()

    async def run(self) -> None:
        """Notice a step since the last time; one that could not be written is met again."""
        now, passed = looked = self._look()
        step = (now - self._last[0]) - (passed - self._last[1])
        if abs(step) >= LEAST_STEP:
            _LOG.warning("the machine's clock was set by %.0f s", step.total_seconds())
            await self._store.write(lambda tx: note_step(tx, step, now))
            self._waker.wake()
        self._last = looked

    def _look(self) -> tuple[datetime, timedelta]:
        return self._clock.now(), self._passed()
