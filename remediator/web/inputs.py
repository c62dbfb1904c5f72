"""What clients send: small JSON bodies, checked."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Literal, TypeVar

from aiohttp import hdrs, web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from remediator.durations import Duration
from remediator.runs.records import HoldScope
from remediator.web.keys import BODY_BUDGET, SERVICES
from remediator.web.problems import ProblemError
from remediator.web.request_body import BodyError, BodyFault, read_body

I = TypeVar("I", bound="Input")  # noqa: E741
_LIMIT_BYTES = 64 * 1024
_MOST_LABELS = 64
_JSON = "application/json"
_KEPT_CONTROLS = "\n\t"
_FAULTS = {
    BodyFault.TOO_LARGE: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a body here has at most 64 KiB"),
    BodyFault.TOO_SLOW: (HTTPStatus.REQUEST_TIMEOUT, "the body did not come in time"),
    BodyFault.BROKEN: (HTTPStatus.BAD_REQUEST, "the body is badly framed or cut off"),
    BodyFault.OVERLOADED: (HTTPStatus.SERVICE_UNAVAILABLE, "too much is being sent at once; try again"),
}


def _printable(value: str) -> str:
    if any(unicodedata.category(sign) == "Cc" and sign not in _KEPT_CONTROLS for sign in value):
        raise ValueError("has control characters")
    return value


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than no time")
    return value


def _within_years(value: timedelta) -> timedelta:
    if value > timedelta(days=10 * 365):
        raise ValueError("is longer than ten years")
    return value


Line = Annotated[str, Field(max_length=1024), AfterValidator(_printable)]
Comment = Annotated[str, Field(max_length=4096), AfterValidator(_printable)]
Span = Annotated[Duration, AfterValidator(_positive), AfterValidator(_within_years)]


class Input(BaseModel):
    """Base of a request's body; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class VoteInput(Input):
    """A verdict on a plan, bound to that very plan."""

    plan_hash: Line = Field(description="The run's plan_hash, as it was shown.")
    comment: Comment = ""


class CancelInput(Input):
    """Why a run is stopped, and how hard."""

    comment: Comment = ""
    kill: bool = Field(default=False, description="Also end the step that is under way.")


class ResumeInput(Input):
    """Why a run goes on, and what became of the step that nobody knows about."""

    comment: Comment = ""
    treat_step_as: Literal["done", "not_done"] | None = None


class CommentInput(Input):
    """Why."""

    comment: Comment = ""


class AcknowledgeInput(Input):
    """Who looks at it, and for how long nobody else is called."""

    comment: Comment = ""
    for_: Span | None = Field(default=None, alias="for")


class RunByHandInput(Input):
    """The labels of the alert that a policy is to run for."""

    labels: Annotated[dict[Line, Line], Field(max_length=_MOST_LABELS)] = {}
    comment: Comment = ""
    override: bool = Field(default=False, description="Run against guards that deny; needs a comment.")
    plan_hash: Line | None = Field(default=None, description="Start nothing but the plan of this hash.")


class HoldInput(Input):
    """What is paused, why and for how long."""

    scope: HoldScope
    value: Line = Field(default="", description="The policy's name or the target; empty for `all`.")
    reason: Comment
    for_: Span | None = Field(default=None, alias="for", description="Until removed, when left out.")


async def read_input(request: web.Request, kind: type[I]) -> I:
    """Read a request's JSON body.

    Raises:
        ProblemError: 415 for another type, 413, 408, or 422 naming the field that is wrong.
    """
    body = await read_small_body(request, _JSON)
    try:
        return kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise wrong_field(error) from None


async def read_small_body(request: web.Request, content_type: str) -> bytes:
    """Read a body that a person or a small program wrote.

    Raises:
        ProblemError: 415 for another type, 413 or 408.
    """
    if request.can_read_body and request.content_type != content_type:
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send {content_type}")
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send it without a content encoding")
    within = request.app[SERVICES].settings.server.body_timeout
    with request.app[BODY_BUDGET].share() as share:
        try:
            return await read_body(request, limit_bytes=_LIMIT_BYTES, within=within, share=share)
        except BodyError as error:
            raise ProblemError(*_FAULTS[error.fault]) from None


def wrong_field(error: ValidationError) -> ProblemError:
    """Return the problem of a body that is not as expected, naming the first field that is wrong."""
    first = error.errors(include_url=False, include_input=False)[0]
    path, what = first["loc"], first["msg"].removeprefix("Value error, ")
    if not path:
        return ProblemError(HTTPStatus.BAD_REQUEST, "the body is not the JSON object that is expected here")
    # The first part is a field of ours; what stands below it (a label's name) is the sender's.
    field = str(path[0])[:64]
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{field}: {what}", parameter=field)
