"""What every page has in common: who looks at it, headers that keep it inert, how a fault is shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import aiohttp_jinja2
from aiohttp import hdrs, web
from jinja2 import PackageLoader, StrictUndefined

from remediator.engine.actors import Actor
from remediator.settings import Role
from remediator.web.csrf import form_token
from remediator.web.keys import ACTOR, LOGIN, SERVICES
from remediator.web.pages.showing import FILTERS
from remediator.web.pages.static import static_url
from remediator.web.problems import ProblemError, answered

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}

RequestHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def set_up_pages(app: web.Application) -> None:
    """Prepare the templates of an application."""
    aiohttp_jinja2.setup(
        app,
        loader=PackageLoader("remediator.web", "templates/pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        filters=FILTERS,
        default_helpers=False,
    )
    aiohttp_jinja2.get_env(app).globals["static_url"] = static_url


async def render(
    request: web.Request, template: str, *, status: HTTPStatus = HTTPStatus.OK, **context: Any
) -> web.Response:
    """Render a page. Besides `context`, templates read who looks at it, what they `may`, and the time."""
    actor = request.get(ACTOR)
    given = {
        "actor": actor,
        "roles": sorted(actor.roles) if actor else [],
        "may": _may(actor),
        "form_token": form_token(request),
        "in_session": LOGIN in request and request[LOGIN].session is not None,
        "path": request.path,
        "now": request.app[SERVICES].clock.now(),
        **context,
    }
    response = aiohttp_jinja2.render_template(template, request, given, status=status)
    response.headers.update(HEADERS)
    return response


def as_page(handler: RequestHandler) -> RequestHandler:
    """Let a handler's faults be shown as a page, for a person at a browser."""

    async def show(request: web.Request) -> web.StreamResponse:
        return await answered(request, handler, show_problem)

    return show


@web.middleware
async def nothing_here(request: web.Request, handler: RequestHandler) -> web.StreamResponse:
    """Tell a person at a browser as a page that an address leads nowhere; programs are told as ever."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
            raise
        return await show_problem(
            request, ProblemError(HTTPStatus.NOT_FOUND, "there is nothing at this address")
        )


async def show_problem(request: web.Request, problem: ProblemError) -> web.Response:
    """Render a fault: what is wrong, and a way back."""
    response = await render(
        request, "problem.html", status=problem.status, problem=problem, back=_back(request)
    )
    response.headers.update(problem.headers)
    return response


def see_other(path: str) -> web.Response:
    """Send a browser to a page of this server after a form was taken."""
    return web.Response(
        status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: path, "Cache-Control": "no-store"}
    )


def _back(request: web.Request) -> str:
    """What a command on a run did not do is seen on the run's page."""
    run, _, command = request.path.removeprefix("/runs/").partition("/")
    return f"/runs/{run}" if command and run.isdigit() else "/"


def _may(actor: Actor | None) -> Callable[[str], bool]:
    return lambda role: actor is not None and actor.has(Role(role))
