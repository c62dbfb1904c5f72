"""What Alertmanager posts to. The reply decides whether it tries again, so each one has its meaning:

200 committed; 400 never will be, and is kept aside; 413 too large; 503 send it again later.
Replies are static, for Alertmanager logs them.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from remediator.alerts import NotAPayloadError, Payload, parse_payload
from remediator.engine.readiness import Readiness, Unready
from remediator.store.base import StoreUnavailableError
from remediator.telemetry.metrics import DeliveryResult
from remediator.web.delivery import TakenIn
from remediator.web.keys import BODY_BUDGET, SERVICES
from remediator.web.problems import ProblemError
from remediator.web.request_body import BodyError, BodyFault, read_body
from remediator.web.services import Services

DEFAULT_SOURCE = "default"

_LOG = logging.getLogger("remediator.webhook")
# Reading this much JSON takes long enough to be noticed by other requests.
_PARSE_ASIDE_BYTES = 1024 * 1024
_TAKEN_IN = TakenIn().model_dump_json().encode()
_RESULTS = {
    HTTPStatus.UNAUTHORIZED: DeliveryResult.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN: DeliveryResult.UNAUTHORIZED,
    HTTPStatus.TOO_MANY_REQUESTS: DeliveryResult.UNAUTHORIZED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: DeliveryResult.TOO_LARGE,
    HTTPStatus.SERVICE_UNAVAILABLE: DeliveryResult.UNAVAILABLE,
}


def measured(handler: Handler) -> Handler:
    """Count what turns deliveries away, and time them all. What is committed counts itself."""

    async def measure(request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        began = services.clock.now()
        try:
            return await handler(request)
        except ProblemError as error:
            result = _RESULTS.get(error.status)
            if result is not None:
                services.metrics.refused_delivery(_source(request), result)
            raise
        finally:
            services.metrics.observe_ingest(services.clock.now() - began)

    return measure


async def receive(request: web.Request) -> web.StreamResponse:
    """Take a delivery in."""
    services = request.app[SERVICES]
    source = _source(request)
    if source not in services.settings.sources:
        raise ProblemError(HTTPStatus.NOT_FOUND, "no such source in remediator.yaml")
    try:
        await _take_in(request, services, source)
    except ProblemError:
        raise
    except StoreUnavailableError as error:
        _LOG.warning("not taken in: %s", error, extra=_fields("webhook.store_unavailable", source))
        raise _later() from None
    # The boundary: an alert must not be lost to a fault of ours, so it is asked for again.
    except Exception:  # noqa: BLE001
        _LOG.exception("a delivery failed", extra=_fields("webhook.failed", source))
        raise _later() from None
    return web.Response(body=_TAKEN_IN, content_type="application/json")


async def _take_in(request: web.Request, services: Services, source: str) -> None:
    if is_draining(services.readiness):
        raise _later()
    server = services.settings.server
    with request.app[BODY_BUDGET].share() as share:
        try:
            body = await read_body(
                request, limit_bytes=server.body_limit, within=server.body_timeout, share=share
            )
        except BodyError as error:
            _LOG.warning("a delivery was not read", extra=_fields(f"webhook.body_{error.fault}", source))
            raise _unread(error.fault) from None
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            await _refuse(services, source, body, "content_encoding")
        try:
            payload = await _parse(body)
        except NotAPayloadError as error:
            await _refuse(services, source, body, error.reason)
            return
        await services.intake.accept(source, payload)
    services.metrics.observe_payload(source, payload, services.clock.now())


async def _parse(body: bytes) -> Payload:
    if len(body) < _PARSE_ASIDE_BYTES:
        return parse_payload(body)
    return await asyncio.to_thread(parse_payload, body)


async def _refuse(services: Services, source: str, body: bytes, reason: str) -> None:
    await services.intake.refuse(source, body, reason)
    _LOG.warning("a delivery was refused", extra=_fields("webhook.refused", source, reason=reason))
    raise ProblemError(HTTPStatus.BAD_REQUEST, "not an Alertmanager webhook payload of version 4; kept aside")


def is_draining(readiness: Readiness) -> bool:
    """Tell whether the server is stopping."""
    return Unready.DRAINING in readiness.reasons


def _source(request: web.Request) -> str:
    return request.match_info.get("source", DEFAULT_SOURCE)


def _later() -> ProblemError:
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "not taken in; send it again later")


def _unread(fault: BodyFault) -> ProblemError:
    if fault is BodyFault.TOO_LARGE:
        return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "over server.body_limit")
    if fault is BodyFault.BROKEN:
        return ProblemError(HTTPStatus.BAD_REQUEST, "the body is badly framed or cut off")
    # A slow network is no reason to lose an alert: 408 would be the end of it for Alertmanager.
    return _later()


def _fields(action: str, source: str, **more: str) -> dict[str, dict[str, str]]:
    return {"fields": {"action": action, "source": source, **more}}
