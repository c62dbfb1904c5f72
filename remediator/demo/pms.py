"""A stand-in for QloApps, the property management system: answers, and breaks in several ways.

`python -m remediator.demo.pms --port 8100`. What is broken with `POST /admin/break` stays broken
over a restart when a state file is given, as a broken database would.
"""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from remediator.demo.breakable import Breakable, Mode
from remediator.demo.serving import serve

_ROOMS = [
    {"room_type": "standard", "available": 7, "price_eur": 95},
    {"room_type": "double", "available": 4, "price_eur": 130},
    {"room_type": "suite", "available": 1, "price_eur": 240},
]


class Pms:
    """The PMS and its trouble."""

    def __init__(self, state_file: Path | None = None) -> None:
        self._breakable = Breakable(state_file)

    def app(self) -> web.Application:
        """Build the application."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/api/health", self._health),
                web.get("/api/availability", self._availability),
                web.post("/admin/break", self._breakable.change),
            ]
        )
        return app

    async def _health(self, _request: web.Request) -> web.Response:
        trouble = await self._breakable.trouble()
        return trouble or web.json_response({"status": "ok"})

    async def _availability(self, request: web.Request) -> web.Response:
        trouble = await self._breakable.trouble()
        if trouble is not None:
            return trouble
        # These two are well by their own account: only real calls find out.
        if self._breakable.mode is Mode.RATE_LIMITED:
            return web.json_response(
                {"error": "too many requests"}, status=429, headers={"Retry-After": "60"}
            )
        if self._breakable.mode is Mode.UNAUTHORIZED:
            return web.json_response({"error": "the API key has expired"}, status=401)
        return web.json_response({"checkin": request.query.get("checkin"), "rooms": _ROOMS})


if __name__ == "__main__":
    serve("A demo PMS.", 8100, lambda state_file: Pms(state_file).app())
