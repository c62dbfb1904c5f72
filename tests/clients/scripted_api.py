"""A real HTTP server that gives one scripted reply at one path, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

_NOTHING = object()


@dataclass(frozen=True)
class Asked:
    """One request."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: str


@dataclass
class ScriptedApi:
    """Where it listens, and what it was asked."""

    url: str
    requests: list[Asked] = field(default_factory=list)


@asynccontextmanager
async def scripted_api(
    path: str, *, status: int = 200, payload: Any = _NOTHING, body: str = "", location: str = ""
) -> AsyncIterator[ScriptedApi]:
    """Serve one reply: `payload` as JSON, or `body` as it is."""
    api = ScriptedApi("")
    text = body if payload is _NOTHING else json.dumps(payload)

    async def reply(request: web.Request) -> web.Response:
        headers = {key: str(value) for key, value in request.headers.items()}
        api.requests.append(Asked(headers, dict(request.query), await request.text()))
        return web.Response(status=status, text=text, headers={"Location": location} if location else {})

    app = web.Application()
    app.add_routes([web.route("*", path, reply)])
    async with TestServer(app) as server:
        api.url = str(server.make_url("")).rstrip("/")
        yield api
