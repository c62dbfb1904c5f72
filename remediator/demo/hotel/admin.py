"""The admin endpoints: breaker, settings, blocked clients, and trouble on purpose."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import timedelta
from ipaddress import IPv4Address

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from remediator.demo.hotel.agent import ErrorKind, Fault, HotelAgent
from remediator.demo.hotel.live_settings import change_setting, read_setting


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BreakerBody(_Body):
    """What may be changed of the breaker; times in seconds."""

    failure_threshold: float | None = Field(default=None, gt=0)
    recovery_timeout: float | None = Field(default=None, gt=0)
    half_open_max_calls: int | None = Field(default=None, ge=1)


class FaultBody(_Body):
    """Trouble to put in; what is left out ends."""

    error_share: float = Field(default=0.0, ge=0, le=1)
    spike_per_second: float = Field(default=0.0, ge=0, le=1000)
    error_kind: ErrorKind = "overload"
    spike_client: IPv4Address = IPv4Address("203.0.113.9")
    spike_clients: int = Field(default=1, ge=1, le=100)
    nlp_delay_seconds: float = Field(default=0.0, ge=0, le=60)


class Admin:
    """Handlers for whoever holds ADMIN_TOKEN."""

    def __init__(self, agent: HotelAgent, token: str) -> None:
        self._agent = agent
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        """Return the admin routes, each behind the token."""
        return [
            web.post("/admin/circuit-breaker/reset", self._guarded(self._reset)),
            web.get("/admin/circuit-breaker/config", self._guarded(self._breaker)),
            web.post("/admin/circuit-breaker/config", self._guarded(self._configure)),
            web.get("/admin/settings/{name}", self._guarded(self._setting)),
            web.put("/admin/settings/{name}", self._guarded(self._set)),
            web.put("/admin/blocked/{client}", self._guarded(self._block)),
            web.delete("/admin/blocked/{client}", self._guarded(self._unblock)),
            web.post("/admin/fault", self._guarded(self._fault)),
        ]

    def _guarded(
        self, handler: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def guarded(request: web.Request) -> web.Response:
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if not self._token or not hmac.compare_digest(given.encode(), self._token.encode()):
                self._agent.metrics.security_events.labels(kind="bad_admin_token").inc()
                return web.json_response({"error": "an admin token is needed"}, status=401)
            try:
                return await handler(request)
            except ValidationError as error:
                problems = error.errors(include_url=False, include_input=False, include_context=False)
                return web.json_response({"error": problems}, status=422)

        return guarded

    async def _reset(self, _request: web.Request) -> web.Response:
        self._agent.breaker.reset()
        return web.json_response({"state": self._agent.breaker.state})

    async def _breaker(self, _request: web.Request) -> web.Response:
        config = self._agent.breaker.config
        return web.json_response(
            {
                "state": self._agent.breaker.state,
                "failure_threshold": config.failure_threshold,
                "recovery_timeout": config.recovery_timeout.total_seconds(),
                "half_open_max_calls": config.half_open_max_calls,
            }
        )

    async def _configure(self, request: web.Request) -> web.Response:
        body = BreakerBody.model_validate_json(await request.read())
        config = self._agent.breaker.config
        self._agent.breaker.configure(
            replace(
                config,
                failure_threshold=body.failure_threshold or config.failure_threshold,
                recovery_timeout=timedelta(seconds=body.recovery_timeout)
                if body.recovery_timeout
                else config.recovery_timeout,
                half_open_max_calls=body.half_open_max_calls or config.half_open_max_calls,
            )
        )
        return await self._breaker(request)

    async def _setting(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        value = read_setting(self._agent, name)
        if value is None:
            return web.json_response({"error": "no such setting"}, status=404)
        return web.json_response({"name": name, "value": value})

    async def _set(self, request: web.Request) -> web.Response:
        change_setting(self._agent, request.match_info["name"], await request.read())
        return await self._setting(request)

    async def _block(self, request: web.Request) -> web.Response:
        self._agent.blocked.add(request.match_info["client"])
        return self._blocked()

    async def _unblock(self, request: web.Request) -> web.Response:
        self._agent.blocked.discard(request.match_info["client"])
        return self._blocked()

    def _blocked(self) -> web.Response:
        return web.json_response({"blocked": sorted(self._agent.blocked)})

    async def _fault(self, request: web.Request) -> web.Response:
        body = FaultBody.model_validate_json(await request.read() or b"{}")
        self._agent.fault = Fault(**body.model_dump() | {"spike_client": str(body.spike_client)})
        return web.json_response(asdict(self._agent.fault))
