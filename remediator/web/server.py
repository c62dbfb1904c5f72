"""Listens, and stops listening."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import cast

from aiohttp import web
from yarl import URL

from remediator.engine.readiness import Unready
from remediator.errors import RemediatorError
from remediator.settings import Token
from remediator.web.app import build_app
from remediator.web.keys import ACCESS, CONNECTIONS, EVENT_STREAMS
from remediator.web.services import Services
from remediator.web.tls import ServerTls

# Longer than Go's HTTP clients keep an idle connection (5 min), so that it is the client who
# closes it, and no delivery is sent into a connection that is just being closed here.
_IDLE_TIMEOUT = timedelta(minutes=10)
_HEADER_FIELD_BYTES = 8190
# For requests under way when the server stops; they are short.
_LAST_REQUESTS = timedelta(seconds=5)
_BACKLOG = 1024


class ListenError(RemediatorError):
    """The address can't be listened on."""


class WebServer:
    """The HTTP server. Start, then `drain` (the webhook answers 503), then `stop`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._app = build_app(services)
        self._runner = web.AppRunner(
            self._app,
            access_log=None,
            # Deliveries are kept as they came; nothing is unpacked on behalf of a client.
            auto_decompress=False,
            # A client that hangs up does not undo what is being committed.
            handler_cancellation=False,
            keepalive_timeout=_IDLE_TIMEOUT.total_seconds(),
            # What is left of an unread body is dealt with before aiohttp would linger.
            lingering_time=0,
            max_line_size=_HEADER_FIELD_BYTES,
            max_field_size=_HEADER_FIELD_BYTES,
            shutdown_timeout=_LAST_REQUESTS.total_seconds(),
        )
        tls = services.settings.server.tls
        self._tls = ServerTls(tls) if tls is not None else None
        self._listener: asyncio.Server | None = None
        self._port = 0

    async def start(self) -> None:
        """Listen.

        Raises:
            ListenError: when the address is taken or not this machine's.
        """
        await self._runner.setup()
        guarded = self._app[CONNECTIONS].guard(cast("web.Server", self._runner.server))
        server = self._services.settings.server
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(
                guarded,
                server.host,
                server.port,
                backlog=_BACKLOG,
                ssl=self._tls.context if self._tls is not None else None,
                ssl_handshake_timeout=server.header_timeout.total_seconds()
                if self._tls is not None
                else None,
            )
        except OSError as error:
            await self._runner.cleanup()
            why = error.strerror or error
            raise ListenError(
                f"can't listen on {server.host}:{server.port} ({why}); set server.host and server.port"
            ) from None
        self._port = int(self._listener.sockets[0].getsockname()[1])

    @property
    def port(self) -> int:
        """The port that is listened on; after `start`."""
        return self._port

    @property
    def url(self) -> str:
        """Where clients find the server; after `start`."""
        host = self._services.settings.server.host
        scheme = "http" if self._tls is None else "https"
        return str(URL.build(scheme=scheme, host=host, port=self._port))

    def renew_tokens(self, tokens: Iterable[Token]) -> None:
        """Let these tokens log in from now on; sessions and streams of others end."""
        access = self._app[ACCESS]
        access.renew(tokens)
        self._app[EVENT_STREAMS].end_unless(access.stands)

    def renew_certificate(self) -> None:
        """Read the certificate and its key again, for new connections.

        Raises:
            TlsError: when they do not fit; the old ones are kept.
        """
        if self._tls is not None:
            self._tls.renew()

    def drain(self) -> None:
        """Take no further deliveries: each is told to come again later. Everything else is still answered."""
        self._services.readiness.set(Unready.DRAINING, "the server is stopping")

    async def stop(self) -> None:
        """Stop listening, let requests under way end, and close all connections."""
        self.drain()
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()
