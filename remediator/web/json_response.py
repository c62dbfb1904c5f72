"""JSON responses from pydantic models."""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel


def json_response(body: BaseModel, *, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Return a response. Everything beyond ASCII is escaped, so no text can break it."""
    return _response(_encode(body), status, "no-store")


def json_response_unless_known(request: web.Request, body: BaseModel) -> web.Response:
    """Return a response with an ETag, or 304 without a body when the client has it already."""
    encoded = _encode(body)
    digest = hashlib.sha256(encoded).hexdigest()
    known = request.if_none_match or ()
    # It may be kept, and is asked for again each time.
    if any(tag.value in (digest, "*") for tag in known):
        response = web.Response(
            status=HTTPStatus.NOT_MODIFIED, headers={"Cache-Control": "private, no-cache"}
        )
    else:
        response = _response(encoded, HTTPStatus.OK, "private, no-cache")
    response.etag = digest
    return response


def _encode(body: BaseModel) -> bytes:
    return json.dumps(body.model_dump(mode="json", by_alias=True), separators=(",", ":")).encode("ascii")


def _response(body: bytes, status: HTTPStatus, cache_control: str) -> web.Response:
    return web.Response(
        status=status,
        body=body,
        content_type="application/json",
        headers={"Cache-Control": cache_control, "X-Content-Type-Options": "nosniff"},
    )
