"""The agent's HTTP application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import ClientSession, web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ValidationError

from remediator.demo.hotel.adapter import QloApps, Rooms
from remediator.demo.hotel.admin import Admin
from remediator.demo.hotel.agent import Availability, HotelAgent, UnavailableError
from remediator.demo.hotel.backends import HttpPing
from remediator.demo.hotel.settings import HotelSettings
from remediator.demo.hotel.traffic import Traffic

AGENT = web.AppKey("agent", HotelAgent)


class ReservationBody(BaseModel):
    """What somebody would like to book."""

    room_type: str
    check_in: str
    check_out: str


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Surroundings:
    """What the agent calls, over a session that the application opens once it runs."""

    def __init__(self, settings: HotelSettings) -> None:
        self._settings = settings
        self._qloapps: QloApps | None = None
        self._pings: HttpPing | None = None

    async def run_beside(self, _app: web.Application) -> AsyncIterator[None]:
        async with ClientSession() as session:
            self._qloapps = QloApps(session, lambda: self._settings.pms_base_url, self._settings.pms_timeout)
            self._pings = HttpPing(session)
            yield

    async def availability(self, checkin: str) -> Rooms:
        assert self._qloapps is not None  # noqa: S101  (requests come only while the application runs)  # nosec B101
        return await self._qloapps.availability(checkin)

    async def ping(self, url: str) -> bool:
        assert self._pings is not None  # noqa: S101  (as above)  # nosec B101
        return await self._pings.ping(url)


def build_app(settings: HotelSettings) -> web.Application:
    """Build the application; its traffic starts and stops with it."""
    surroundings = _Surroundings(settings)
    agent = HotelAgent(settings, surroundings, surroundings)
    app = web.Application(middlewares=[_count, _limit])
    app[AGENT] = agent
    app.cleanup_ctx.append(surroundings.run_beside)
    app.cleanup_ctx.append(_probing)
    app.cleanup_ctx.append(Traffic(agent, settings.traffic_per_second).run_beside)
    app.add_routes(
        [
            web.get("/health/live", _live),
            web.get("/health/ready", _ready),
            web.get("/metrics", _metrics),
            web.get("/api/v1/availability", _availability),
            web.post("/api/v1/reservations/check", _check_reservation),
            web.post("/webhooks/whatsapp", _whatsapp),
            *Admin(agent, settings.admin_token).routes(),
        ]
    )
    return app


@web.middleware
async def _count(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count every request by the route it took, never by the path that somebody made up."""
    status = 500
    metrics = request.app[AGENT].metrics
    try:
        with metrics.http_duration.time(), metrics.http_in_flight.track_inprogress():
            response = await handler(request)
    except web.HTTPException as error:
        status = error.status
        raise
    else:
        status = response.status
        return response
    finally:
        resource = request.match_info.route.resource
        path = resource.canonical if resource is not None else "unknown"
        metrics.http_requests.labels(method=request.method, path=path, status=str(status)).inc()


@web.middleware
async def _limit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Apply blocks and the rate limit to what guests call; probes and admin are not guests."""
    if request.path.startswith("/api/"):
        agent, client = request.app[AGENT], request.remote or "unknown"
        if client in agent.blocked:
            return web.json_response({"error": "blocked"}, status=403)
        if agent.limit(client):
            return web.json_response({"error": "too many requests"}, status=429)
    return await handler(request)


async def _probing(app: web.Application) -> AsyncIterator[None]:
    """Probe what the agent needs, again and again."""
    agent = app[AGENT]

    async def probe() -> None:
        while True:
            await agent.probe()
            await asyncio.sleep(agent.settings.pms_probe_seconds)

    task = asyncio.create_task(probe())
    yield
    task.cancel()


async def _live(_request: web.Request) -> web.Response:
    return web.json_response({"status": "alive"})


async def _ready(request: web.Request) -> web.Response:
    agent = request.app[AGENT]
    status = "degraded" if agent.degraded else "ready" if agent.ready else "unready"
    return web.json_response(
        {
            "status": status,
            "pms": {"type": agent.settings.pms_type, "circuit_breaker": agent.breaker.state},
            "database": {"in_use": agent.settings.database, "up": agent.database_up},
            "redis": {"up": agent.redis_up},
        },
        status=200 if agent.ready else 503,
    )


async def _metrics(request: web.Request) -> web.Response:
    body = generate_latest(request.app[AGENT].metrics.registry)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _availability(request: web.Request) -> web.Response:
    try:
        answer = await request.app[AGENT].availability(request.query.get("checkin", "2030-05-01"))
    except UnavailableError as error:
        return web.json_response({"error": "availability is not to be had", "kind": error.kind}, status=503)
    return web.json_response(_body(answer))


async def _check_reservation(request: web.Request) -> web.Response:
    """Tell whether a room could be had; nothing is booked."""
    try:
        wanted = ReservationBody.model_validate_json(await request.read())
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        return web.json_response({"error": problems}, status=422)
    try:
        answer = await request.app[AGENT].availability(wanted.check_in)
    except UnavailableError as error:
        return web.json_response({"error": "it can't be checked", "kind": error.kind}, status=503)
    free = any(room["room_type"] == wanted.room_type and room["available"] for room in answer.rooms)
    return web.json_response({"possible": free, **_body(answer)})


async def _whatsapp(request: web.Request) -> web.Response:
    """Answer a guest's message, or a synthetic one; what it says makes no difference here."""
    agent = request.app[AGENT]
    state = {"pms_circuit_breaker": agent.breaker.state}
    try:
        answer = await agent.availability("2030-05-01")
    except UnavailableError as error:
        return web.json_response({"status": "error", "kind": error.kind, **state}, status=503)
    return web.json_response({"status": "ok", **_body(answer), **state})


def _body(answer: Availability) -> dict[str, object]:
    stale: dict[str, object] = {"potentially_stale": True} if answer.potentially_stale else {}
    return {"rooms": answer.rooms, **stale}
