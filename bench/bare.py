"""The limit of ingest: a bare aiohttp handler that decodes a body and answers 200. It keeps nothing.

Run as `python -m bench.bare PORT`.
"""

from __future__ import annotations

import sys

import orjson
import uvloop
from aiohttp import web


async def _receive(request: web.Request) -> web.Response:
    orjson.loads(await request.read())
    return web.Response()


def main() -> None:
    """Serve until killed."""
    app = web.Application(client_max_size=16 * 2**20)
    app.router.add_post("/webhook/alertmanager", _receive)
    app.router.add_get("/health/ready", lambda _: _ready())
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


async def _ready() -> web.Response:
    return web.Response()


if __name__ == "__main__":
    main()
