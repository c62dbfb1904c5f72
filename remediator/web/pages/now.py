"""The page Now: what fires, what is done about it, what waits for whom, what is held or degraded."""

from __future__ import annotations

from aiohttp import web

from remediator.web.pages.frame import render


async def show_now(request: web.Request) -> web.StreamResponse:
    """Show what is going on."""
    return await render(request, "now.html")
