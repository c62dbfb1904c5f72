"""The values that a pattern's group takes most often in a log, in bounded memory. Pure."""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Any

from pydantic import Field, field_validator

from remediator.actions.base import ActionParams
from remediator.patterns import Pattern, compile_pattern

# Beyond this the rarest half is forgotten: who floods a log with ever new values can't fill the memory.
_MOST_DISTINCT = 10_000
_LONGEST_VALUE = 200


class TopParams(ActionParams):
    """Which values to rank, and how many of them to show."""

    pattern: Pattern = Field(description="RE2 with exactly one group: what the group holds is the value.")
    addresses: bool = Field(
        default=False, description="Only IP addresses count; written in one form, IPv4 in IPv6 as IPv4."
    )
    at_least: int = Field(default=1, ge=1, description="Only values that come so often.")
    most: int = Field(default=10, ge=1, le=50, description="Only so many, the most frequent ones.")

    @field_validator("pattern")
    @classmethod
    def _one_group(cls, value: str) -> str:
        if compile_pattern(value).groups != 1:
            raise ValueError("must have exactly one group, written ( ); others as (?: )")
        return value


class TopValues:
    """Counts values."""

    def __init__(self, params: TopParams) -> None:
        self._params = params
        self._pattern = compile_pattern(params.pattern)
        self._counts: Counter[str] = Counter()

    def look(self, line: str) -> None:
        """Count the value in a line, if it has one."""
        found = self._pattern.search(line)
        value = _value(found[1], addresses=self._params.addresses) if found is not None else None
        if value is None:
            return
        self._counts[value] += 1
        if len(self._counts) > _MOST_DISTINCT:
            self._counts = Counter(dict(self._counts.most_common(_MOST_DISTINCT // 2)))

    def add(self, other: TopValues) -> None:
        """Take another log's counts in."""
        self._counts += other._counts

    def shown(self) -> list[dict[str, Any]]:
        """Return values with counts, the most frequent first; equals in order of their text."""
        ranked = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        enough = [(value, count) for value, count in ranked if count >= self._params.at_least]
        return [{"value": value, "count": count} for value, count in enough[: self._params.most]]


def _value(text: str | None, *, addresses: bool) -> str | None:
    if not text:
        return None
    if not addresses:
        return text[:_LONGEST_VALUE]
    return _address(text)


def _address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        return str(address.ipv4_mapped or address)
    return str(address)
