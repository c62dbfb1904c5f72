"""The agent itself: answers guests from the PMS, the cache or the mock, by way of the breaker."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

from remediator.demo.hotel.adapter import PmsError, Rooms, mock_rooms
from remediator.demo.hotel.backends import Pings
from remediator.demo.hotel.breaker import BreakerConfig, BreakerState, CircuitBreaker
from remediator.demo.hotel.cache import Cache
from remediator.demo.hotel.limiter import RateLimiter
from remediator.demo.hotel.metrics import HotelMetrics
from remediator.demo.hotel.settings import HotelSettings

ErrorKind = Literal["overload", "whatsapp", "audio"]
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

    A share of guests' requests fails, each with an error of `error_kind`; `spike_clients` clients
    send `spike_per_second` requests together; understanding a guest's voice takes `nlp_delay_seconds`.
    """

    error_share: float = 0.0
    error_kind: ErrorKind = "overload"
    spike_per_second: float = 0.0
    spike_client: str = "203.0.113.9"
    spike_clients: int = 1
    """With more than one, `spike_client` is the first of them."""
    nlp_delay_seconds: float = 0.0


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
    """The state of one agent and what it does with it. `settings` change while it runs."""

    def __init__(
        self, settings: HotelSettings, pms: Pms, pings: Pings, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._pms = pms
        self._pings = pings
        self.settings = settings
        self._cache = Cache(now)
        recovery = timedelta(seconds=settings.pms_circuit_breaker_recovery_timeout)
        config = BreakerConfig(settings.pms_circuit_breaker_failure_threshold, recovery)
        self.breaker = CircuitBreaker(config, now)
        self.limiter = RateLimiter(settings.rate_limit_per_minute, now, settings.rate_limit_window_seconds)
        self.metrics = HotelMetrics(lambda: self.breaker.state, settings.pms_circuit_breaker_open_value)
        self.metrics.show_failure_ratios(self.breaker.failure_ratio)
        self.fault = Fault()
        self.blocked: set[str] = set()
        self.database_up = self.redis_up = True
        if settings.database_url:
            self.metrics.show_up("pg_up", lambda: self.database_up)
        if settings.redis_url:
            self.metrics.show_up("redis_up", lambda: self.redis_up)

    @property
    def degraded(self) -> bool:
        """Whether the mock answers in place of the PMS."""
        return self.settings.pms_type == "mock"

    @property
    def ready(self) -> bool:
        """Whether guests are served as they should be, or at least by the mock."""
        return self.database_up and (self.degraded or self.breaker.state is BreakerState.CLOSED)

    async def availability(self, checkin: str) -> Availability:
        """Answer a guest.

        Raises:
            UnavailableError: when nothing has an answer.
        """
        self.metrics.orchestrator_requests.labels(endpoint=_ENDPOINT).inc()
        try:
            with self.metrics.orchestrator_duration.time():
                await self._understand()
                await self._query_database()
                return await self._answer(checkin)
        except UnavailableError as error:
            self.metrics.orchestrator_errors.labels(endpoint=_ENDPOINT, error_type=error.kind).inc()
            raise

    async def probe(self) -> None:
        """Look whether what the agent needs is there, as an exporter would."""
        settings = self.settings
        up = await self._pings.ping(settings.pms_base_url)
        self.metrics.pms_up.labels(service="pms").set(up)
        if settings.database_url:
            # The exporter stands beside the first database, whichever the agent uses.
            self.database_up = await self._pings.ping(settings.database_url)
        if settings.redis_url:
            self.redis_up = await self._pings.ping(settings.redis_url)

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

    async def _understand(self) -> None:
        """Make out what the guest wants: with audio, that takes as long as speech does."""
        with self.metrics.nlp_latency.time():
            if self.settings.audio_enabled and self.fault.nlp_delay_seconds:
                await asyncio.sleep(self.fault.nlp_delay_seconds)
        if random.random() < self.fault.error_share:  # noqa: S311  (a demo's fault, not a secret)  # nosec B311
            kind = self.fault.error_kind
            if kind in self.metrics.errors_of:
                self.metrics.errors_of[kind].inc()
                if self.settings.enable_fallback_mode:
                    return
            raise UnavailableError(kind)

    async def _query_database(self) -> None:
        settings = self.settings
        url = settings.database_backup_url if settings.database == "backup" else settings.database_url
        if not url:
            return
        with self.metrics.database_latency.time(), self.metrics.database_connections.track_inprogress():
            answered = await self._pings.ping(url)
        if not answered:
            self.metrics.errors_of["database"].inc()
            raise UnavailableError("database")

    async def _answer(self, checkin: str) -> Availability:
        if self.degraded:
            return Availability(mock_rooms(), potentially_stale=False)
        young = self._cached(checkin, self.settings.pms_cache_ttl_seconds)
        if young is not None:
            return Availability(young, potentially_stale=False)
        if not self.breaker.admit():
            return self._stale(checkin, "breaker_open")
        try:
            rooms = await self._call(checkin)
        except PmsError as error:
            return self._stale(checkin, error.kind)
        self._cache.put(checkin, rooms)
        return Availability(rooms, potentially_stale=False)

    def _cached(self, checkin: str, max_age_seconds: float) -> Rooms | None:
        return self._cache.get(checkin, max_age_seconds) if self.redis_up else None

    def _stale(self, checkin: str, kind: str) -> Availability:
        rooms = self._cached(checkin, self.settings.pms_cache_stale_seconds)
        if rooms is None:
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
