"""An HTTP server that fails in one way, on bare sockets, so that it can fail in any."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Fault = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_NEVER_SECONDS = 300.0
_FLOOD = b"x" * 65536


def says(status: str, body: bytes, *headers: str) -> Fault:
    """Answer at once."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    head = "\r\n".join([*lines, "Connection: close", "", ""]).encode()

    async def fault(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head + body)
        await writer.drain()

    return fault


async def hangs(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing."""
    await asyncio.sleep(_NEVER_SECONDS)


async def hangs_halfway(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin an answer, and say no more."""
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"status":')
    await asyncio.sleep(_NEVER_SECONDS)


async def trickles(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a byte at a time, so that something always comes."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def floods(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        writer.write(_FLOOD)
        await writer.drain()


async def floods_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send headers without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 1000 + b"\r\n")
        await writer.drain()


async def half_closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say that nothing will come, and keep the other half open."""
    writer.write_eof()
    await reader.read()


async def cuts_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Promise more than comes."""
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"status":"success"')
    await writer.drain()


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Break the connection off."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def is_no_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak something else."""
    writer.write(b"220 mail.example ESMTP\r\n" * 3)
    await writer.drain()


@asynccontextmanager
async def faulty(fault: Fault, *, fine: Fault | None = None) -> AsyncIterator[int]:
    """Fail at every request; with `fine`, only at those that are no GET. Yields the port."""

    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            well = fine is not None and head.startswith(b"GET")
            await (fine if well and fine is not None else fault)(reader, writer)
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # whoever asked has left, or the test is over
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
