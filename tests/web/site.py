"""A whole server on a free port: the real engine and store below it, real sockets above."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from remediator.engine.readiness import Readiness
from remediator.reports.metrics import NoMetrics
from remediator.reports.writer import Reports
from remediator.runs.audit import AuditRow
from remediator.settings import Role
from remediator.store.base import Filter
from remediator.telemetry.metrics import Metrics
from remediator.web.server import WebServer
from remediator.web.services import Services
from tests.engine.world import POLICY, World

TOKENS: Mapping[str, tuple[Role, ...]] = {
    "alertmanager": (Role.WEBHOOK,),
    "vera": (Role.VIEWER,),
    "ana": (Role.VIEWER, Role.APPROVER),
    "olga": (Role.VIEWER, Role.OPERATOR),
    "root": (Role.ADMIN,),
    "nobody": (),
}
_GROUPS = {"ana": ("oncall",)}
WEBHOOK = "/webhook/alertmanager"
_LARGE_BYTES = 1024 * 1024


def token_of(name: str) -> str:
    return f"{name}-token"


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token_of(name)}"}


def alert(**changes: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "Broken"},
        "annotations": {},
        "startsAt": "2026-01-05T11:59:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": "f1",
        **changes,
    }


def payload(*alerts: Any, **changes: Any) -> bytes:
    document = {"version": "4", "groupKey": "{}", "receiver": "remediator", "truncatedAlerts": 0, **changes}
    return json.dumps({**document, "alerts": list(alerts or [alert()])}).encode()


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: HTTPStatus
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()
    """Every Set-Cookie, as sent."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Site:
    """The server, its world, and a client."""

    world: World
    services: Services
    server: WebServer
    client: aiohttp.ClientSession

    async def ask(
        self, method: str, path: str, *, who: str | None = "root", body: Any = None, **more: Any
    ) -> Reply:
        """Send a request; `body` is JSON unless it is bytes."""
        headers = {**(bearer(who) if who else {}), **more.pop("headers", {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        # aiohttp wants large bodies as streams.
        data = BytesIO(body) if body is not None and len(body) > _LARGE_BYTES else body
        async with self.client.request(
            method, self.server.url + path, data=data, headers=headers, allow_redirects=False, **more
        ) as response:
            cookies = tuple(response.headers.getall("Set-Cookie", ()))
            body = await response.read()
            return Reply(HTTPStatus(response.status), dict(response.headers), body, cookies)

    async def get(self, path: str, *, who: str | None = "root") -> Any:
        """Get JSON that has to be there."""
        reply = await self.ask("GET", path, who=who)
        assert reply.status == HTTPStatus.OK, reply.body
        return reply.json

    async def post(self, path: str, body: Any = None, *, who: str | None = "root") -> Reply:
        return await self.ask("POST", path, who=who, body=body)

    async def deliver(self, body: bytes, path: str = WEBHOOK) -> Reply:
        """Post to the webhook as Alertmanager would, and let what is due happen."""
        reply = await self.ask("POST", path, who="alertmanager", body=body)
        await self.world.settle()
        return reply

    async def audit(self) -> list[AuditRow]:
        return await self.world.store.read(lambda reads: reads.audit_rows(Filter(limit=500)))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a bare connection."""
        return await asyncio.open_connection("127.0.0.1", self.server.port)


@asynccontextmanager
async def site(
    folder: Path, *policies: str, stand_ins: Mapping[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Site]:
    """Serve a world; `stand_ins` replace what `Services` holds."""
    tokens = [
        {
            "name": name,
            "sha256": hashlib.sha256(token_of(name).encode()).hexdigest(),
            "roles": roles,
            "groups": _GROUPS.get(name, ()),
        }
        for name, roles in TOKENS.items()
    ]
    settings["server"] = {"port": 0, **settings.get("server", {})}
    world = await World.begin(folder, *(policies or (POLICY,)), tokens=tokens, **settings)
    engine = world.parts.engine
    registry = CollectorRegistry()
    sources = engine.settings.sources
    metrics = Metrics(registry, version="0", sources=sources, actions=(), guards=())
    world.store.on_commit(metrics.on_commit)
    services = Services(
        settings=engine.settings,
        clock=engine.clock,
        store=world.store,
        intake=world.parts.intake,
        approvals=world.parts.approvals,
        holds=world.parts.holds,
        control=world.parts.control,
        by_hand=world.parts.by_hand,
        reports=Reports(world.store, NoMetrics(), engine.settings.reports),
        policies=engine.policies,
        readiness=Readiness(),
        metrics=metrics,
        registry=registry,
        session_key=b"for signing sessions, in tests only",
    )
    services = replace(services, **(stand_ins or {}))
    server = WebServer(services)
    await server.start()
    try:
        async with aiohttp.ClientSession() as client:
            yield Site(world, services, server, client)
    finally:
        await server.stop()
        await world.end()
