"""Metrics are fed from committed audit rows; their label values are bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from remediator.alerts import Alert, AlertStatus, Payload
from remediator.runs.audit import AuditAction
from remediator.runs.states import RunState
from remediator.telemetry.metrics import DeliveryResult, Metrics
from tests.telemetry.rows import AT, row

Labels = dict[str, str]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    made = Metrics(
        registry, version="9.9", sources=["default"], actions=["docker.restart"], guards=["cooldown"]
    )
    made.on_commit([row(AuditAction.POLICIES_LOADED, detail={"policies": {"pms": "ab12"}})])
    return made


def decision(**detail: Any) -> dict[str, Any]:
    return {"outcome": "blocked", "reason": "cooldown", "verdicts": [], **detail}


def moved(before: str, after: str, **detail: Any) -> dict[str, Any]:
    return {"from": before, "to": after, "event": "start", "kind": "remediation", **detail}


DELIVERY = {"origin": "webhook", "opened": 2, "repeated": 1, "closed": 0, "late": 0, "quarantined": 1}


@pytest.mark.parametrize(
    ("action", "ids", "detail", "name", "labels", "value"),
    [
        pytest.param(
            AuditAction.DELIVERY_ACCEPTED, {"source": "default"}, DELIVERY,
            "remediator_deliveries_total", {"source": "default", "result": "accepted"}, 1, id="delivery",
        ),
        pytest.param(
            AuditAction.DELIVERY_ACCEPTED, {"source": "default"}, DELIVERY,
            "remediator_receipts_total", {"source": "default", "status": "opened"}, 2, id="receipts",
        ),
        pytest.param(
            AuditAction.DELIVERY_ACCEPTED, {"source": "default"}, DELIVERY,
            "remediator_last_delivery_timestamp_seconds", {"source": "default"}, AT.timestamp(), id="last",
        ),
        pytest.param(
            AuditAction.DELIVERY_ACCEPTED, {"source": "default"}, {**DELIVERY, "origin": "poll"},
            "remediator_last_delivery_timestamp_seconds", {"source": "default"}, None,
            id="a-poll-is-no-delivery-of-alertmanager",
        ),
        pytest.param(
            AuditAction.DELIVERY_ACCEPTED, {"source": "made-up"}, DELIVERY,
            "remediator_deliveries_total", {"source": "other", "result": "accepted"}, 1, id="unknown-source",
        ),
        pytest.param(
            AuditAction.DELIVERY_REFUSED, {"source": "default"}, {},
            "remediator_deliveries_total", {"source": "default", "result": "refused"}, 1, id="refused",
        ),
        pytest.param(
            AuditAction.DECISION, {"policy": "pms"}, decision(),
            "remediator_decisions_total", {"policy": "pms", "outcome": "blocked", "reason": "cooldown"}, 1,
            id="decision",
        ),
        pytest.param(
            AuditAction.DECISION, {}, decision(outcome="no_match", reason=None),
            "remediator_decisions_total", {"policy": "", "outcome": "no_match", "reason": ""}, 1,
            id="no-policy",
        ),
        pytest.param(
            AuditAction.DECISION, {"policy": "gone"}, decision(),
            "remediator_decisions_total", {"policy": "other", "outcome": "blocked", "reason": "cooldown"}, 1,
            id="unknown-policy",
        ),
        pytest.param(
            AuditAction.DECISION, {"policy": "pms"},
            decision(verdicts=[{"guard": "cooldown", "kind": "deny", "reason": "cooldown"}]),
            "remediator_guard_evaluations_total", {"guard": "cooldown", "verdict": "deny"}, 1, id="guard",
        ),
        pytest.param(
            AuditAction.DECISION, {"policy": "pms"},
            decision(verdicts=[{"guard": "cooldown", "kind": "deny", "reason": "guard_error"}]),
            "remediator_guard_evaluations_total", {"guard": "cooldown", "verdict": "error"}, 1,
            id="guard-that-could-not-be-evaluated",
        ),
        pytest.param(
            AuditAction.RUN_CREATED, {"policy": "pms"}, {"option": "x"},
            "remediator_runs_total", {"policy": "pms", "state": "planned"}, 1, id="run",
        ),
        pytest.param(
            AuditAction.RUN_CREATED, {"policy": "pms"}, {"reverts": 3},
            "remediator_runs_total", {"policy": "pms", "state": "reverting"}, 1, id="revert-run",
        ),
        pytest.param(
            AuditAction.RUN_STATE, {"policy": "pms"}, moved("planned", "running"),
            "remediator_runs_total", {"policy": "pms", "state": "running"}, 1, id="state",
        ),
        pytest.param(
            AuditAction.RUN_STATE, {"policy": "pms"}, moved("running", "running", event="next_option"),
            "remediator_runs_total", {"policy": "pms", "state": "running"}, None, id="same-state",
        ),
        pytest.param(
            AuditAction.RUN_STATE, {"policy": "pms"}, moved("planned", "running", seconds_since_opened=7.5),
            "remediator_time_to_action_seconds_sum", {}, 7.5, id="time-to-action",
        ),
        pytest.param(
            AuditAction.RUN_STATE, {"policy": "pms"},
            moved("verifying", "succeeded", event="succeed", seconds_since_opened=60),
            "remediator_time_to_recovery_seconds_sum", {"policy": "pms"}, 60, id="time-to-recovery",
        ),
        pytest.param(
            AuditAction.RUN_STATE, {"policy": "pms"},
            moved("planned", "running", kind="revert", seconds_since_opened=60),
            "remediator_time_to_action_seconds_count", {}, 0, id="a-revert-is-no-action-on-the-alert",
        ),
        pytest.param(
            AuditAction.STEP_RESULT, {"policy": "pms"},
            {"action": "docker.restart", "status": "succeeded", "duration_seconds": 3.5},
            "remediator_step_duration_seconds_sum", {"action": "docker.restart", "result": "succeeded"}, 3.5,
            id="step",
        ),
        pytest.param(
            AuditAction.STEP_AMBIGUOUS, {"policy": "pms"},
            {"action": "made.up", "status": "ambiguous", "duration_seconds": 1},
            "remediator_step_duration_seconds_count", {"action": "other", "result": "ambiguous"}, 1,
            id="unknown-action",
        ),
        pytest.param(
            AuditAction.APPROVAL_VOTED, {}, {"verdict": "denied"},
            "remediator_approvals_total", {"verdict": "denied"}, 1, id="vote",
        ),
        pytest.param(
            AuditAction.APPROVAL_EXPIRED, {}, {},
            "remediator_approvals_total", {"verdict": "expired"}, 1, id="expired",
        ),
        pytest.param(
            AuditAction.POLICIES_REFUSED, {}, {}, "remediator_policies_refused", {}, 1, id="refused-policies",
        ),
    ],
)  # fmt: skip
def test_a_row_is_counted(
    metrics: Metrics,
    registry: CollectorRegistry,
    action: AuditAction,
    ids: dict[str, Any],
    detail: dict[str, Any],
    name: str,
    labels: Labels,
    value: float | None,
) -> None:
    metrics.on_commit([row(action, detail=detail, **ids)])
    assert registry.get_sample_value(name, labels) == value


def test_every_audit_action_is_taken_without_an_error(metrics: Metrics, registry: CollectorRegistry) -> None:
    uncounted = set(AuditAction) - set(metrics.counted)
    metrics.on_commit([row(action, sequence=40 + at) for at, action in enumerate(sorted(uncounted))])
    assert registry.get_sample_value("remediator_audit_head_sequence") == 39 + len(uncounted)


def test_gauges_follow_the_stores_counts(metrics: Metrics, registry: CollectorRegistry) -> None:
    metrics.set_counts(
        {"runs_in_state": {"running": 2}, "leases_open": {"pms": 1}, "audit": {"head": 12, "archived": 5}}
    )
    assert registry.get_sample_value("remediator_runs_in_state", {"state": "running"}) == 2
    assert registry.get_sample_value("remediator_degraded", {"policy": "pms"}) == 1
    assert registry.get_sample_value("remediator_audit_head_sequence") == 12
    assert registry.get_sample_value("remediator_audit_archived_sequence") == 5

    metrics.set_counts({"runs_in_state": {}, "leases_open": {}, "audit": {"head": 13}})
    assert registry.get_sample_value("remediator_runs_in_state", {"state": "running"}) == 0
    assert registry.get_sample_value("remediator_leases_open", {"policy": "pms"}) == 0
    assert registry.get_sample_value("remediator_degraded", {"policy": "pms"}) == 0


def test_every_state_has_a_gauge_from_the_start(metrics: Metrics, registry: CollectorRegistry) -> None:
    metrics.set_counts({})
    assert all(
        registry.get_sample_value("remediator_runs_in_state", {"state": state}) == 0 for state in RunState
    )


@pytest.mark.parametrize(("status", "seen"), [(AlertStatus.FIRING, True), (AlertStatus.RESOLVED, False)])
def test_the_watchdog_counts_as_seen_only_while_it_fires(
    metrics: Metrics, registry: CollectorRegistry, status: AlertStatus, seen: bool
) -> None:
    alert = Alert(
        status=status,
        labels={"alertname": "Watchdog"},
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
        fingerprint="f",
    )
    payload = Payload(receiver="r", group_key="g", truncated_alerts=0, alerts=(alert,), bad=())
    metrics.observe_payload("default", payload, AT)
    value = registry.get_sample_value(
        "remediator_watchdog_last_seen_timestamp_seconds", {"source": "default"}
    )
    assert value == (AT.timestamp() if seen else None)


def test_what_left_no_row_is_counted_directly(metrics: Metrics, registry: CollectorRegistry) -> None:
    metrics.refused_delivery("default", DeliveryResult.UNAVAILABLE)
    metrics.observe_ingest(timedelta(milliseconds=1500))
    labels = {"source": "default", "result": "unavailable"}
    assert registry.get_sample_value("remediator_deliveries_total", labels) == 1
    assert registry.get_sample_value("remediator_ingest_duration_seconds_sum") == 1.5
    assert registry.get_sample_value("remediator_build_info", {"version": "9.9"}) == 1
