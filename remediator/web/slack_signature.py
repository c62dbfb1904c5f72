"""Whether a request comes from Slack: signed over its raw body, recent, and not seen before."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=5)
"""How old, or how far ahead, a request may be."""
_LONGEST_TIMESTAMP = 12


class SlackSignatures:
    """Takes each signed request once."""

    def __init__(self) -> None:
        self._seen: dict[str, datetime] = {}

    def refusal(
        self, secret: str, *, timestamp: str, signature: str, body: bytes, now: datetime
    ) -> str | None:
        """Return why a request is not taken, or None. What is taken is remembered while it is fresh."""
        if not _is_number(timestamp):
            return "it has no timestamp"
        signed = f"v0:{timestamp}:".encode() + body
        expected = f"v0={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogateescape")):
            return "its signature is wrong"
        if abs(now.timestamp() - int(timestamp)) > WINDOW.total_seconds():
            return "it is too old, or of a clock that is wrong"
        self._forget(now)
        if expected in self._seen:
            return "it was taken before"
        self._seen[expected] = now
        return None

    def _forget(self, now: datetime) -> None:
        # One from a clock ahead stays fresh for twice the window.
        self._seen = {seen: at for seen, at in self._seen.items() if now - at <= 2 * WINDOW}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_TIMESTAMP
