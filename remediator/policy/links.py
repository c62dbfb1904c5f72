"""Links of a policy to dashboards and traces: the host is the policy's, labels only fill in values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from remediator.policy.expressions import ExpressionError, RenderError, Scope, Template, split_template
from remediator.policy.telling import Link

# The host has to end before the first template: no label may go on with it.
_FIXED = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?[/?#]")
_WHOLE = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:[/?#]\S*)?\Z")
_DOTS = (".", "..")


def link_fault(url: str) -> str | None:
    """Return what is wrong with a link's URL, and after a semicolon what to do; None when nothing is."""
    try:
        parts = split_template(url)
    except ExpressionError as error:
        return str(error)
    first = parts[0] if parts and isinstance(parts[0], str) else ""
    whole = len(parts) == 1 and isinstance(parts[0], str)
    if not (_WHOLE.match(first) if whole else _FIXED.match(first)):
        return "does not name its host; begin with http:// or https://, the host and a slash"
    return None


def rendered_links(links: Sequence[Link], scope: Scope) -> list[dict[str, str]]:
    """Return the links whose values are known, each value encoded for a URL."""
    found = []
    for link in links:
        url = _rendered(link.url, scope)
        if url is not None:
            found.append({"title": link.title, "url": url})
    return found


def context_scope(context: Mapping[str, Any] | None) -> Scope:
    """Return what a link may read of what a run keeps of its alert."""
    known = context or {}
    return Scope(
        labels=known.get("labels", {}),
        annotations=known.get("annotations", {}),
        episode=known.get("episode", {}),
    )


def _rendered(url: str, scope: Scope) -> str | None:
    try:
        parts = [_part(part, scope) for part in split_template(url)]
    except (ExpressionError, RenderError):
        return None
    return None if None in parts else "".join(part for part in parts if part is not None)


def _part(part: str | Template, scope: Scope) -> str | None:
    if isinstance(part, str):
        return part
    value = part.render(scope)
    # Dots would climb out of the path that the policy wrote, encoded or not.
    return None if value in _DOTS else quote(value, safe="")
