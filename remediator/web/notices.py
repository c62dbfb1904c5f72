"""Notices: what was told, to which channel, and whether it arrived; and how the channels fare."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web

from remediator.runs.news import Audience, Channel, Language, NewsKind, Notice, NoticeState
from remediator.web.json_response import json_response
from remediator.web.keys import SERVICES
from remediator.web.paging import RecordId, Text, TimedQuery, cut_page, page_filter, read_query
from remediator.web.schemas import Output, Page


class NoticeOutput(Output):
    """One piece of news for one channel."""

    id: int
    channel: str
    contact: str | None
    kind: NewsKind
    audience: Audience
    language: Language
    policy: str | None
    target: str | None
    episode_id: int | None
    run_id: int | None
    state: NoticeState
    title: str
    body: str
    attempts: int
    error: str
    created_at: datetime
    finished_at: datetime | None


class ChannelOutput(Output):
    """How one channel has fared."""

    id: int
    name: str
    failures: int
    failing_since: datetime | None
    retry_at: datetime | None
    last_error: str
    last_sent_at: datetime | None
    last_tried_at: datetime


class NoticesQuery(TimedQuery):
    """Which notices."""

    channel: Text | None = None
    kind: NewsKind | None = None
    state: tuple[NoticeState, ...] | None = None
    policy: Text | None = None
    run: RecordId | None = None
    episode: RecordId | None = None


async def list_notices(request: web.Request) -> web.StreamResponse:
    """List notices, newest first."""
    query = read_query(request, NoticesQuery)
    equal = {
        "channel": query.channel,
        "kind": query.kind,
        "policy": query.policy,
        "run_id": query.run,
        "episode_id": query.episode,
    }
    one_of: dict[str, tuple[Any, ...]] = {"state": query.state} if query.state else {}
    where = page_filter(query, equal, one_of)
    found = await request.app[SERVICES].store.read(lambda reads: reads.select(Notice, where))
    shown, cursor = cut_page(found, query, [notice.id for notice in found])
    items = [NoticeOutput.model_validate(notice) for notice in shown]
    return json_response(Page[NoticeOutput](items=items, next_cursor=cursor))


async def list_channels(request: web.Request) -> web.StreamResponse:
    """List the channels that anything was queued for."""
    query = read_query(request, TimedQuery)
    where = page_filter(query, {}, {})
    found = await request.app[SERVICES].store.read(lambda reads: reads.select(Channel, where))
    shown, cursor = cut_page(found, query, [channel.id for channel in found])
    items = [ChannelOutput.model_validate(channel) for channel in shown]
    return json_response(Page[ChannelOutput](items=items, next_cursor=cursor))
