"""Clients that are slow, silent or many: each is cut, and nobody else notices."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.web.site import WEBHOOK, Site, payload, site, token_of

SHORT = {"header_timeout": "100ms", "body_timeout": "100ms"}
LONG = {"header_timeout": "1h", "body_timeout": "1h"}
HEAD = f"POST {WEBHOOK} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token_of('alertmanager')}\r\n"


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """Read until the server closes; a reset counts as closed too."""
    try:
        async with asyncio.timeout(90):
            return await reader.read()
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("sent", [b"", b"GET ", HEAD.encode(), b"\r\n" * 3])
async def test_a_header_that_does_not_end_is_cut(tmp_path: Path, sent: bytes) -> None:
    async with site(tmp_path, server=SHORT) as served:
        reader, writer = await served.connect()
        writer.write(sent)
        assert await rest_of(reader) == b""
        writer.close()


async def test_a_header_that_trickles_is_cut(tmp_path: Path) -> None:
    async with site(tmp_path, server=SHORT) as served:
        reader, writer = await served.connect()
        reading = asyncio.create_task(rest_of(reader))
        writer.write(HEAD.encode())
        while not reading.done():
            writer.write(b"X: y\r\n")
            await asyncio.wait([reading], timeout=0.02)
        assert await reading == b""
        writer.close()


async def test_a_second_request_has_a_deadline_too(tmp_path: Path) -> None:
    async with site(tmp_path, server=SHORT) as served:
        reader, writer = await served.connect()
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b'{"live":true}')
        writer.write(b"GET /health/live HTTP/1.1\r\nHo")
        assert await rest_of(reader) == b""
        writer.close()


async def test_between_requests_a_connection_may_be_silent(tmp_path: Path) -> None:
    async with site(tmp_path, server=SHORT) as served:
        reader, writer = await served.connect()
        other, other_writer = await served.connect()
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b'{"live":true}')
        # The other connection says nothing: when it has been cut, the deadline has passed here too.
        await rest_of(other)
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b'{"live":true}')
        writer.close()
        other_writer.close()


@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
async def test_a_delivery_that_does_not_end_is_told_to_come_again(tmp_path: Path, framing: str) -> None:
    async with site(tmp_path, server={**LONG, "body_timeout": "100ms"}) as served:
        reader, writer = await served.connect()
        writer.write(f"{HEAD}{framing}\r\n\r\n".encode())
        assert b" 503 " in await reader.readline()
        # The connection is not left open for the rest.
        assert b"Connection: close" in await rest_of(reader)
        writer.close()
        assert await served.audit() == []


async def test_a_command_that_does_not_end_is_408(tmp_path: Path) -> None:
    async with site(tmp_path, server={**LONG, "body_timeout": "100ms"}) as served:
        reader, writer = await served.connect()
        head = HEAD.replace(WEBHOOK, "/api/v1/holds").replace("alertmanager-token", "root-token")
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 10\r\n\r\n".encode())
        assert b" 408 " in await reader.readline()
        await rest_of(reader)
        writer.close()


@pytest.mark.parametrize(
    ("line", "status"),
    [("Authorization: Bearer wrong", b"401"), (f"Authorization: Bearer {token_of('vera')}", b"403")],
)
async def test_a_refusal_comes_before_the_body_and_ends_the_connection(
    tmp_path: Path, line: str, status: bytes
) -> None:
    async with site(tmp_path, server=LONG) as served:
        reader, writer = await served.connect()
        head = f"POST {WEBHOOK} HTTP/1.1\r\nHost: x\r\n{line}\r\nContent-Length: 1000000000\r\n"
        writer.write(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert status in await reader.readline()
        assert b"Connection: close" in await rest_of(reader)
        writer.close()


async def test_a_refused_client_that_goes_on_sending_is_not_reset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A reset could destroy the refusal before the client has read it.
    monkeypatch.setattr("remediator.web.parting._LINGER", timedelta(hours=1))
    async with site(tmp_path, server=LONG) as served:
        reader, writer = await served.connect()
        writer.write(f"POST {WEBHOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode())
        assert b" 401 " in await reader.readline()
        for _ in range(20):
            writer.write(b"0" * 5000)
            await writer.drain()
            await asyncio.sleep(0)
        assert b"Connection: close" in await reader.read()
        writer.close()


async def test_a_refused_client_that_never_stops_sending_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remediator.web.parting._LINGER", timedelta(hours=1))
    async with site(tmp_path, server=LONG) as served:
        reader, writer = await served.connect()
        writer.write(f"POST {WEBHOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n".encode())
        assert b" 401 " in await reader.readline()
        async with asyncio.timeout(90):
            with pytest.raises(ConnectionError):
                await send_for_ever(writer)
        writer.close()


async def send_for_ever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"0" * 5000)
        await writer.drain()
        await asyncio.sleep(0)


async def test_a_length_over_the_limit_is_refused_unread(served: Site) -> None:
    reader, writer = await served.connect()
    writer.write(f"{HEAD}Content-Length: 1000000000000\r\nExpect: 100-continue\r\n\r\n".encode())
    assert b" 413 " in await reader.readline()
    assert b"Connection: close" in await rest_of(reader)
    writer.close()


async def test_who_asks_before_sending_is_told_to_go_on(served: Site) -> None:
    reader, writer = await served.connect()
    body = payload()
    writer.write(f"{HEAD}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert b" 200 " in await reader.readline()
    writer.close()


async def test_a_body_cut_off_commits_nothing(served: Site) -> None:
    body = payload()
    _, writer = await served.connect()
    writer.write(f"{HEAD}Content-Length: {len(body) + 1}\r\n\r\n".encode() + body)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    # The next delivery is answered, and is the only one that was stored.
    assert (await served.deliver(body)).status == HTTPStatus.OK
    assert len((await served.get("/api/v1/audit?action=delivery.accepted"))["items"]) == 1


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"5\r\nabcdeXX0\r\n\r\n"])
async def test_a_badly_framed_body_is_400(served: Site, chunk: bytes) -> None:
    reader, writer = await served.connect()
    writer.write(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk)
    assert b" 400 " in await reader.readline()
    writer.close()


async def test_a_client_that_does_not_read_is_cut(tmp_path: Path) -> None:
    async with site(tmp_path, server={"header_timeout": "400ms", "body_timeout": "100ms"}) as served:
        await served.world.fire("Other", text="a" * 8_000_000)
        reader, writer = await served.connect()
        request = f"GET /api/v1/episodes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token_of('vera')}\r\n"
        writer.write(f"{request}\r\n".encode())
        await reader.readexactly(1)
        # From here on nothing is read. By the time the silent one is cut, so is this one.
        silent, silent_writer = await served.connect()
        await rest_of(silent)
        assert len(await rest_of(reader)) < 8_000_000
        writer.close()
        silent_writer.close()


async def test_many_idle_connections_are_harmless(tmp_path: Path) -> None:
    async with site(tmp_path, server=LONG) as served:
        connections = await asyncio.gather(*(served.connect() for _ in range(1000)))
        assert (await served.deliver(payload())).status == HTTPStatus.OK
        for _, writer in connections:
            writer.close()


async def test_over_the_limit_the_one_that_was_idle_longest_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remediator.web.app._MOST_CONNECTIONS", 2)
    async with site(tmp_path, server=LONG) as served:
        first, first_writer = await served.connect()
        second, second_writer = await served.connect()
        # The first one is heard again, so it is the second that has been idle longest.
        first_writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        await first.readuntil(b'{"live":true}')
        third, third_writer = await served.connect()
        assert await rest_of(second) == b""
        for reader, writer in ((first, first_writer), (third, third_writer)):
            writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b'{"live":true}')
            writer.close()
        second_writer.close()
