"""Live events: the audit log as server-sent events, going on where a client left off."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response
from pydantic import Field

from remediator.runs.audit import AuditAction, AuditRow
from remediator.store.base import StoreUnavailableError
from remediator.web.event_feed import EventFeed
from remediator.web.event_streams import OpenStream
from remediator.web.keys import ACCESS, EVENT_FEED, EVENT_STREAMS, LOGIN, SERVICES
from remediator.web.paging import Query, RecordId, Text, read_query
from remediator.web.problems import ProblemError
from remediator.web.schemas import Output

OPENED = "stream.opened"
"""The first event of every stream: it is open, and what is newest."""

_LAST_EVENT_ID = "Last-Event-ID"
_MOST_DIGITS = 18
_PING_INTERVAL = timedelta(seconds=15)
_RECONNECT_AFTER = timedelta(seconds=3)


class EventsQuery(Query):
    """Which events, and from where on."""

    after: int | None = Field(
        default=None,
        ge=0,
        lt=10**_MOST_DIGITS,
        description="The sequence of the last event that is known; from now on when left out. "
        "Last-Event-ID goes before it.",
    )
    action: tuple[AuditAction, ...] | None = None
    policy: Text | None = None
    episode_id: RecordId | None = None
    run_id: RecordId | None = None

    def shows(self, row: AuditRow) -> bool:
        """Tell whether a row was asked for."""
        return (
            (not self.action or row.action in self.action)
            and self.policy in (None, row.policy)
            and self.episode_id in (None, row.episode_id)
            and self.run_id in (None, row.run_id)
        )


class EventOutput(Output):
    """The data of an event: a row of the audit log. Its action is the event's type, its sequence the id.

    Only the first event of a stream differs: its type is `stream.opened`, and its data `{"head": SEQUENCE}`.
    """

    sequence: int
    at: str
    actor: str
    action: str
    source: str | None
    alertname: str | None
    policy: str | None
    target: str | None
    episode_id: int | None
    run_id: int | None
    detail: Any


async def stream_events(request: web.Request) -> web.StreamResponse:
    """Stream events as they are committed, after those that were missed since the last one known."""
    query = read_query(request, EventsQuery)
    feed = request.app[EVENT_FEED]
    with request.app[EVENT_STREAMS].opened(request[LOGIN]) as opened:
        head = await feed.head()
        known = _known(request, query)
        # A sequence that is not there yet was given by another database.
        after = head if known is None else min(known, head)
        return await _stream(request, opened, query, feed, head=head, after=after)


def _known(request: web.Request, query: EventsQuery) -> int | None:
    given = request.headers.get(_LAST_EVENT_ID)
    if not given:
        return query.after
    if not (given.isascii() and given.isdigit()) or len(given) > _MOST_DIGITS:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"{_LAST_EVENT_ID}: is not the id of an event")
    return int(given)


async def _stream(
    request: web.Request, opened: OpenStream, query: EventsQuery, feed: EventFeed, *, head: int, after: int
) -> web.StreamResponse:
    # Whoever takes longer over one event is cut off, and comes back with the last id that it has.
    patience = request.app[SERVICES].settings.server.body_timeout
    async with sse_response(
        request,
        ping_interval=_PING_INTERVAL.total_seconds(),
        send_timeout=patience.total_seconds(),
        headers={"X-Content-Type-Options": "nosniff"},
    ) as response:
        tasks = (
            asyncio.create_task(_send(response, query, feed, head=head, after=after)),
            asyncio.create_task(_watch(request, response, opened)),
        )
        await response.wait()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    return response


async def _send(
    response: EventSourceResponse, query: EventsQuery, feed: EventFeed, *, head: int, after: int
) -> None:
    again_ms = _RECONNECT_AFTER // timedelta(milliseconds=1)
    # Gone, too slow, or not to be read now: the client comes back, and misses nothing.
    with suppress(ConnectionError, TimeoutError, StoreUnavailableError):
        await response.send(json.dumps({"head": head}), id=str(after), event=OPENED, retry=again_ms)
        async for rows in feed.follow(after):
            for row in rows:
                if query.shows(row):
                    await response.send(_data(row), id=str(row.sequence), event=row.action)
    response.stop_streaming()


async def _watch(request: web.Request, response: EventSourceResponse, opened: OpenStream) -> None:
    """End a stream with the login that it was opened with."""
    session = opened.login.session
    left = request.app[ACCESS].sessions.left(session).total_seconds() if session is not None else None
    with suppress(TimeoutError):
        await asyncio.wait_for(opened.ended.wait(), left)
    response.stop_streaming()


def _data(row: AuditRow) -> str:
    fields = {name: getattr(row, name) for name in EventOutput.model_fields}
    return EventOutput(**{**fields, "detail": json.loads(row.detail)}).model_dump_json()
