"""What the agent tells Prometheus, by a registry of its own. Names are those of the runbooks."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from remediator.demo.hotel.breaker import BreakerState

_MAX_CLIENTS = 50
# Both sides of the runbooks' limits (0.5 s, 1 s, 3 s, 15 s) have bounds of their own.
_BUCKETS_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 15.0, float("inf"))


class HotelMetrics:
    """All metrics of the agent.

    Exporters disagree about what an open breaker is: `open_value` is 1 or 2, half-open is the
    other one, closed is always 0.
    """

    def __init__(self, breaker_state: Callable[[], BreakerState], open_value: int) -> None:
        self.registry = CollectorRegistry()
        self._show_breaker(breaker_state, open_value)
        self.pms_calls = self._counter("pms_api_calls_total", "Calls of the PMS", "status")
        self.pms_latency = self._seconds("pms_api_latency_seconds", "How long the PMS takes to answer")
        self.pms_up = self._gauge("pms_up", "Whether the PMS answered its last health probe", "service")
        self.orchestrator_requests = self._counter(
            "orchestrator_requests_total", "Guests' requests", "endpoint"
        )
        self.orchestrator_errors = self._counter(
            "orchestrator_errors_total", "Guests' requests that failed", "endpoint", "error_type"
        )
        self.orchestrator_duration = self._seconds(
            "orchestrator_duration_seconds", "How long guests wait for an answer"
        )
        self.nlp_latency = self._seconds("nlp_engine_latency_seconds", "How long understanding a guest takes")
        self.database_latency = self._seconds(
            "database_query_duration_seconds", "How long the database takes"
        )
        self.database_connections = self._gauge("database_connections_active", "Queries under way")
        self.errors_of = {
            "whatsapp": self._counter("whatsapp_errors_total", "Errors of WhatsApp's API"),
            "database": self._counter("database_errors_total", "Errors of the database"),
            "audio": self._counter("audio_processor_errors_total", "Errors of the audio processor"),
        }
        self.http_requests = self._counter("http_requests_total", "HTTP requests", "method", "path", "status")
        self.http_duration = self._seconds("http_request_duration_seconds", "How long HTTP requests take")
        self.http_in_flight = self._gauge("http_requests_in_flight", "HTTP requests under way")
        self.security_events = self._counter("security_events_total", "Signs of an attack", "kind")
        self._limiter_hits = self._counter(
            "slowapi_limiter_hits_total", "Requests over the rate limit", "client"
        )
        self._clients: set[str] = set()
        for status in ("success", "error"):
            self.pms_calls.labels(status=status)
        # Before the first one: a counter that appears with its first event has no increase to see.
        self.security_events.labels(kind="bad_admin_token")

    def limited(self, client: str) -> None:
        """Count a request over the limit; past so many clients the rest share one label."""
        if client not in self._clients and len(self._clients) >= _MAX_CLIENTS:
            client = "other"
        self._clients.add(client)
        self._limiter_hits.labels(client=client).inc()

    def show_failure_ratios(self, ratio_within: Callable[[float], float]) -> None:
        """Show the breaker's own count of failures, of the last minute and the last five."""
        for minutes in (1, 5):
            gauge = self._gauge(
                f"pms_cb_failure_ratio_{minutes}m", "Share of the breaker's calls that failed", "service"
            )
            gauge.labels(service="pms").set_function(
                lambda seconds=60.0 * minutes: ratio_within(seconds)  # type: ignore[misc]
            )

    def show_up(self, name: str, up: Callable[[], bool]) -> None:
        """Show whether a backend answers, by its exporter's name (`pg_up`, `redis_up`)."""
        self._gauge(name, "Whether it answered the last probe").set_function(lambda: float(up()))

    def _show_breaker(self, breaker_state: Callable[[], BreakerState], open_value: int) -> None:
        values = {
            BreakerState.CLOSED: 0,
            BreakerState.OPEN: open_value,
            BreakerState.HALF_OPEN: 3 - open_value,
        }
        text = f"State of the PMS circuit breaker: 0 closed, {open_value} open, {3 - open_value} half-open"
        breaker = self._gauge("pms_circuit_breaker_state", text, "service")
        breaker.labels(service="pms").set_function(lambda: values[breaker_state()])

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _seconds(self, name: str, text: str) -> Histogram:
        return Histogram(name, text, registry=self.registry, buckets=_BUCKETS_SECONDS)
