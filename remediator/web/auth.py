"""Lets a request through to its handler, or not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import quote

from aiohttp import hdrs, web

from remediator.settings import Role
from remediator.web.csrf import SAFE_METHODS, check_form
from remediator.web.keys import ACCESS, ACTOR, LOGIN
from remediator.web.problems import ProblemError

LOGIN_PAGE = "/login"
_BEARER = 'Bearer realm="remediator"'
_BASIC = 'Basic realm="remediator", charset="UTF-8"'
_FETCH_MODE = "Sec-Fetch-Mode"
_NAVIGATE = "navigate"

RequestHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def secured(handler: RequestHandler, role: Role, *, page: bool) -> RequestHandler:
    """Let only holders of a role through, before anything of the body is read.

    Whoever opens a `page` and is not logged in is led to the page where they can.
    """

    async def check(request: web.Request) -> web.StreamResponse:
        login = await request.app[ACCESS].login(request, role)
        if login is None:
            if page and _is_navigation(request):
                return _to_login(request)
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED, "a valid token is needed", headers=_challenge(request)
            )
        request[ACTOR] = login.actor
        request[LOGIN] = login
        if not login.actor.has(role):
            raise ProblemError(HTTPStatus.FORBIDDEN, f"your token does not have the role {role}")
        await check_form(request, login)
        return await handler(request)

    return check


def _is_navigation(request: web.Request) -> bool:
    # Older browsers don't say; what a script fetches would be led to the login in vain.
    return request.headers.get(_FETCH_MODE, _NAVIGATE) == _NAVIGATE


def _to_login(request: web.Request) -> web.StreamResponse:
    # What a form asked for can't be asked for again by a link.
    wanted = request.path_qs if request.method in SAFE_METHODS else "/"
    where = f"{LOGIN_PAGE}?next={quote(wanted, safe='/')}"
    return web.Response(
        status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: where, hdrs.CACHE_CONTROL: "no-store"}
    )


def _challenge(request: web.Request) -> dict[str, str]:
    # Only people who open an address are asked for a password; a page that runs is not interrupted.
    offered = f"{_BEARER}, {_BASIC}" if _is_navigation(request) else _BEARER
    return {hdrs.WWW_AUTHENTICATE: offered}
