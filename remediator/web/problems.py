"""Errors as `application/problem+json` (RFC 9457). What went wrong inside is logged, never sent."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from remediator.reports.writer import NoSuchRunError
from remediator.store.base import ConflictError, StoreUnavailableError
from remediator.web.problem_details import ProblemDetails

_LOG = logging.getLogger("remediator.web")
_CONTENT_TYPE = "application/problem+json"


class ProblemError(Exception):
    """An answer that is an error. `detail` and `parameter` are for the client's eyes."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        parameter: str | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.parameter = parameter
        super().__init__(f"{int(status)} {detail}")


def problem_response(error: ProblemError) -> web.Response:
    """Return the response for a problem."""
    problem = ProblemDetails(
        title=error.status.phrase, status=error.status, detail=error.detail, parameter=error.parameter
    )
    return web.Response(
        status=error.status,
        body=json.dumps(problem.model_dump(exclude_none=True)).encode(),
        content_type=_CONTENT_TYPE,
        headers={"Cache-Control": "no-store", **error.headers},
    )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error of a handler into a problem."""
    return await answered(request, handler, _as_json)


async def answered(
    request: web.Request,
    handler: Handler,
    show: Callable[[web.Request, ProblemError], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """Return what a handler answers, or what `show` makes of its error."""
    try:
        return await handler(request)
    except ProblemError as error:
        problem = error
    except web.HTTPException as error:
        problem = _from_aiohttp(error)
    except NoSuchRunError as error:
        problem = ProblemError(HTTPStatus.NOT_FOUND, str(error))
    except StoreUnavailableError as error:
        _LOG.warning("not answered: %s", error, extra={"fields": {"action": "api.unavailable"}})
        problem = ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "the store can't answer now; try again")
    except ConflictError:
        problem = ProblemError(
            HTTPStatus.CONFLICT, "it changed meanwhile; look at it again, then decide anew"
        )
    # The boundary: whatever else went wrong is a fault of ours, and no client may see it.
    except Exception:  # noqa: BLE001
        _LOG.exception("a request failed", extra={"fields": {"action": "api.failed"}})
        problem = ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "this failed inside; the log says why")
    return await show(request, problem)


async def _as_json(_: web.Request, problem: ProblemError) -> web.Response:
    return problem_response(problem)


def _from_aiohttp(error: web.HTTPException) -> ProblemError:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return ProblemError(
            HTTPStatus.METHOD_NOT_ALLOWED, f"only {allowed} work here", headers={"Allow": allowed}
        )
    if isinstance(error, web.HTTPNotFound):
        return ProblemError(HTTPStatus.NOT_FOUND, "there is nothing here")
    return ProblemError(HTTPStatus(error.status), HTTPStatus(error.status).description)
