"""Forms of other sites' pages change nothing: every form carries what only a page of ours knows.

It is asked of whatever a browser sends by itself (a session's cookie, a proxy's word, Basic's password), on
top of the headers in which browsers say where a request comes from.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from yarl import URL

from remediator.web.access import Login
from remediator.web.credentials import Way
from remediator.web.keys import ACCESS, LOGIN, SERVICES
from remediator.web.pages.forms import FORM_TOKEN, form_fields
from remediator.web.problems import ProblemError

FORM_TOKEN_HEADER = "X-Form-Token"  # nosec B105  # not a password
SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_FORM = "application/x-www-form-urlencoded"


def form_token(request: web.Request) -> str:
    """Return what the forms of a page carry; empty for nobody."""
    login: Login | None = request.get(LOGIN)
    return request.app[ACCESS].form_token(login) if login is not None else ""


async def check_form(request: web.Request, login: Login) -> None:
    """Refuse a change that a browser may have sent for another site's page.

    Raises:
        ProblemError: 403 without the form token of this login, or what reading the form raises.
    """
    if request.method in SAFE_METHODS or not login.way.is_added_by_browsers:
        return
    is_form = request.content_type == _FORM
    if login.way in (Way.BASIC, Way.CERTIFICATE) and not is_form:
        return  # programs; no page can send JSON to another site unasked
    given = request.headers.get(FORM_TOKEN_HEADER)
    if given is None and is_form:
        given = (await form_fields(request)).get(FORM_TOKEN)
    require_form_token(given, request.app[ACCESS].form_token(login))


def require_form_token(given: str | None, expected: str) -> None:
    """Refuse a form that does not carry what it should.

    Raises:
        ProblemError: 403.
    """
    if given is None or not hmac.compare_digest(given.encode(errors="replace"), expected.encode()):
        raise ProblemError(
            HTTPStatus.FORBIDDEN, "the form is not from a page of this login; reload the page and try again"
        )


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse changes that another site's page asks for: a browser would add the password by itself."""
    if request.method not in SAFE_METHODS and _from_elsewhere(request):
        raise ProblemError(HTTPStatus.FORBIDDEN, "changes are taken only from pages of this server")
    return await handler(request)


def _from_elsewhere(request: web.Request) -> bool:
    # Browsers send one of the two with every change, other clients neither. The first one also
    # holds behind a proxy that changes Host.
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site not in ("same-origin", "none")
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return False
    public = request.app[SERVICES].settings.server.public_url
    if public is not None and origin == str(URL(str(public)).origin()):
        return False
    scheme, _, host = origin.partition("://")
    return host != request.headers.get(hdrs.HOST) or (request.secure and scheme != "https")
