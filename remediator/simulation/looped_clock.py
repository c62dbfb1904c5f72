"""Virtual time: an event loop that never waits, and a clock that reads it.

When nothing is ready to run, the loop's time leaps to the next timer instead of waiting for it. So
`asyncio.sleep` and `asyncio.timeout` mean what they say, an hour takes no time, and the same program
does the same thing each time. What really waits (a socket, a thread, a subprocess) has no place here.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from remediator.errors import RemediatorError

T = TypeVar("T")

_MICROSECONDS = 1_000_000
# Half of the smallest step of a datetime: nearer timers are due at the same moment.
_RESOLUTION_SECONDS = 0.5 / _MICROSECONDS
# Of the loop, at one moment. What is due, and never done with, would turn for ever.
_MOST_TURNS = 300_000


class StuckError(RemediatorError):
    """Something waits for what can never come: no timer is left, or too much happens at one moment."""


class _LeapingSelector(selectors.DefaultSelector):
    """Leaps where others wait. Time is counted in whole microseconds, so that it adds up exactly."""

    def __init__(self, before_leap: Callable[[], bool]) -> None:
        super().__init__()
        self._before_leap = before_leap
        self.passed_us = 0
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; if nothing is, let `timeout` seconds have passed."""
        ready = super().select(0)
        self._turns += 1
        if self._turns > _MOST_TURNS:
            self._turns = 0  # for the loop's own tidying up
            raise StuckError("time stands still: something is due, and due again, and is never done with")
        if ready or (timeout is not None and timeout < _RESOLUTION_SECONDS) or self._before_leap():
            return ready
        self._turns = 0
        if timeout is None:
            raise StuckError("everything waits, and no timer is left that could end it")
        self.passed_us += round(timeout * _MICROSECONDS)
        return []


class LoopedEventLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, which begins at 0."""

    def __init__(self) -> None:
        self._settling: list[asyncio.Future[None]] = []
        self._leaping = _LeapingSelector(self._release_settling)
        super().__init__(self._leaping)
        self._clock_resolution = _RESOLUTION_SECONDS

    @property
    def passed(self) -> timedelta:
        """How much virtual time has passed."""
        return timedelta(microseconds=self._leaping.passed_us)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._leaping.passed_us / _MICROSECONDS

    async def settled(self) -> None:
        """Return once nothing more happens unless time passes."""
        future = self.create_future()
        self._settling.append(future)
        await future

    def _release_settling(self) -> bool:
        released, self._settling = self._settling, []
        for future in released:
            if not future.done():
                future.set_result(None)
        return bool(released)


class LoopedClock:
    """The clock on a looped event loop's wall."""

    def __init__(self, start: datetime, loop: LoopedEventLoop) -> None:
        self._start = start
        self._loop = loop

    def now(self) -> datetime:
        """Return the virtual time, aware, in UTC."""
        return self._start + self._loop.passed

    async def sleep(self, duration: timedelta) -> None:
        """Return once `duration` has passed in virtual time."""
        await asyncio.sleep(max(0.0, duration.total_seconds()))


def run_looped(main: Callable[[LoopedEventLoop], Coroutine[Any, Any, T]]) -> T:
    """Run a program in virtual time, on a loop of its own.

    Raises:
        StuckError: when it waits for what can never come.
    """
    loop = LoopedEventLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(loop))
