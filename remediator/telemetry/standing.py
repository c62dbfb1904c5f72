"""Gauges of how things stand, set whenever somebody asks for metrics: readiness, and what waits or lags."""

from __future__ import annotations

from collections.abc import Collection

from prometheus_client import CollectorRegistry, Gauge

from remediator.engine.readiness import Unready
from remediator.telemetry.outstanding import Outstanding


class StandingGauges:
    """The gauges, in a registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry)

        self._ready = gauge("remediator_ready", "1 while the server does its work, as /health/ready says.")
        self._unready = gauge("remediator_unready", "1 while a reason against being ready holds.", "reason")
        self._quiet = gauge(
            "remediator_run_quiet_seconds",
            "The longest time since anything was written down about a run that is in a state.",
            "state",
        )
        self._approval_expires_in = gauge(
            "remediator_approval_expires_in_seconds",
            "Until the next pending request for approval expires; only policies that ask.",
            "policy",
        )
        self._leases_overdue = gauge(
            "remediator_leases_overdue", "Temporary changes that were to be given back by now.", "policy"
        )

        self._storm = gauge(
            "remediator_storm", "1 while only what matters most is acted on, in a storm of alerts."
        )

    def show_readiness(self, reasons: Collection[str]) -> None:
        """Set why the server is not ready, if it is not."""
        self._ready.set(0 if reasons else 1)
        for reason in Unready:
            self._unready.labels(reason).set(1 if reason in reasons else 0)

    def show_outstanding(self, now: Outstanding) -> None:
        """Set what waits or lags."""
        for state, longest in now.quiet.items():
            self._quiet.labels(state).set(longest.total_seconds())
        self._approval_expires_in.clear()
        for policy, left in now.approval_expires_in.items():
            self._approval_expires_in.labels(policy).set(left.total_seconds())
        self._leases_overdue.clear()
        for policy, count in now.leases_overdue.items():
            self._leases_overdue.labels(policy).set(count)
        self._storm.set(1 if now.storm else 0)
