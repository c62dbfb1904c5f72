"""Remediator's own metrics, fed from committed audit rows: what is counted is what was written down.

Label values are bounded: names from the configuration and enums. Anything else counts as `other`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson
from prometheus_client import CollectorRegistry

from remediator.alerts import AlertStatus, Payload
from remediator.labels import ALERTNAME
from remediator.runs.audit import AuditAction, AuditRow
from remediator.runs.machine import RunEvent
from remediator.runs.reasons import Reason
from remediator.runs.states import RunKind, RunState
from remediator.runs.verdicts import VerdictKind
from remediator.telemetry.instruments import (
    DecisionInstruments,
    IngestInstruments,
    RunInstruments,
    StateInstruments,
    TellingInstruments,
)
from remediator.telemetry.outstanding import Outstanding
from remediator.telemetry.standing import StandingGauges

OTHER = "other"
WATCHDOG = "Watchdog"
"""The alert that always fires, by which a silent Prometheus is noticed."""

_RECEIPT_STATUSES = ("opened", "repeated", "closed", "late", "quarantined")


class DeliveryResult(StrEnum):
    """What became of one POST, or of one poll that found something."""

    ACCEPTED = "accepted"
    POLLED = "polled"
    REFUSED = "refused"
    UNAUTHORIZED = "unauthorized"
    TOO_LARGE = "too_large"
    UNAVAILABLE = "unavailable"


class Metrics:
    """All metrics, in a registry that is passed in.

    Policy names become known from the audit row that says which policies serve.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        version: str,
        sources: Iterable[str],
        actions: Iterable[str],
        guards: Iterable[str],
        channels: Iterable[str] = (),
    ) -> None:
        self._sources = frozenset(sources)
        self._actions = frozenset(actions)
        self._guards = frozenset(guards)
        self._channels = frozenset(channels)
        self._policies: frozenset[str] = frozenset()
        self._ingest = IngestInstruments(registry)
        self._decided = DecisionInstruments(registry)
        self._done = RunInstruments(registry)
        self._told = TellingInstruments(registry)
        self._now = StateInstruments(registry)
        self._standing = StandingGauges(registry)
        self._now.build.labels(version).set(1)
        self._deliveries = {
            (source, polled): self._ingest.deliveries.labels(source, result)
            for source in (*self._sources, OTHER)
            for polled, result in ((False, DeliveryResult.ACCEPTED), (True, DeliveryResult.POLLED))
        }
        # Shown as 0 from the start, and found at once for each delivery.
        self._receipts = {
            (source, status): self._ingest.receipts.labels(source, status)
            for source in (*self._sources, OTHER)
            for status in _RECEIPT_STATUSES
        }
        self._handlers: Mapping[str, Callable[[AuditRow, dict[str, Any]], None]] = {
            AuditAction.DELIVERY_ACCEPTED: self._delivery_accepted,
            AuditAction.DELIVERY_REFUSED: self._delivery_refused,
            AuditAction.DECISION: self._decision,
            AuditAction.RUN_CREATED: self._run_created,
            AuditAction.RUN_STATE: self._run_state,
            AuditAction.STEP_RESULT: self._step,
            AuditAction.STEP_AMBIGUOUS: self._step,
            AuditAction.APPROVAL_VOTED: self._vote,
            AuditAction.APPROVAL_EXPIRED: self._approval_end,
            AuditAction.APPROVAL_CANCELLED: self._approval_end,
            AuditAction.SCHEDULE_MISSED: self._schedule_missed,
            AuditAction.ESCALATION_TOLD: self._escalation,
            AuditAction.NOTICE_SENT: self._notice,
            AuditAction.NOTICE_SUMMARISED: self._notice,
            AuditAction.NOTICE_DELAYED: self._notice,
            AuditAction.NOTICE_FAILED: self._notice,
            AuditAction.POLICIES_LOADED: self._policies_loaded,
            AuditAction.POLICIES_REFUSED: self._policies_refused,
        }

    @property
    def counted(self) -> frozenset[str]:
        """The audit actions that feed a metric of their own."""
        return frozenset(self._handlers)

    def on_commit(self, rows: Sequence[AuditRow]) -> None:
        """Count what was committed; for `Store.on_commit`."""
        for row in rows:
            handler = self._handlers.get(row.action)
            if handler is not None:
                handler(row, orjson.loads(row.detail))
        if rows:
            self._now.audit_head.set(rows[-1].sequence)

    def set_counts(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Set the gauges from `Reads.counts()`: at the start, and whenever somebody asks for metrics."""
        in_state = counts.get("runs_in_state", {})
        for state in RunState:
            self._now.runs.labels(state).set(in_state.get(state, 0))
        leases = counts.get("leases_open", {})
        for policy in self._policies | leases.keys():
            # A policy that is gone may still have a lease: the store's names are bounded too.
            self._now.leases_open.labels(policy).set(leases.get(policy, 0))
            self._now.degraded.labels(policy).set(1 if leases.get(policy, 0) else 0)
        log = counts.get("audit", {})
        self._now.audit_head.set(log.get("head", 0))
        self._now.audit_archived.set(log.get("archived", 0))

    def set_unready(self, reasons: Collection[str]) -> None:
        """Set why the server is not ready; nothing when it is."""
        self._standing.show_readiness(reasons)

    def set_outstanding(self, outstanding: Outstanding) -> None:
        """Set what waits or lags."""
        self._standing.show_outstanding(outstanding)

    def observe_ingest(self, duration: timedelta) -> None:
        """Note how long one request to the webhook took, whatever the reply."""
        self._ingest.duration.observe(duration.total_seconds())

    def refused_delivery(self, source: str, result: DeliveryResult) -> None:
        """Count a delivery that left no audit row: turned away before it was read, or not committed."""
        self._ingest.deliveries.labels(self._known(source, self._sources), result).inc()

    def observe_payload(self, source: str, payload: Payload, at: datetime) -> None:
        """Note whether the Watchdog alert is in a delivery."""
        for alert in payload.alerts:
            if alert.labels.get(ALERTNAME) == WATCHDOG and alert.status is AlertStatus.FIRING:
                self._ingest.watchdog.labels(self._known(source, self._sources)).set(at.timestamp())

    def _known(self, name: str | None, known: frozenset[str]) -> str:
        return name if name in known else OTHER

    def _policy(self, row: AuditRow) -> str:
        return "" if row.policy is None else self._known(row.policy, self._policies)

    def _delivery_accepted(self, row: AuditRow, detail: dict[str, Any]) -> None:
        source = self._known(row.source, self._sources)
        polled = detail.get("origin") == "poll"
        self._deliveries[source, polled].inc()
        for status in _RECEIPT_STATUSES:
            count = int(detail.get(status, 0))
            if count:
                self._receipts[source, status].inc(count)
        if not polled:
            self._ingest.last_delivery.labels(source).set(datetime.fromisoformat(row.at).timestamp())

    def _delivery_refused(self, row: AuditRow, _: dict[str, Any]) -> None:
        self._ingest.deliveries.labels(self._known(row.source, self._sources), DeliveryResult.REFUSED).inc()

    def _decision(self, row: AuditRow, detail: dict[str, Any]) -> None:
        self._decided.decisions.labels(self._policy(row), detail["outcome"], detail.get("reason") or "").inc()
        for verdict in detail.get("verdicts", ()):
            # A guard that could not be evaluated shows as such, not as one more denial.
            kind = "error" if verdict.get("reason") == Reason.GUARD_ERROR else VerdictKind(verdict["kind"])
            self._decided.guard_evaluations.labels(self._known(verdict["guard"], self._guards), kind).inc()

    def _run_created(self, row: AuditRow, detail: dict[str, Any]) -> None:
        first = RunState.REVERTING if "reverts" in detail else RunState.PLANNED
        self._done.runs.labels(self._policy(row), first).inc()

    def _run_state(self, row: AuditRow, detail: dict[str, Any]) -> None:
        if detail["from"] != detail["to"]:
            self._done.runs.labels(self._policy(row), RunState(detail["to"])).inc()
        seconds = detail.get("seconds_since_opened")
        if seconds is None or detail.get("kind") != RunKind.REMEDIATION:
            return
        if detail.get("event") == RunEvent.START:
            self._done.time_to_action.observe(seconds)
        elif detail["to"] == RunState.SUCCEEDED:
            self._done.time_to_recovery.labels(self._policy(row)).observe(seconds)

    def _step(self, _: AuditRow, detail: dict[str, Any]) -> None:
        if "duration_seconds" in detail:
            labels = (self._known(detail["action"], self._actions), detail["status"])
            self._done.step_duration.labels(*labels).observe(detail["duration_seconds"])

    def _vote(self, _: AuditRow, detail: dict[str, Any]) -> None:
        self._decided.approvals.labels(detail["verdict"]).inc()

    def _approval_end(self, row: AuditRow, _: dict[str, Any]) -> None:
        self._decided.approvals.labels(row.action.removeprefix("approval.")).inc()

    def _schedule_missed(self, row: AuditRow, detail: dict[str, Any]) -> None:
        self._decided.schedule_missed.labels(self._policy(row)).inc(detail["count"])

    def _escalation(self, row: AuditRow, detail: dict[str, Any]) -> None:
        self._told.escalations.labels(self._policy(row), detail["cause"]).inc()

    def _notice(self, row: AuditRow, detail: dict[str, Any]) -> None:
        result = row.action.removeprefix("notice.")
        self._told.notifications.labels(self._known(detail["channel"], self._channels), result).inc()

    def _policies_loaded(self, _: AuditRow, detail: dict[str, Any]) -> None:
        self._policies = frozenset(detail.get("policies", ()))
        self._now.policies_refused.set(0)

    def _policies_refused(self, _: AuditRow, __: dict[str, Any]) -> None:
        self._now.policies_refused.set(1)
