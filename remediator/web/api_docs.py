"""The API described: as an OpenAPI document for programs, and as a page for people."""

from __future__ import annotations

from aiohttp import web

from remediator.web.keys import API_DESCRIPTION


async def show_openapi(request: web.Request) -> web.StreamResponse:
    """Show the OpenAPI document."""
    description = await request.app[API_DESCRIPTION].get()
    return web.Response(
        body=description.document,
        content_type="application/json",
        headers={"X-Content-Type-Options": "nosniff"},
    )


async def show_docs(request: web.Request) -> web.StreamResponse:
    """Show the API to people."""
    description = await request.app[API_DESCRIPTION].get()
    return web.Response(
        text=description.page,
        content_type="text/html",
        headers={
            "Content-Security-Policy": description.page_security_policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )
