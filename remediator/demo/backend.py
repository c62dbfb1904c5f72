"""A stand-in for what the agent keeps its data in, PostgreSQL or Redis: answers a ping, and breaks.

`python -m remediator.demo.backend --port 5432`. It keeps nothing; the demo is about whether it answers.
"""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from remediator.demo.breakable import Breakable
from remediator.demo.serving import serve


class Backend:
    """The backend and its trouble."""

    def __init__(self, state_file: Path | None = None) -> None:
        self._breakable = Breakable(state_file)

    def app(self) -> web.Application:
        """Build the application."""
        app = web.Application()
        app.add_routes([web.get("/api/health", self._ping), web.post("/admin/break", self._breakable.change)])
        return app

    async def _ping(self, _request: web.Request) -> web.Response:
        trouble = await self._breakable.trouble()
        return trouble or web.json_response({"status": "ok"})


if __name__ == "__main__":
    serve("A demo database.", 5432, lambda state_file: Backend(state_file).app())
