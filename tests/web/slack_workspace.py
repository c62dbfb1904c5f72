"""Slack, as far as remediator meets it: it takes messages and answers, and signs what its buttons send."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from tests.web.site import Reply, Site

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
ANSWER_PATH = "/actions/T1/2/three"


@dataclass
class Workspace:
    """One workspace."""

    url: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 200

    async def take(self, request: web.Request) -> web.Response:
        kept = self.answers if request.path.startswith("/actions/") else self.messages
        kept.append(await request.json())
        self.came.set()
        return web.Response(status=self.status, text="ok")

    async def answered(self, count: int = 1) -> dict[str, Any]:
        """Wait for an answer, and return it."""
        while len(self.answers) < count:
            self.came.clear()
            await self.came.wait()
        return self.answers[count - 1]

    def pressed(self, value: str, *, user: str = "U01ANA", action: str = "approve", **changes: Any) -> bytes:
        """What Slack posts when somebody presses a button."""
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": "whoever", "team_id": "T1"},
            "team": {"id": "T1"},
            "actions": [{"type": "button", "action_id": action, "block_id": "b", "value": value}],
            "response_url": self.url + ANSWER_PATH,
            "trigger_id": "1.2.3",
            **changes,
        }
        return urlencode({"payload": json.dumps(payload)}).encode()


def signature(body: bytes, timestamp: int, secret: str = SECRET) -> str:
    """Sign as Slack's documentation says."""
    return "v0=" + hmac.new(secret.encode(), b"v0:%d:" % timestamp + body, hashlib.sha256).hexdigest()


async def send(site: Site, body: bytes, *, at: datetime | None = None, signed: str | None = None) -> Reply:
    """Post to the endpoint as Slack does."""
    timestamp = int((at or site.world.clock.now()).timestamp())
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": str(timestamp),
        "X-Slack-Signature": signed if signed is not None else signature(body, timestamp),
    }
    reply = await site.ask("POST", "/slack/actions", who=None, body=body, headers=headers)
    await site.world.settle()
    return reply


@asynccontextmanager
async def workspace() -> AsyncIterator[Workspace]:
    """Serve on loopback until the block ends."""
    serving = Workspace()
    app = web.Application()
    app.router.add_post("/{path:.*}", serving.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    serving.url = f"http://{host}:{port}"
    try:
        yield serving
    finally:
        await runner.cleanup()
