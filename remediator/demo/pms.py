"""A stand-in for QloApps, the property management system: answers, and breaks in several ways.

`python -m remediator.demo.pms --port 8100`. What is broken with `POST /admin/break` stays broken
over a restart when a state file is given, as a broken database would.
"""

from __future__ import annotations

import argparse
import asyncio
from enum import StrEnum
from pathlib import Path

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from remediator.demo.owner import ends_with

_ROOMS = [
    {"room_type": "standard", "available": 7, "price_eur": 95},
    {"room_type": "double", "available": 4, "price_eur": 130},
    {"room_type": "suite", "available": 1, "price_eur": 240},
]


class Mode(StrEnum):
    """How it is broken; `off` is not at all."""

    OFF = "off"
    DOWN = "down"
    SLOW = "slow"
    RATE_LIMITED = "429"
    UNAUTHORIZED = "401"


class Break(BaseModel):
    """What to break."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode
    delay_seconds: float = 20.0


class Pms:
    """The PMS and its trouble."""

    def __init__(self, state_file: Path | None = None) -> None:
        self._state_file = state_file
        self._broken = Break(mode=Mode.OFF)
        if state_file is not None and state_file.exists():
            self._broken = Break.model_validate_json(state_file.read_text(encoding="utf-8"))

    def app(self) -> web.Application:
        """Build the application."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/api/health", self._health),
                web.get("/api/availability", self._availability),
                web.post("/admin/break", self._break),
            ]
        )
        return app

    async def _health(self, _request: web.Request) -> web.Response:
        trouble = await self._trouble()
        return trouble or web.json_response({"status": "ok"})

    async def _availability(self, request: web.Request) -> web.Response:
        trouble = await self._trouble()
        if trouble is not None:
            return trouble
        # These two are well by their own account: only real calls find out.
        if self._broken.mode is Mode.RATE_LIMITED:
            return web.json_response(
                {"error": "too many requests"}, status=429, headers={"Retry-After": "60"}
            )
        if self._broken.mode is Mode.UNAUTHORIZED:
            return web.json_response({"error": "the API key has expired"}, status=401)
        return web.json_response({"checkin": request.query.get("checkin"), "rooms": _ROOMS})

    async def _break(self, request: web.Request) -> web.Response:
        try:
            self._broken = Break.model_validate_json(await request.read())
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False, include_context=False)
            return web.json_response({"error": problems}, status=422)
        if self._state_file is not None:
            self._state_file.write_text(self._broken.model_dump_json(), encoding="utf-8")
        return web.json_response(self._broken.model_dump(mode="json"))

    async def _trouble(self) -> web.Response | None:
        if self._broken.mode is Mode.DOWN:
            return web.json_response({"error": "the database does not answer"}, status=503)
        if self._broken.mode is Mode.SLOW:
            await asyncio.sleep(self._broken.delay_seconds)
        return None


def main() -> None:
    """Run the PMS until it is told to stop."""
    parser = argparse.ArgumentParser(description="A demo PMS.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--state-file", type=Path, help="where what is broken is kept over a restart")
    parser.add_argument("--owner", type=int, help="stop when this process is gone")
    arguments = parser.parse_args()
    app = Pms(arguments.state_file).app()
    if arguments.owner:
        app.cleanup_ctx.append(ends_with(arguments.owner))
    web.run_app(app, host=arguments.host, port=arguments.port, print=None, shutdown_timeout=1)


if __name__ == "__main__":
    main()
