"""What each route takes and gives, as the OpenAPI document says it: the models that the handlers use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from pydantic import BaseModel

from remediator.web.inputs import Input
from remediator.web.paging import Query

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
TEXT = "text/plain"
CSV = "text/csv"
JSON_LINES = "application/jsonl"
EVENT_STREAM = "text/event-stream"

# Whatever takes a token also asks the store.
_FOR_THE_GUARDED = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
}
_FOR_BODIES = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One route's contract. What follows from its role, path, query and body is added to `refusals`."""

    answer: type[BaseModel] | None = None
    query: type[Query] | None = None
    body: type[BaseModel] | None = None
    done: HTTPStatus = HTTPStatus.OK
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    """Request headers that mean something here, with what."""
    etag: bool = False
    """Whether the answer has an ETag, and may be 304 without a body."""
    refusals: tuple[HTTPStatus, ...] = ()
    other_answers: Mapping[HTTPStatus, type[BaseModel]] = field(default_factory=dict)
    """What comes with statuses that are neither `done` nor a problem."""

    def all_refusals(self, *, guarded: bool, has_parameters: bool) -> tuple[HTTPStatus, ...]:
        """Return every status that is a problem, in order."""
        found = {*self.refusals}
        if guarded:
            found |= _FOR_THE_GUARDED
        if has_parameters:
            found.add(HTTPStatus.NOT_FOUND)
        if self.query is not None:
            found.add(HTTPStatus.BAD_REQUEST)
        if self.body is not None and issubclass(self.body, Input):
            found |= _FOR_BODIES
        return tuple(sorted(found))
