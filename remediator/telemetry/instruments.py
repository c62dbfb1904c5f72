"""The instruments themselves: names, meanings, labels and buckets, in a registry that is passed in."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_STEP_BUCKETS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_INGEST_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5)
_INCIDENT_BUCKETS_SECONDS = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400)


class IngestInstruments:
    """What comes in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.deliveries = Counter(
            "remediator_deliveries_total",
            "Deliveries by what became of them.",
            ("source", "result"),
            registry=registry,
        )
        self.receipts = Counter(
            "remediator_receipts_total",
            "Alerts received, by what each did.",
            ("source", "status"),
            registry=registry,
        )
        self.duration = Histogram(
            "remediator_ingest_duration_seconds",
            "From a request to the webhook to its reply.",
            buckets=_INGEST_BUCKETS_SECONDS,
            registry=registry,
        )
        self.last_delivery = Gauge(
            "remediator_last_delivery_timestamp_seconds",
            "When a webhook delivery last came.",
            ("source",),
            registry=registry,
        )
        self.watchdog = Gauge(
            "remediator_watchdog_last_seen_timestamp_seconds",
            "When the Watchdog alert last came.",
            ("source",),
            registry=registry,
        )


class DecisionInstruments:
    """What is decided, by guards and by people."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.decisions = Counter(
            "remediator_decisions_total",
            "Decisions recorded.",
            ("policy", "outcome", "reason"),
            registry=registry,
        )
        self.guard_evaluations = Counter(
            "remediator_guard_evaluations_total",
            "Guards' verdicts in recorded decisions; error: it could not be evaluated.",
            ("guard", "verdict"),
            registry=registry,
        )
        self.schedule_missed = Counter(
            "remediator_schedule_missed_total",
            "Due times of a schedule that were not started, for the server was down.",
            ("policy",),
            registry=registry,
        )
        self.approvals = Counter(
            "remediator_approvals_total",
            "Votes, and requests for approval that expired or were cancelled.",
            ("verdict",),
            registry=registry,
        )


class RunInstruments:
    """What is done, and how long it takes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.runs = Counter(
            "remediator_runs_total",
            "Times that runs entered a state.",
            ("policy", "state"),
            registry=registry,
        )
        self.step_duration = Histogram(
            "remediator_step_duration_seconds",
            "Attempts of steps, by result.",
            ("action", "result"),
            buckets=_STEP_BUCKETS_SECONDS,
            registry=registry,
        )
        self.time_to_action = Histogram(
            "remediator_time_to_action_seconds",
            "From an episode's opening to its run's start.",
            buckets=_INCIDENT_BUCKETS_SECONDS,
            registry=registry,
        )
        self.time_to_recovery = Histogram(
            "remediator_time_to_recovery_seconds",
            "From an episode's opening to its run's success.",
            ("policy",),
            buckets=_INCIDENT_BUCKETS_SECONDS,
            registry=registry,
        )


class TellingInstruments:
    """Who is told, and whether it arrives."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.notifications = Counter(
            "remediator_notifications_total",
            "Notices sent, summarised (it goes in a summary), delayed (tried again) or failed (given up).",
            ("channel", "result"),
            registry=registry,
        )
        self.escalations = Counter(
            "remediator_escalations_total",
            "Contacts told, by why.",
            ("policy", "cause"),
            registry=registry,
        )


class StateInstruments:
    """How things stand now."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry)

        self.runs = gauge("remediator_runs_in_state", "Runs that are in a state now.", "state")
        self.leases_open = gauge("remediator_leases_open", "Temporary changes that stand.", "policy")
        self.degraded = gauge("remediator_degraded", "1 while a policy has a lease open.", "policy")
        self.audit_head = gauge("remediator_audit_head_sequence", "Sequence of the newest audit row.")
        self.audit_archived = gauge(
            "remediator_audit_archived_sequence", "Sequence of the newest audit row that was archived."
        )
        self.policies_refused = gauge(
            "remediator_policies_refused", "1 while the newest policy files are refused."
        )
        self.build = gauge("remediator_build_info", "Always 1; the version is its label.", "version")
