"""Builds the web application: routes, roles and what surrounds every handler."""

from __future__ import annotations

import resource
from importlib.metadata import version

from aiohttp import hdrs, web

from remediator.settings import Role
from remediator.web.access import Access
from remediator.web.api_description import ApiDescription
from remediator.web.auth import secured
from remediator.web.connections import Connections
from remediator.web.csrf import same_origin
from remediator.web.event_feed import EventFeed
from remediator.web.event_streams import EventStreams
from remediator.web.keys import (
    ACCESS,
    API_DESCRIPTION,
    BODY_BUDGET,
    CONNECTIONS,
    EVENT_FEED,
    EVENT_STREAMS,
    SERVICES,
)
from remediator.web.openapi import openapi_document
from remediator.web.pages.frame import as_page, nothing_here, set_up_pages
from remediator.web.parting import parting
from remediator.web.problems import problems
from remediator.web.request_body import BodyBudget, expect_later
from remediator.web.routes import GET, ROUTES, Route
from remediator.web.services import Services
from remediator.web.slack import SLACK, SlackDesk
from remediator.web.webhook import measured

# Several of the largest deliveries at once; more are asked to come again.
_BODIES_AT_ONCE = 4
_MOST_CONNECTIONS = 4096


def build_app(services: Services) -> web.Application:
    """Return the application; the server that serves it guards its connections."""
    server = services.settings.server
    app = web.Application(middlewares=[parting, problems, nothing_here, same_origin])
    app[SERVICES] = services
    app[BODY_BUDGET] = BodyBudget(_BODIES_AT_ONCE * server.body_limit)
    app[CONNECTIONS] = Connections(
        limit=_connection_limit(),
        header_timeout=server.header_timeout,
        write_timeout=server.body_timeout,
    )
    app[ACCESS] = Access(services)
    app[API_DESCRIPTION] = ApiDescription(lambda: openapi_document(ROUTES, version=version("remediator")))
    app[EVENT_FEED] = EventFeed(services.store)
    app[EVENT_STREAMS] = EventStreams()
    set_up_pages(app)
    if services.settings.slack is not None:
        app[SLACK] = SlackDesk(services.settings.slack)
        app.on_cleanup.append(_end_answers)
    app.on_startup.append(_learn_ended_sessions)
    app.on_shutdown.append(_end_streams)
    app.on_cleanup.append(_write_failed_logins)
    app.on_response_prepare.append(_name_no_versions)
    for route in ROUTES:
        _add(app, route)
    return app


def _add(app: web.Application, route: Route) -> None:
    handler = route.handler
    if route.role is not None:
        handler = secured(handler, route.role, page=route.page)
    if route.role is Role.WEBHOOK:
        handler = measured(handler)
    if route.page:
        handler = as_page(handler)
    if route.method == GET:
        app.router.add_get(route.path, handler)
    else:
        app.router.add_route(route.method, route.path, handler, expect_handler=expect_later)


def _connection_limit() -> int:
    # The other half of the file descriptors is for the store, subprocesses and outgoing calls.
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_CONNECTIONS if descriptors < 0 else min(_MOST_CONNECTIONS, descriptors // 2)


async def _learn_ended_sessions(app: web.Application) -> None:
    await app[ACCESS].sessions.load(app[SERVICES].store)


async def _write_failed_logins(app: web.Application) -> None:
    await app[ACCESS].failures.close()


async def _end_streams(app: web.Application) -> None:
    app[EVENT_FEED].close()


async def _end_answers(app: web.Application) -> None:
    await app[SLACK].close()


async def _name_no_versions(_: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = "remediator"
