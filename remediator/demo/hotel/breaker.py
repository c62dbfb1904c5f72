"""A circuit breaker: stops calling what keeps failing, and tries again after a while."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

_SEEN_SECONDS = 300.0


class BreakerState(StrEnum):
    """Whether calls go through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerConfig:
    """When it opens, and how it closes again.

    `failure_threshold` is a number of failures within `window` (5), or, below 1, a share
    of the calls within it (0.5), once there are `minimum_calls`: runbooks use both.
    """

    failure_threshold: float = 5
    recovery_timeout: timedelta = timedelta(seconds=30)
    half_open_max_calls: int = 1
    window: timedelta = timedelta(seconds=30)
    minimum_calls: int = 5


class CircuitBreaker:
    """One breaker. `now` gives seconds of a clock that never goes back."""

    def __init__(self, config: BreakerConfig, now: Callable[[], float]) -> None:
        self._config = config
        self._now = now
        self._state = BreakerState.CLOSED
        self._opened_at_seconds = 0.0
        self._trials = 0
        self._calls: deque[tuple[float, bool]] = deque()
        self._seen: deque[tuple[float, bool]] = deque()

    @property
    def state(self) -> BreakerState:
        """The state now."""
        return self._state

    @property
    def config(self) -> BreakerConfig:
        """The configuration now."""
        return self._config

    def configure(self, config: BreakerConfig) -> None:
        """Change when it opens and closes; the state stays."""
        self._config = config

    def reset(self) -> None:
        """Leave the open state for a trial: the next call decides. A closed breaker stays closed."""
        if self._state is BreakerState.OPEN:
            self._try_again()

    def admit(self) -> bool:
        """Tell whether a call may be made now; whoever makes it calls `record` afterwards."""
        if self._state is BreakerState.CLOSED:
            return True
        if self._state is BreakerState.OPEN:
            waited_seconds = self._now() - self._opened_at_seconds
            if waited_seconds < self._config.recovery_timeout.total_seconds():
                return False
            self._try_again()
        if self._trials >= self._config.half_open_max_calls:
            return False
        self._trials += 1
        return True

    def failure_ratio(self, within_seconds: float) -> float:
        """Return the share of recorded calls that failed lately (5 minutes at most); none is 0."""
        since_seconds = self._now() - within_seconds
        lately = [ok for at_seconds, ok in self._seen if at_seconds >= since_seconds]
        return lately.count(False) / len(lately) if lately else 0.0

    def record(self, *, ok: bool) -> None:
        """Note how an admitted call ended."""
        self._seen.append((self._now(), ok))
        while self._seen[0][0] < self._now() - _SEEN_SECONDS:
            self._seen.popleft()
        if self._state is BreakerState.HALF_OPEN:
            self._state = BreakerState.CLOSED
            self._calls.clear()
            if not ok:
                self._open()
        elif self._state is BreakerState.CLOSED:
            self._calls.append((self._now(), ok))
            if self._too_many_failures():
                self._open()

    def _open(self) -> None:
        self._state = BreakerState.OPEN
        self._opened_at_seconds = self._now()

    def _try_again(self) -> None:
        self._state = BreakerState.HALF_OPEN
        self._trials = 0

    def _too_many_failures(self) -> bool:
        horizon_seconds = self._now() - self._config.window.total_seconds()
        while self._calls and self._calls[0][0] < horizon_seconds:
            self._calls.popleft()
        failures = sum(not ok for _, ok in self._calls)
        threshold = self._config.failure_threshold
        if threshold >= 1:
            return failures >= threshold
        return len(self._calls) >= self._config.minimum_calls and failures / len(self._calls) >= threshold
