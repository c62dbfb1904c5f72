"""Why nothing was done, in words: one sentence for every reason."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from remediator.runs.reasons import Outcome, Reason

REASONS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.COOLDOWN: "it acted too short a time ago",
        Reason.RATE_LIMIT: "it acted as often as it may in this time",
        Reason.CONCURRENCY: "as many of its runs as may be are under way",
        Reason.PRECONDITION: "what its query must show does not hold",
        Reason.HOLD_PENDING: "the condition has to hold for longer",
        Reason.ALERT_NOT_ACTIVE: "an alert that must fire does not",
        Reason.OTHER_ALERT_FIRING: "an alert fires that must not",
        Reason.OUTSIDE_TIME_WINDOW: "it is outside the times when it may act",
        Reason.FAILURE_BREAKER_OPEN: "its runs kept failing, so its failure breaker is open",
        Reason.MAX_TARGETS: "it acts on as many targets as it may at once",
        Reason.HEALTHY_FLOOR: "too few others would be left healthy",
        Reason.LOOP: "the alert comes back again and again: acting does not help",
        Reason.TARGET_BUSY: "another run has its target, or something that it would touch",
        Reason.LEASE_HELD: "a temporary change of another run stands there",
        Reason.HELD: "a person has put a hold on it",
        Reason.SILENCED: "the alert is silenced or inhibited in Alertmanager",
        Reason.GLOBAL_LIMIT: "all policies together act as much as they may",
        Reason.STORM: "very many alerts come, and others matter more; it is looked at again afterwards",
        Reason.EPISODE_DONE: "it has done for this alert what it does; a person has to look",
        Reason.GUARD_ERROR: "a guard could not be evaluated, and then nothing is done",
        Reason.POLICY_OFF: "the policy is switched off",
        Reason.POLICY_REMOVED: "the policy is gone",
        Reason.TEMPLATE_ERROR: "one of its templates could not be rendered for this alert",
        Reason.NOT_CONFIGURED: "this server is not configured for any of its options",
        Reason.SETTLING: "it lets the alert settle first",
        Reason.REFUSED: "what it would do is outside the bounds of the inventory",
        Reason.RESOLVED: "the alert was over",
        Reason.RESOLVED_DURING_RUN: "the alert was over while it ran",
        Reason.CANCELLED: "a person cancelled it",
        Reason.PLAN_CHANGED: "the plan was another one by then, and is decided anew",
        Reason.NO_OPTION_APPLIES: "none of its options applies; a person has to look",
        Reason.STEP_FAILED: "a step failed",
        Reason.STEP_AMBIGUOUS: "nobody knows whether a step was done",
        Reason.VERIFICATION_FAILED: "it did not help, as far as its checks show",
        Reason.VERIFIED: "its checks hold",
        Reason.UNVERIFIED: "it has no checks",
        Reason.DENIED: "somebody who was asked said no",
        Reason.EXPIRED: "nobody who was asked answered in time",
        Reason.STOPPED_BY_HOLD: "a hold stopped it",
        Reason.CHANGED_SINCE: "somebody changed since what was to be undone",
        Reason.REVERTED: "it was undone",
        Reason.NOT_READY: "what must hold before undoing does not hold yet",
    }
)
OUTCOMES: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.NO_MATCH: "No policy matches this alert's labels",
        Outcome.PLANNED: "Nothing known stood against it; live questions came next",
        Outcome.RUN: "A run was started",
        Outcome.AWAITING_APPROVAL: "People were asked first",
        Outcome.SHADOW: "Nothing was done, since it only watches; it would have acted",
        Outcome.JOINED: "Another run serves the same target",
        Outcome.BLOCKED: "Nothing was done",
        Outcome.NOTHING_TO_DO: "It was due, and nothing had to be done",
    }
)


def sentence(outcome: str, reason: str | None) -> str:
    """Say in one sentence what was decided and why."""
    said = OUTCOMES[Outcome(outcome)]
    return f"{said}: {REASONS[Reason(reason)]}." if reason else f"{said}."
