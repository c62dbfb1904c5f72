"""Says when a request begins and ends, and parts from clients whose body nobody wants.

A response may be sent before the body has come: a refusal. Closing at once could destroy the
response before the client has read it, and aiohttp's own lingering knows no bound of bytes. So a
little more is read and thrown away.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

from aiohttp import web
from aiohttp.typedefs import Handler

from remediator.web.keys import CONNECTIONS

_LINGER = timedelta(milliseconds=500)
_LINGER_BYTES = 256 * 1024


@web.middleware
async def parting(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the connection's guard know, and close the connection after an unread body."""
    with request.app[CONNECTIONS].serving(request.protocol):
        response = await handler(request)
        if not request.content.is_eof():
            response.force_close()
            await response.prepare(request)
            await response.write_eof()
            await _discard(request)
        return response


async def _discard(request: web.Request) -> None:
    left_bytes = _LINGER_BYTES
    with suppress(TimeoutError, ConnectionError, web.RequestPayloadError):
        async with asyncio.timeout(_LINGER.total_seconds()):
            while left_bytes > 0 and (chunk := await request.content.readany()):
                left_bytes -= len(chunk)
