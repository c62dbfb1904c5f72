"""The tick: due timers are noticed."""

from __future__ import annotations

from datetime import timedelta

from remediator.engine.dispatch import Dispatcher


class Tick:
    """Wakes the dispatcher; everything that is due is a row in the store."""

    name = "tick"
    every = timedelta(seconds=0.5)

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def run(self) -> None:
        """Look at the timers."""
        self._dispatcher.wake()
