"""JSON responses from pydantic models."""

from __future__ import annotations

import json
from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel


def json_response(body: BaseModel, *, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Return a response. Everything beyond ASCII is escaped, so no text can break it."""
    text = json.dumps(body.model_dump(mode="json", by_alias=True), separators=(",", ":"))
    return web.Response(
        status=status,
        body=text.encode("ascii"),
        content_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
