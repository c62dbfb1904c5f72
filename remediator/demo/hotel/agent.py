"""The agent itself: answers guests from the PMS, the cache or the mock, by way of the breaker."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

from remediator.demo.hotel.adapter import PmsError, Rooms, mock_rooms
from remediator.demo.hotel.breaker import BreakerConfig, BreakerState, CircuitBreaker
from remediator.demo.hotel.limiter import RateLimiter
from remediator.demo.hotel.metrics import HotelMetrics
from remediator.demo.hotel.settings import HotelSettings

PmsType = Literal["qloapps", "mock"]
_ENDPOINT = "availability"
# Any day will do for the call that finds out whether the PMS is back.
_TRIAL_CHECKIN = "2030-01-01"


class Pms(Protocol):
    """What the agent needs of a PMS."""

    async def availability(self, checkin: str) -> Rooms:
        """Ask for free rooms; raises PmsError."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """Trouble put in on purpose.

    A share of guests' requests fails; one client sends `spike_per_second` requests.
    """

    error_share: float = 0.0
    spike_per_second: float = 0.0
    spike_client: str = "203.0.113.9"


@dataclass(frozen=True, slots=True)
class Availability:
    """Free rooms, and whether they may be out of date."""

    rooms: Rooms
    potentially_stale: bool


class UnavailableError(Exception):
    """Neither the PMS nor the cache could answer; `kind` is fit for a metric's label."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"availability is not to be had: {kind}")
        self.kind = kind


class HotelAgent:
    """The state of one agent and what it does with it."""

    def __init__(self, settings: HotelSettings, pms: Pms, now: Callable[[], float] = time.monotonic) -> None:
        self._pms = pms
        self._now = now
        self._cache: dict[str, tuple[float, Rooms]] = {}
        self._cache_ttl_seconds = settings.pms_cache_ttl_seconds
        recovery = timedelta(seconds=settings.pms_circuit_breaker_recovery_timeout)
        config = BreakerConfig(settings.pms_circuit_breaker_failure_threshold, recovery)
        self.breaker = CircuitBreaker(config, now)
        self.limiter = RateLimiter(settings.rate_limit_per_minute, now)
        self.metrics = HotelMetrics(lambda: self.breaker.state, settings.pms_circuit_breaker_open_value)
        self.pms_type: PmsType = settings.pms_type
        self.fault = Fault()
        self.blocked: set[str] = set()

    @property
    def degraded(self) -> bool:
        """Whether the mock answers in place of the PMS."""
        return self.pms_type == "mock"

    @property
    def ready(self) -> bool:
        """Whether guests are served as they should be, or at least by the mock."""
        return self.degraded or self.breaker.state is BreakerState.CLOSED

    async def availability(self, checkin: str) -> Availability:
        """Answer a guest.

        Raises:
            UnavailableError: when nothing has an answer.
        """
        self.metrics.orchestrator_requests.labels(endpoint=_ENDPOINT).inc()
        try:
            if random.random() < self.fault.error_share:  # noqa: S311  (a demo's fault, not a secret)
                raise UnavailableError("overload")  # noqa: TRY301  (counted below with the others)
            return await self._answer(checkin)
        except UnavailableError as error:
            self.metrics.orchestrator_errors.labels(endpoint=_ENDPOINT, error_type=error.kind).inc()
            raise

    async def try_pms(self) -> None:
        """In mock mode nobody else calls the PMS, so look now and then whether it is back."""
        if self.degraded and self.breaker.state is not BreakerState.CLOSED and self.breaker.admit():
            try:
                await self._call(_TRIAL_CHECKIN)
            except PmsError:
                return

    def limit(self, client: str) -> bool:
        """Tell whether a client's request goes over the limit, and count it if so."""
        if self.limiter.allow(client):
            return False
        self.metrics.limited(client)
        return True

    async def _answer(self, checkin: str) -> Availability:
        if self.degraded:
            return Availability(mock_rooms(), potentially_stale=False)
        if not self.breaker.admit():
            return self._cached(checkin, "breaker_open")
        try:
            rooms = await self._call(checkin)
        except PmsError as error:
            return self._cached(checkin, error.kind)
        self._cache[checkin] = (self._now(), rooms)
        return Availability(rooms, potentially_stale=False)

    def _cached(self, checkin: str, kind: str) -> Availability:
        stored_at_seconds, rooms = self._cache.get(checkin, (float("-inf"), []))
        if self._now() - stored_at_seconds > self._cache_ttl_seconds:
            raise UnavailableError(kind)
        return Availability(rooms, potentially_stale=True)

    async def _call(self, checkin: str) -> Rooms:
        ok = False
        try:
            with self.metrics.pms_latency.time():
                rooms = await self._pms.availability(checkin)
            ok = True
            return rooms
        finally:
            # Also when the caller went away: an admitted call that never reports would block the trial.
            self.breaker.record(ok=ok)
            self.metrics.pms_calls.labels(status="success" if ok else "error").inc()
