"""Styles and scripts, out of the package, kept by browsers until they change."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from aiohttp import web

_TYPES = MappingProxyType({"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"})
STATIC_FILES = ("icon.svg", "live.js", "page.css", "yaml.css")
"""Every file that is served: names beyond it are not found."""
_PREFIX = "/static/"


def static_path(name: str) -> str:
    """Return where a file is served."""
    return _PREFIX + name


def static_url(name: str) -> str:
    """Return a file's address with the digest of what it holds: another content has another address."""
    return f"{static_path(name)}?v={_digest(name)}"


def static_file(name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the handler that serves one file."""

    async def show(request: web.Request) -> web.StreamResponse:
        fitting = request.query.get("v") == _digest(name)
        return web.Response(
            body=_content(name),
            content_type=_TYPES[name.rpartition(".")[2]],
            charset="utf-8",
            headers={
                "Cache-Control": "public, max-age=31536000, immutable" if fitting else "no-cache",
                "X-Content-Type-Options": "nosniff",
            },
        )

    return show


@cache
def _content(name: str) -> bytes:
    return files("remediator.web").joinpath("static", name).read_bytes()


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(_content(name)).hexdigest()[:16]
