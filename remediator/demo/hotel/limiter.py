"""A rate limiter by client: so many requests in any one minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

_WINDOW_SECONDS = 60.0


class RateLimiter:
    """Counts requests by client. `now` gives seconds of a clock that never goes back."""

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self.per_minute = per_minute
        self._now = now
        self._seen: dict[str, deque[float]] = {}

    def allow(self, client: str) -> bool:
        """Tell whether this client may make a request now, and count it if so."""
        now_seconds = self._now()
        seen = self._seen.setdefault(client, deque())
        while seen and seen[0] <= now_seconds - _WINDOW_SECONDS:
            seen.popleft()
        if len(seen) >= self.per_minute:
            return False
        seen.append(now_seconds)
        return True
