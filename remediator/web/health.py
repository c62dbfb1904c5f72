"""What probes ask."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from remediator.web.json_response import json_response
from remediator.web.keys import SERVICES
from remediator.web.schemas import LiveOutput, ReadyOutput


async def live(_: web.Request) -> web.StreamResponse:
    """Answer: that is all that it says."""
    return json_response(LiveOutput())


async def ready(request: web.Request) -> web.StreamResponse:
    """Say whether the server does its work, and if not, why."""
    readiness = request.app[SERVICES].readiness
    reasons = readiness.reasons
    body = ReadyOutput(ready=not reasons, reasons=reasons, notes=readiness.notes)
    return json_response(body, status=HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK)
