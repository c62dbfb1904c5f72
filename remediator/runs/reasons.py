"""Why something happened: enums, never prose."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What a decision says of one policy and one episode."""

    NO_MATCH = "no_match"
    PLANNED = "planned"
    RUN = "run"
    AWAITING_APPROVAL = "awaiting_approval"
    SHADOW = "shadow"
    JOINED = "joined"
    BLOCKED = "blocked"
    NOTHING_TO_DO = "nothing_to_do"
    """A schedule was due, and none of its options was asked for."""


class Reason(StrEnum):
    """Why a decision blocked, or a run ended as it did."""

    # a guard denies
    COOLDOWN = "cooldown"
    RATE_LIMIT = "rate_limit"
    CONCURRENCY = "concurrency"
    PRECONDITION = "precondition"
    HOLD_PENDING = "hold_pending"
    ALERT_NOT_ACTIVE = "alert_not_active"
    OTHER_ALERT_FIRING = "other_alert_firing"
    OUTSIDE_TIME_WINDOW = "outside_time_window"
    FAILURE_BREAKER_OPEN = "failure_breaker_open"
    MAX_TARGETS = "max_targets"
    HEALTHY_FLOOR = "healthy_floor"
    LOOP = "loop"
    TARGET_BUSY = "target_busy"
    LEASE_HELD = "lease_held"
    HELD = "held"
    SILENCED = "silenced"
    GLOBAL_LIMIT = "global_limit"
    STORM = "storm"
    EPISODE_DONE = "episode_done"
    GUARD_ERROR = "guard_error"
    # the policy does not allow or fit
    POLICY_OFF = "policy_off"
    POLICY_REMOVED = "policy_removed"
    TEMPLATE_ERROR = "template_error"
    NOT_CONFIGURED = "not_configured"
    SETTLING = "settling"
    REFUSED = "refused"
    """A rendered value is outside the inventory's bounds."""
    # how a run ended
    RESOLVED = "resolved"
    RESOLVED_DURING_RUN = "resolved_during_run"
    CANCELLED = "cancelled"
    PLAN_CHANGED = "plan_changed"
    NO_OPTION_APPLIES = "no_option_applies"
    STEP_FAILED = "step_failed"
    STEP_AMBIGUOUS = "step_ambiguous"
    VERIFICATION_FAILED = "verification_failed"
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    DENIED = "denied"
    EXPIRED = "expired"
    STOPPED_BY_HOLD = "stopped_by_hold"
    # how a revert ended
    CHANGED_SINCE = "changed_since"
    REVERTED = "reverted"
    NOT_READY = "not_ready"


class CloseReason(StrEnum):
    """Why an episode is closed."""

    RESOLVED = "resolved"
    VANISHED = "vanished"
    PRESUMED_RESOLVED = "presumed_resolved"
    SCHEDULE_OVER = "schedule_over"
    """What a schedule started has come to its end, or is not needed any more."""
