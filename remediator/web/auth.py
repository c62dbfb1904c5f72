"""Who calls, and whether they may: bearer tokens, or Basic with the token as its password."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from multidict import CIMultiDictProxy

from remediator.engine.actors import Actor
from remediator.settings import Role, Token
from remediator.web.keys import ACTOR
from remediator.web.problems import ProblemError

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="remediator", Basic realm="remediator", charset="UTF-8"'}
_SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})


class Authenticator:
    """Knows the tokens by their digests."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        self._actors = tuple(
            (token.sha256, Actor(token.name, frozenset(token.roles), frozenset(token.groups)))
            for token in tokens
        )

    def identify(self, headers: CIMultiDictProxy[str]) -> Actor | None:
        """Return who holds the token of a request, or None."""
        given = headers.getall(hdrs.AUTHORIZATION, [])
        token = _token(given[0]) if len(given) == 1 else None
        if token is None:
            return None
        digest = hashlib.sha256(token).hexdigest()
        found = None
        # Every digest is compared, so that the time taken says nothing about which one fits.
        for known, actor in self._actors:
            if hmac.compare_digest(known, digest):
                found = actor
        return found


def _token(header: str) -> bytes | None:
    scheme, _, value = header.partition(" ")
    value = value.strip()
    if not value:
        return None
    if scheme.lower() == "bearer":
        return value.encode("utf-8", "surrogateescape")
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(value.encode("utf-8", "surrogateescape"), validate=True)
        except (binascii.Error, ValueError):
            return None
        # The user's name is free: the token alone says who it is.
        return decoded.partition(b":")[2]
    return None


def secured(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], role: Role, authenticator: Authenticator
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Let only holders of a role through, before anything of the body is read."""

    async def check(request: web.Request) -> web.StreamResponse:
        actor = authenticator.identify(request.headers)
        if actor is None:
            raise ProblemError(HTTPStatus.UNAUTHORIZED, "a valid token is needed", headers=_CHALLENGE)
        if not actor.has(role):
            raise ProblemError(HTTPStatus.FORBIDDEN, f"your token does not have the role {role}")
        request[ACTOR] = actor
        return await handler(request)

    return check


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse changes that another site's page asks for: a browser would add the password by itself."""
    if request.method not in _SAFE_METHODS and _from_elsewhere(request):
        raise ProblemError(HTTPStatus.FORBIDDEN, "changes are taken only from pages of this server")
    return await handler(request)


def _from_elsewhere(request: web.Request) -> bool:
    # Browsers send one of the two with every change, other clients neither. The first one also
    # holds behind a proxy that changes Host.
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site not in ("same-origin", "none")
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is not None and origin.partition("://")[2] != request.headers.get(hdrs.HOST)
