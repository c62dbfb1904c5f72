"""Times in a test file: since its start, and values that change at some of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from remediator.durations import PATTERN, Duration, parse_duration

T = TypeVar("T")
Schema = dict[str, Any]

_DURATION = re.compile(PATTERN)


@dataclass(frozen=True, slots=True, eq=False)
class Shorthand:
    """Marks a value that may be written briefly: `expand` writes it out, `schema` is its brief form."""

    expand: Callable[[Any], Any]
    schema: Schema | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Write it out before it is checked."""
        return core_schema.no_info_before_validator_function(self.expand, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        """Allow both forms."""
        full = handler(core)
        return {"anyOf": [full, self.schema if self.schema is not None else _value_of(full)]}


def _value_of(full: Schema) -> Schema:
    """Return the schema of a mapping's values."""
    by_key = list(full.get("patternProperties", {}).values())
    value: Schema = by_key[0] if by_key else full["additionalProperties"]
    return value


def _over_time(value: Any) -> Any:
    """Take a value alone for one that stands from the start."""
    if isinstance(value, dict) and value and all(_DURATION.match(str(key)) for key in value):
        return value
    return {"0s": value}


def _in_order(value: dict[timedelta, T]) -> dict[timedelta, T]:
    return dict(sorted(value.items()))


OverTime = Annotated[dict[Duration, T], AfterValidator(_in_order), Shorthand(_over_time)]
"""Values by the time from which they are good, earliest first: `{0s: 1, 2m: 0}`, or one value alone."""

_EVENT = re.compile(
    r"^(?P<at>\S+) (?P<what>firing|resolved|silenced|unsilenced|flapping)"
    r"(?: every (?P<every>\S+) x(?P<times>[0-9]{1,4}))?$"
)
_HOW = "write it like `0s firing`, `5m resolved`, `0s firing every 4h x3` or `0s flapping every 30s x5`"

Event = tuple[timedelta, str]


def parse_events(text: str) -> tuple[Event, ...]:
    """Read what Alertmanager says of an alert, and when.

    Raises:
        ValueError: with what is wrong and an example.
    """
    found: list[Event] = []
    for part in (piece.strip() for piece in text.split(",")):
        match = _EVENT.match(part)
        if match is None:
            raise ValueError(f"{part!r} is not what an alert can do at a time; {_HOW}")
        at, what = parse_duration(match["at"]), match["what"]
        if what == "flapping" and match["every"] is None:
            raise ValueError(f"{part!r} does not say how often; {_HOW}")
        every = parse_duration(match["every"]) if match["every"] else timedelta(0)
        for number in range(int(match["times"] or 1)):
            if what == "flapping":
                begins = at + 2 * number * every
                found += [(begins, "firing"), (begins + every, "resolved")]
            else:
                found.append((at + number * every, what))
    return tuple(sorted(found, key=lambda event: event[0]))


def _checked_events(text: str) -> str:
    parse_events(text)
    return text


def _joined(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    return value


Events = Annotated[
    str,
    BeforeValidator(_joined),
    AfterValidator(_checked_events),
    WithJsonSchema(
        {"type": ["string", "array"], "items": {"type": "string"}, "examples": ["0s firing, 5m resolved"]}
    ),
]
"""What becomes of an alert: `0s firing, 5m resolved`, repeated by `every … x…`; or a list of such."""
