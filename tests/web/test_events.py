"""The stream of events: complete, in order, resumable, and harmless to the server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import pytest

from remediator.runs.audit import AuditAction, AuditEntry
from remediator.store.base import Filter, Order
from remediator.web.keys import CONNECTIONS
from remediator.web.openapi import openapi_document
from remediator.web.routes import ROUTES
from tests.engine.world import START
from tests.web.site import Site, bearer, payload, site, token_of

PATH = "/api/v1/events"
SHORT = timedelta(milliseconds=50)


@dataclass(frozen=True)
class Event:
    kind: str
    id: int
    data: Any


class Stream:
    """One open stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> Event:
        """Return the next event; pings are passed over."""
        while True:
            async with asyncio.timeout(90):
                block = await self.response.content.readuntil(b"\r\n\r\n")
            if not block.strip():
                raise EOFError
            lines = [line.split(": ", 1) for line in block.decode().strip().split("\r\n")]
            fields = {name: value for name, value in lines if name}
            if fields:
                return Event(fields["event"], int(fields["id"]), json.loads(fields["data"]))

    async def until(self, sequence: int) -> list[Event]:
        events = [await self.next()]
        while events[-1].id < sequence:
            events.append(await self.next())
        return events


@asynccontextmanager
async def streaming(
    served: Site, query: str = "", *, who: str = "vera", last: int | None = None
) -> AsyncIterator[Stream]:
    headers = bearer(who) | ({} if last is None else {"Last-Event-ID": str(last)})
    async with served.client.get(served.server.url + PATH + query, headers=headers) as response:
        assert response.status == HTTPStatus.OK
        yield Stream(response)


async def head_of(served: Site) -> int:
    return len(await served.audit())


async def note(served: Site, *, text: str = "", count: int = 1, **fields: Any) -> None:
    """Commit rows of no further meaning."""
    fields = {"action": AuditAction.SERVER_STARTED, **fields}
    entry = AuditEntry(at=START, actor="test", detail={"text": text}, **fields)
    await served.world.store.write(lambda tx: [tx.audit(entry) for _ in range(count)])


async def test_a_stream_opens_with_what_is_newest_and_tells_what_follows(served: Site) -> None:
    await note(served, count=3)
    async with streaming(served) as stream:
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        assert await stream.next() == Event("stream.opened", 3, {"head": 3})
        await served.deliver(payload())
        told = await stream.until(await head_of(served))
    rows = await served.world.store.read(
        lambda reads: reads.audit_rows(Filter(before_id=3, order=Order.OLDEST))
    )
    assert [(event.kind, event.id) for event in told] == [(row.action, row.sequence) for row in rows]
    assert {"delivery.accepted", "episode.opened", "run.created", "step.result"} <= {
        event.kind for event in told
    }
    document = openapi_document(ROUTES, version="0")
    (carried,) = document["paths"][PATH]["get"]["responses"]["200"]["content"].values()
    for event in told:
        jsonschema.Draft202012Validator({**document, **carried["schema"]}).validate(event.data)
    assert told[0].data["detail"] == json.loads(rows[0].detail)


@pytest.mark.parametrize("before", [0, 1, 150, 500], ids=str)
async def test_what_was_missed_is_told_first_without_gaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """Some from the store in several batches, some that are kept, some that come meanwhile."""
    monkeypatch.setattr("remediator.web.event_feed._KEPT_ROWS", 100)
    monkeypatch.setattr("remediator.web.event_feed._BATCH_ROWS", 30)
    async with site(tmp_path) as served:
        for _ in range(25):
            await note(served, count=20)
        async with streaming(served, last=before) as stream:
            assert (await stream.next()).id == before
            await note(served, count=20)
            told = await stream.until(520)
        assert [event.id for event in told] == list(range(before + 1, 521))


async def test_the_header_goes_before_the_parameter_which_a_page_may_start_with(served: Site) -> None:
    await note(served, count=5)
    async with streaming(served, "?after=2") as stream:
        assert [event.id for event in await stream.until(5)] == [2, 3, 4, 5]
    async with streaming(served, "?after=2", last=4) as stream:
        assert [event.id for event in await stream.until(5)] == [4, 5]


async def test_an_id_of_another_database_means_from_now_on(served: Site) -> None:
    await note(served, count=2)
    async with streaming(served, last=1000) as stream:
        assert await stream.next() == Event("stream.opened", 2, {"head": 2})
        await note(served)
        assert (await stream.next()).id == 3


@pytest.mark.parametrize("given", ["x", "-1", "1" * 19, "\u0663", "1.0"])
async def test_what_is_no_id_is_refused(served: Site, given: str) -> None:
    reply = await served.ask("GET", PATH, headers={"Last-Event-ID": given})
    assert (reply.status, reply.headers["Content-Type"]) == (
        HTTPStatus.BAD_REQUEST,
        "application/problem+json",
    )


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("run_id=7", [1, 4, 5]),
        ("policy=fix", [1, 2, 4, 5]),
        ("episode_id=3", [2, 4, 5]),
        ("episode_id=3&run_id=7", [4, 5]),
        ("action=server.started", [1, 2, 3, 4]),
        ("action=run.created&action=server.stopped", [5]),
    ],
)
async def test_a_stream_can_be_of_some_events_only(served: Site, query: str, ids: list[int]) -> None:
    await note(served, policy="fix", run_id=7)
    await note(served, policy="fix", episode_id=3)
    await note(served)
    await note(served, policy="fix", run_id=7, episode_id=3)
    await note(served, policy="fix", run_id=7, episode_id=3, action=AuditAction.SERVER_STOPPED)
    async with streaming(served, f"?after=0&{query}") as stream:
        await stream.next()
        assert [event.id for event in await stream.until(ids[-1])] == ids


async def test_a_quiet_stream_is_kept_alive(served: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remediator.web.events._PING_INTERVAL", SHORT)
    async with streaming(served) as stream:
        await stream.next()
        assert await stream.response.content.readuntil(b"\r\n\r\n") == b": ping\r\n\r\n"


async def test_stopping_the_server_ends_streams_in_good_order(tmp_path: Path) -> None:
    async with site(tmp_path) as served, streaming(served) as stream:
        await stream.next()
        stopping = asyncio.create_task(served.server.stop())
        assert await stream.response.content.read() == b""
        await stopping


async def test_reading_along_changes_nothing_and_head_is_refused(served: Site) -> None:
    async with streaming(served) as stream:
        await stream.next()
    reply = await served.ask("HEAD", PATH)
    assert (reply.status, reply.headers["Allow"]) == (HTTPStatus.METHOD_NOT_ALLOWED, "GET")
    assert await served.audit() == []


async def test_there_are_bounds_for_one_caller_and_for_all(
    served: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remediator.web.event_streams._MOST_STREAMS", 3)
    monkeypatch.setattr("remediator.web.event_streams._MOST_STREAMS_PER_CALLER", 2)
    async with streaming(served), streaming(served), streaming(served, who="ana"):
        for who in ("vera", "root"):
            assert (await served.ask("GET", PATH, who=who)).status == HTTPStatus.SERVICE_UNAVAILABLE


async def test_whoever_left_makes_room(served: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remediator.web.event_streams._MOST_STREAMS", 1)
    monkeypatch.setattr("remediator.web.events._PING_INTERVAL", SHORT)
    for _ in range(3):
        async with asyncio.timeout(90):
            while await _status(served) != HTTPStatus.OK:
                pass  # until a ping finds nobody there


async def _status(served: Site) -> int:
    async with served.client.get(served.server.url + PATH, headers=bearer("vera")) as response:
        return response.status


async def test_whoever_does_not_read_is_cut_and_holds_up_nobody(tmp_path: Path) -> None:
    async with site(tmp_path, server={"header_timeout": "1h", "body_timeout": "2s"}) as served:
        reader, writer = await served.connect()
        request = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token_of('vera')}\r\n"
        writer.write(f"{request}\r\n".encode())
        await reader.readuntil(b"stream.opened")
        async with streaming(served) as stream:
            await stream.next()
            # From here on the first one reads nothing.
            for _ in range(100):  # one by one: the client that does read shares the server's loop
                await note(served, text="a" * 200_000)
            assert len(await stream.until(100)) == 100
            async with asyncio.timeout(90):
                while len(served.server._app[CONNECTIONS]) > 1:  # noqa: ASYNC110  the other one
                    await asyncio.sleep(0.01)
        rest = 0
        async with asyncio.timeout(90):
            with suppress(ConnectionResetError):
                while chunk := await reader.read(65536):
                    rest += len(chunk)
        assert rest < 20_000_000
        writer.close()
