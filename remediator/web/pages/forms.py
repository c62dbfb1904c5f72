"""Forms of pages: small urlencoded bodies, read once a request, checked by the models that the API uses."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import ValidationError

from remediator.web.inputs import Input, read_small_body, wrong_field
from remediator.web.problems import ProblemError

I = TypeVar("I", bound="Input")  # noqa: E741

FORM_TOKEN = "form_token"  # nosec B105  # not a password
"""The field that shows that a form is of a page of ours."""
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 64
_FIELDS = web.RequestKey("form_fields", Mapping[str, str])


async def form_fields(request: web.Request) -> Mapping[str, str]:
    """Read the fields of a request's form; the last one of a name counts. Read once, then remembered.

    Raises:
        ProblemError: 415 for another type, 413, 408, or 400 for what is no form.
    """
    known: Mapping[str, str] | None = request.get(_FIELDS)
    if known is not None:
        return known
    body = await read_small_body(request, _FORM)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body is no form of a page") from None
    fields = request[_FIELDS] = dict(pairs)
    return fields


async def read_form(request: web.Request, kind: type[I]) -> I:
    """Read a request's form as an input of the API. Fields left empty count as not given.

    Raises:
        ProblemError: as `form_fields`, or 422 naming the field that is wrong.
    """
    fields = await form_fields(request)
    # Browsers end lines as of old.
    given = {
        name: value.replace("\r\n", "\n") for name, value in fields.items() if value and name != FORM_TOKEN
    }
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise wrong_field(error) from None
