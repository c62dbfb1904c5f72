"""Durations as Prometheus writes them: `30s`, `1h30m`, `2d`."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

# Prometheus: each unit at most once, largest first; years are 365 days.
# https://prometheus.io/docs/prometheus/latest/querying/basics/#time-durations
_UNITS_MS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
PATTERN = (
    r"^(?=[0-9])(?:0|(?:[0-9]+y)?(?:[0-9]+w)?(?:[0-9]+d)?(?:[0-9]+h)?"
    r"(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?)$"
)
_WHOLE = re.compile(PATTERN)
_PART = re.compile(r"([0-9]+)(ms|[ywdhms])")
_MAX_LENGTH = 64


def parse_duration(text: str) -> timedelta:
    """Read a Prometheus duration.

    Raises:
        ValueError: with what is wrong and an example, when `text` is not one.
    """
    if len(text) > _MAX_LENGTH or not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:_MAX_LENGTH]!r} is not a duration; write it like 30s, 5m or 1h30m")
    total_ms = sum(int(count) * _UNITS_MS[unit] for count, unit in _PART.findall(text))
    try:
        return timedelta(milliseconds=total_ms)
    except OverflowError:
        raise ValueError(f"{text!r} is too long a duration; at most some millions of years") from None


# Few lengths are written, and those again and again.
@lru_cache(maxsize=4096)
def format_duration(duration: timedelta) -> str:
    """Write a duration as Prometheus does, to the millisecond; years and weeks are not used."""
    # In whole numbers: a quotient of thousands of years has no milliseconds left.
    rest_ms = round(duration // timedelta(microseconds=1), -3) // 1000
    if rest_ms == 0:
        return "0s"
    parts: list[str] = ["-"] if rest_ms < 0 else []
    rest_ms = abs(rest_ms)
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest_ms = divmod(rest_ms, _UNITS_MS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def _coerce(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[
    timedelta,
    BeforeValidator(_coerce),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["30s", "5m", "1h30m"]}),
]


def _positive(length: timedelta) -> timedelta:
    if length <= timedelta(0):
        raise ValueError("is zero; write a duration above zero, like 30s")
    return length


PositiveDuration = Annotated[
    Duration,
    AfterValidator(_positive),
    WithJsonSchema(
        {"type": "string", "pattern": f"^(?=.*[1-9]){PATTERN[1:]}", "examples": ["30s", "5m", "1h30m"]}
    ),
]
"""A duration above zero."""
