"""What a request's `Authorization` says."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import hdrs, web


class Way(StrEnum):
    """How a request shows who sends it."""

    BEARER = "bearer"
    BASIC = "basic"
    SESSION = "session"
    PROXY = "proxy"
    CERTIFICATE = "certificate"

    @property
    def is_added_by_browsers(self) -> bool:
        """Whether a browser sends it by itself, also for another site's page."""
        return self is not Way.BEARER


@dataclass(frozen=True, slots=True)
class Given:
    """A token as it came; None when what came is none, or not one."""

    way: Way
    secret: bytes | None


def authorization(request: web.Request) -> Given | None:
    """Return the token in a request's header; None without such a header."""
    headers = request.headers.getall(hdrs.AUTHORIZATION, [])
    if not headers:
        return None
    scheme, _, value = headers[0].partition(" ")
    value = value.strip()
    way = Way.BASIC if scheme.lower() == "basic" else Way.BEARER
    if len(headers) > 1 or not value or scheme.lower() not in ("basic", "bearer"):
        return Given(way, None)
    if way is Way.BEARER:
        return Given(way, value.encode("utf-8", "surrogateescape"))
    try:
        decoded = base64.b64decode(value.encode("utf-8", "surrogateescape"), validate=True)
    except (binascii.Error, ValueError):
        return Given(way, None)
    # The user's name is free: the token alone says who it is.
    return Given(way, decoded.partition(b":")[2])
