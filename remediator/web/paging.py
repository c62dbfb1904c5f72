"""Lists: typed query parameters, and pages that go on from an opaque cursor."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from aiohttp import web
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from remediator.store.base import Filter
from remediator.web.problems import ProblemError

Q = TypeVar("Q", bound="Query")
R = TypeVar("R")
_SHOWN_CHARACTERS = 64
_CURSOR_PREFIX = b"before:"
_MOST_DIGITS = 18


def in_utc(value: datetime) -> datetime:
    """Return a time in UTC; one that is outside all years there is no valid one."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999") from None


def _read_cursor(value: str) -> str:
    decode_cursor(value)
    return value


Moment = Annotated[AwareDatetime, AfterValidator(in_utc), Field(examples=["2026-01-31T08:00:00Z"])]
Text = Annotated[str, Field(max_length=1024)]
RecordId = Annotated[int, Field(ge=1, lt=10**_MOST_DIGITS)]


class Query(BaseModel):
    """Base of a route's query parameters; others are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PageQuery(Query):
    """A page of a list."""

    limit: int = Field(default=50, ge=1, le=500, description="Most items on the page.")
    cursor: Annotated[str, AfterValidator(_read_cursor)] | None = Field(
        default=None, max_length=64, description="A page's `next_cursor`, for the page after it."
    )

    @property
    def before_id(self) -> int | None:
        """The id that the page before ended with."""
        return None if self.cursor is None else decode_cursor(self.cursor)


class TimedQuery(PageQuery):
    """A page of a list that can be cut by time."""

    since: Moment | None = Field(default=None, description="Not earlier than this time.")
    until: Moment | None = Field(default=None, description="Earlier than this time.")


def read_query(request: web.Request, kind: type[Q], *, form: bool = False) -> Q:
    """Read the query parameters. Those of a `form` that are empty count as not given.

    Raises:
        ProblemError: naming the parameter that is unknown or wrong.
    """
    values: dict[str, Any] = {}
    for name in request.query:
        given = [value for value in request.query.getall(name) if value or not form]
        if not given:
            continue
        if name in kind.model_fields and _is_list(kind.model_fields[name].annotation):
            values[name] = given
        elif len(given) == 1:
            values[name] = given[0]
        else:
            raise _bad(name, "is given more than once")
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(kind.model_fields)) or "none"
            raise _bad(name, f"is not a parameter here; there are: {known}") from None
        raise _bad(name, first["msg"].removeprefix("Value error, ")) from None


def page_filter(
    query: PageQuery,
    equal: Mapping[str, Any],
    one_of: Mapping[str, Sequence[Any]] | None = None,
    *,
    null: Sequence[str] = (),
    search: str | None = None,
) -> Filter:
    """Return the store's filter for a page: one more than it shows, to know whether more follow.

    What is None in `equal` was not asked for; the columns in `null` must be empty.
    """
    asked = {name: value for name, value in equal.items() if value is not None}
    return Filter(
        equal=asked | dict.fromkeys(null),
        one_of=one_of or {},
        since=query.since if isinstance(query, TimedQuery) else None,
        until=query.until if isinstance(query, TimedQuery) else None,
        search=search,
        before_id=query.before_id,
        limit=query.limit + 1,
    )


def cut_page(found: Sequence[R], query: PageQuery, ids: Sequence[int]) -> tuple[Sequence[R], str | None]:
    """Cut what was found for `page_filter` to the page, and return the next page's cursor."""
    if len(found) <= query.limit:
        return found, None
    return found[: query.limit], encode_cursor(ids[query.limit - 1])


def encode_cursor(last_id: int) -> str:
    """Return the cursor of the page that follows an id."""
    return base64.urlsafe_b64encode(_CURSOR_PREFIX + str(last_id).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> int:
    """Return the id in a cursor.

    Raises:
        ValueError: when it is none of ours.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    digits = raw.removeprefix(_CURSOR_PREFIX)
    if digits == raw or not digits.isdigit() or len(digits) > _MOST_DIGITS:
        raise ValueError("is not a cursor; take a list's next_cursor")
    return int(digits)


def _is_list(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, UnionType):
        return any(_is_list(part) for part in get_args(annotation))
    return get_origin(annotation) is tuple


def _bad(name: str, what: str) -> ProblemError:
    name = name[:_SHOWN_CHARACTERS]
    return ProblemError(HTTPStatus.BAD_REQUEST, f"{name}: {what}", parameter=name)
