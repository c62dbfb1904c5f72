"""The agent's HTTP application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import ClientSession, web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from remediator.demo.hotel.adapter import QloApps, Rooms
from remediator.demo.hotel.admin import Admin
from remediator.demo.hotel.agent import HotelAgent, UnavailableError
from remediator.demo.hotel.settings import HotelSettings
from remediator.demo.hotel.traffic import Traffic

AGENT = web.AppKey("agent", HotelAgent)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Pms:
    """The PMS over a session that the application opens once it runs."""

    def __init__(self, settings: HotelSettings) -> None:
        self._settings = settings
        self._qloapps: QloApps | None = None

    async def run_beside(self, _app: web.Application) -> AsyncIterator[None]:
        async with ClientSession() as session:
            self._qloapps = QloApps(session, self._settings.pms_base_url, self._settings.pms_timeout)
            yield

    async def availability(self, checkin: str) -> Rooms:
        assert self._qloapps is not None  # noqa: S101  (requests come only while the application runs)
        return await self._qloapps.availability(checkin)


def build_app(settings: HotelSettings) -> web.Application:
    """Build the application; its traffic starts and stops with it."""
    pms = _Pms(settings)
    agent = HotelAgent(settings, pms)
    app = web.Application(middlewares=[_count, _limit])
    app[AGENT] = agent
    app.cleanup_ctx.append(pms.run_beside)
    app.cleanup_ctx.append(Traffic(agent, settings.traffic_per_second).run_beside)
    app.add_routes(
        [
            web.get("/health/live", _live),
            web.get("/health/ready", _ready),
            web.get("/metrics", _metrics),
            web.get("/api/v1/availability", _availability),
            *Admin(agent, settings.admin_token).routes(),
        ]
    )
    return app


@web.middleware
async def _count(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count every request by the route it took, never by the path that somebody made up."""
    status = 500
    try:
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
        counter = request.app[AGENT].metrics.http_requests
        counter.labels(method=request.method, path=path, status=str(status)).inc()


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


async def _live(_request: web.Request) -> web.Response:
    return web.json_response({"status": "alive"})


async def _ready(request: web.Request) -> web.Response:
    agent = request.app[AGENT]
    status = "degraded" if agent.degraded else "ready" if agent.ready else "unready"
    return web.json_response(
        {"status": status, "pms": {"type": agent.pms_type, "circuit_breaker": agent.breaker.state}},
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
    body: dict[str, object] = {"rooms": answer.rooms}
    if answer.potentially_stale:
        body["potentially_stale"] = True
    return web.json_response(body)
