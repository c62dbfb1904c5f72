"""Guards every connection: a deadline for headers and for slow readers, and a cap on how many there are.

aiohttp has none of these (idle connections it does end). The guard sits between the transport and
aiohttp's own protocol and uses only what both have in public; a middleware tells it when a request
begins and ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import cast


class Connections:
    """All connections of a server. Over `limit`, the one that has been idle longest gives way."""

    def __init__(self, *, limit: int, header_timeout: timedelta, write_timeout: timedelta) -> None:
        self.header_timeout = header_timeout
        self.write_timeout = write_timeout
        self._limit = limit
        self._open: dict[asyncio.BaseProtocol, GuardedConnection] = {}
        # A dict keeps the order: the first one has been idle longest.
        self._idle: dict[GuardedConnection, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def guard(self, factory: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """Return a protocol factory whose connections are guarded."""
        return lambda: GuardedConnection(self, factory())

    @contextmanager
    def serving(self, protocol: asyncio.BaseProtocol) -> Iterator[None]:
        """Note that a connection's request is being handled: its header is complete."""
        connection = self._open.get(protocol)
        if connection is None:  # closed meanwhile, or a server without guards
            yield
            return
        connection.begin()
        self._idle.pop(connection, None)
        try:
            yield
        finally:
            if protocol in self._open:
                self._idle[connection] = None
                connection.end()

    def opened(self, protocol: asyncio.BaseProtocol, connection: GuardedConnection) -> None:
        """Note a new connection, and make room for it."""
        self._open[protocol] = connection
        self._idle[connection] = None
        if len(self._open) > self._limit:
            longest_idle = next(iter(self._idle))
            del self._idle[longest_idle]
            longest_idle.cut()

    def closed(self, protocol: asyncio.BaseProtocol, connection: GuardedConnection) -> None:
        """Note that a connection has gone."""
        self._open.pop(protocol, None)
        self._idle.pop(connection, None)


class GuardedConnection(asyncio.Protocol):
    """One connection: passes everything on to aiohttp's protocol, and cuts it when it is too slow."""

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self._connections = connections
        self._inner = inner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._serving = False
        self._waits_for_header = False
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the header's deadline: whoever connects has something to say."""
        self._transport = cast("asyncio.Transport", transport)
        self._inner.connection_made(transport)
        self._connections.opened(self._inner, self)
        self._await_header()

    def data_received(self, data: bytes) -> None:
        """Pass data on. The first of a new request starts its header's deadline."""
        if not self._serving and not self._waits_for_header:
            self._await_header()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Start the deadline of a client that does not read its response."""
        self._write_deadline = self._loop.call_later(
            self._connections.write_timeout.total_seconds(), self.cut
        )
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """End that deadline."""
        _cancel(self._write_deadline)
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        _cancel(self._deadline)
        _cancel(self._write_deadline)
        self._connections.closed(self._inner, self)
        self._inner.connection_lost(exc)

    def begin(self) -> None:
        """Note that a header is complete."""
        self._serving = True
        self._waits_for_header = False
        _cancel(self._deadline)

    def end(self) -> None:
        """Note that the request is handled; the connection may stay, for a while."""
        self._serving = False

    def cut(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _await_header(self) -> None:
        self._waits_for_header = True
        self._deadline = self._loop.call_later(self._connections.header_timeout.total_seconds(), self.cut)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
