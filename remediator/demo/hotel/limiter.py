"""A rate limiter by client: so many requests a minute, over a window."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

_A_MINUTE_SECONDS = 60.0


class RateLimiter:
    """Counts requests by client. `now` gives seconds of a clock that never goes back."""

    def __init__(
        self, per_minute: int, now: Callable[[], float], window_seconds: float = _A_MINUTE_SECONDS
    ) -> None:
        self.per_minute = per_minute
        self._now = now
        self._window_seconds = window_seconds
        self._seen: dict[str, deque[float]] = {}

    def allow(self, client: str) -> bool:
        """Tell whether this client may make a request now, and count it if so."""
        now_seconds = self._now()
        seen = self._seen.setdefault(client, deque())
        while seen and seen[0] <= now_seconds - self._window_seconds:
            seen.popleft()
        if len(seen) >= self.per_minute * self._window_seconds / _A_MINUTE_SECONDS:
            return False
        seen.append(now_seconds)
        return True
