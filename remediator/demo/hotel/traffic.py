"""Guests that keep asking, so that there is something to see without a load generator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from ipaddress import IPv4Address

from aiohttp import web

from remediator.demo.hotel.agent import HotelAgent, UnavailableError

_CHECKINS = ("2030-05-01", "2030-05-02", "2030-05-03")
_MAX_AT_ONCE = 100
_PAUSE_SECONDS = 0.05


class Traffic:
    """Asks the agent so many times a second, and sends the spike when there is one."""

    def __init__(self, agent: HotelAgent, per_second: float) -> None:
        self._agent = agent
        self._per_second = per_second
        self._asked = self._spiked = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def run_beside(self, _app: web.Application) -> AsyncIterator[None]:
        """Run while the application does (an aiohttp cleanup context)."""
        loop = asyncio.create_task(self._loop())
        yield
        loop.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(loop, *self._tasks, return_exceptions=True)

    async def _loop(self) -> None:
        owed = spike_owed = 0.0
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            owed += self._per_second * _PAUSE_SECONDS
            while owed >= 1:
                owed -= 1
                self._start()
            spike_owed += self._agent.fault.spike_per_second * _PAUSE_SECONDS
            while spike_owed >= 1:
                spike_owed -= 1
                self._spike()

    def _start(self) -> None:
        if len(self._tasks) < _MAX_AT_ONCE:
            task = asyncio.create_task(self._ask())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask(self) -> None:
        self._asked += 1
        with suppress(UnavailableError):
            await self._agent.availability(_CHECKINS[self._asked % len(_CHECKINS)])
        await self._agent.try_pms()

    def _spike(self) -> None:
        fault = self._agent.fault
        self._spiked += 1
        client = str(IPv4Address(fault.spike_client) + self._spiked % fault.spike_clients)
        if client not in self._agent.blocked:
            self._agent.limit(client)
