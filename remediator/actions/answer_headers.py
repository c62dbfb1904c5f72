"""Which headers of an answer may be shown: how often one may ask, and who answered. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from remediator.clients.capped_output import beginning

# Cookies, tokens and whatever else a service may put into a header are not read into a record.
_SHOWN = re.compile(
    r"(?:x-)?rate-?limit(?:-[a-z-]{1,30})?|retry-after|age|cache-control|content-type|date|server|via"
)
_LONGEST = 200


def _check(name: str) -> str:
    lowered = name.lower()
    if not _SHOWN.fullmatch(lowered):
        raise ValueError(
            f"{name[:64]!r} is not a header that is shown: rate limits, Retry-After, Date and such"
        )
    return lowered


HeaderName = Annotated[str, AfterValidator(_check)]
"""The name of a header that may be shown."""


def shown_headers(headers: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Return those of the named headers that are there."""
    return {name: beginning(headers[name], _LONGEST) for name in names if name in headers}
