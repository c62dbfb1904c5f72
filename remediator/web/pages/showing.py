"""How values are shown in a page: cut, with what is invisible written out, and times for people.

All of it goes through autoescaping: what comes from outside is shown, and never becomes markup or a link.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup

from remediator.durations import format_duration
from remediator.plain_text import lines, one_line

_LONGEST_LINE = 300
_LONGEST_TEXT = 20_000
# States of runs, steps, leases and approvals, outcomes and verdicts, by what they mean to people.
_TONES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("succeeded", "reverted", "undone", "approved", "allow", "run"), "good"),
        **dict.fromkeys(
            ("failed", "ineffective", "needs_human", "revert_failed", "ambiguous", "overdue", "deny"), "bad"
        ),
        **dict.fromkeys(
            ("awaiting_approval", "held", "expired", "pending", "ask", "blocked", "open"), "warn"
        ),
        **dict.fromkeys(("planned", "running", "verifying", "reverting", "intent", "joined"), "busy"),
    }
)


def plain(value: object, longest: int = _LONGEST_LINE) -> str:
    """Return a value as one line of at most `longest` characters, nothing in it invisible."""
    return one_line(_cut(str(value), longest))


def text(value: object, longest: int = _LONGEST_TEXT) -> str:
    """Like `plain`, of several lines."""
    return lines(_cut(str(value), longest))


def outside(value: object, longest: int = _LONGEST_LINE) -> Markup:
    """Return text from outside, isolated: it can't turn what stands beside it."""
    return Markup("<bdi>{}</bdi>").format(plain(value, longest))


def as_json(value: object) -> str:
    """Return a JSON value laid out for people."""
    return text(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def compact(value: object, longest: int = _LONGEST_LINE) -> str:
    """Return a JSON value in one line."""
    return plain(json.dumps(value, ensure_ascii=False, default=str), longest)


def web_link(value: object) -> str | None:
    """Return an address that a page may link to, or None: only http and https lead anywhere."""
    address = str(value)
    if len(address) > _LONGEST_TEXT or not address.isprintable() or " " in address:
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.hostname else None


def moment(value: datetime | str) -> Markup:
    """Return a time: in UTC as it stands; a script shows the browser's own, with UTC on hover."""
    at = (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), f"{at:%Y-%m-%d %H:%M:%S} UTC"
    )


def countdown(value: datetime, now: datetime) -> Markup:
    """Return how long it is until a time, or since; a script counts on."""
    left = value - now
    said = f"in {span(left)}" if left >= timedelta(0) else f"{span(-left)} ago"
    return Markup('<time datetime="{}" data-until>{}</time>').format(
        value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"), said
    )


def span(value: timedelta) -> str:
    """Return a length of time in its two largest units."""
    seconds = int(value.total_seconds())
    if seconds >= 86400:
        seconds -= seconds % 3600
    elif seconds >= 3600:
        seconds -= seconds % 60
    return format_duration(timedelta(seconds=seconds)) if seconds else "0s"


def words(value: object) -> str:
    """Return an enum's value as words."""
    return str(value).replace("_", " ")


def tone(value: object) -> str:
    """Return what a state looks like: good, bad, warn, busy, or nothing special."""
    return _TONES.get(str(value), "")


def _cut(value: str, longest: int) -> str:
    if len(value) <= longest:
        return value
    return f"{value[:longest]}… ({len(value) - longest:,} more characters)"


FILTERS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "plain": plain,
        "text": text,
        "outside": outside,
        "as_json": as_json,
        "compact": compact,
        "web_link": web_link,
        "moment": moment,
        "countdown": countdown,
        "span": span,
        "words": words,
        "tone": tone,
    }
)
