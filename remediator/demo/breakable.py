"""Trouble on purpose, for the demo's services: `POST /admin/break`."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError


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


class Breakable:
    """What is broken, and stays so over a restart when there is a state file, as a broken disk would."""

    def __init__(self, state_file: Path | None = None) -> None:
        self._state_file = state_file
        self._broken = Break(mode=Mode.OFF)
        if state_file is not None and state_file.exists():
            self._broken = Break.model_validate_json(state_file.read_text(encoding="utf-8"))

    @property
    def mode(self) -> Mode:
        """How it is broken now."""
        return self._broken.mode

    async def change(self, request: web.Request) -> web.Response:
        """Handle `POST /admin/break`."""
        try:
            self._broken = Break.model_validate_json(await request.read())
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False, include_context=False)
            return web.json_response({"error": problems}, status=422)
        if self._state_file is not None:
            self._state_file.write_text(self._broken.model_dump_json(), encoding="utf-8")
        return web.json_response(self._broken.model_dump(mode="json"))

    async def trouble(self) -> web.Response | None:
        """Return what to answer instead of an answer, late if it is slow; None when all is well."""
        if self._broken.mode is Mode.DOWN:
            return web.json_response({"error": "the database does not answer"}, status=503)
        if self._broken.mode is Mode.SLOW:
            await asyncio.sleep(self._broken.delay_seconds)
        return None
