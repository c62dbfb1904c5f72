"""What the agent tells Prometheus, by a registry of its own."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from remediator.demo.hotel.breaker import BreakerState

_MAX_CLIENTS = 50


class HotelMetrics:
    """All metrics of the agent.

    Exporters disagree about what an open breaker is: `open_value` is 1 or 2, half-open is the
    other one, closed is always 0.
    """

    def __init__(self, breaker_state: Callable[[], BreakerState], open_value: int) -> None:
        self.registry = CollectorRegistry()
        values = {
            BreakerState.CLOSED: 0,
            BreakerState.OPEN: open_value,
            BreakerState.HALF_OPEN: 3 - open_value,
        }
        breaker = Gauge(
            "pms_circuit_breaker_state",
            f"State of the PMS circuit breaker: 0 closed, {open_value} open, {3 - open_value} half-open",
            ["service"],
            registry=self.registry,
        )
        breaker.labels(service="pms").set_function(lambda: values[breaker_state()])
        self.pms_calls = Counter(
            "pms_api_calls_total", "Calls of the PMS", ["status"], registry=self.registry
        )
        self.pms_latency = Histogram(
            "pms_api_latency_seconds", "How long the PMS takes to answer", registry=self.registry
        )
        self.orchestrator_requests = Counter(
            "orchestrator_requests_total", "Guests' requests", ["endpoint"], registry=self.registry
        )
        self.orchestrator_errors = Counter(
            "orchestrator_errors_total",
            "Guests' requests that failed",
            ["endpoint", "error_type"],
            registry=self.registry,
        )
        self.http_requests = Counter(
            "http_requests_total", "HTTP requests", ["method", "path", "status"], registry=self.registry
        )
        self._limiter_hits = Counter(
            "slowapi_limiter_hits_total", "Requests over the rate limit", ["client"], registry=self.registry
        )
        self._clients: set[str] = set()
        for status in ("success", "error"):
            self.pms_calls.labels(status=status)

    def limited(self, client: str) -> None:
        """Count a request over the limit; past so many clients the rest share one label."""
        if client not in self._clients and len(self._clients) >= _MAX_CLIENTS:
            client = "other"
        self._clients.add(client)
        self._limiter_hits.labels(client=client).inc()
