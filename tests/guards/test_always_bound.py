"""Holds, silences, locks and leases: what binds every policy, and what binds a person too."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from remediator.guards.base import LookPhase
from remediator.guards.catalog import always_bound, configurable_guards, lease_use
from remediator.guards.evaluate import (
    GuardUse,
    elsewhere_window,
    evaluate_guards,
    history_window,
    others_window,
)
from remediator.policy.expressions import Scope
from remediator.policy.model import Approval
from remediator.runs.history import History, Waiting
from remediator.runs.reasons import Reason
from remediator.runs.records import Claim, Hold, HoldScope, Lease
from remediator.runs.states import LeaseState
from remediator.runs.verdicts import VerdictKind
from remediator.settings import Limits
from tests.guards.looks import NOW, ago, judge, look, use

ALLOW, DENY = VerdictKind.ALLOW, VerdictKind.DENY
SOON = NOW + timedelta(minutes=5)


def bound(key: str) -> GuardUse:
    return next(one for one in always_bound(Limits()) if one.key == key)


def hold(scope: HoldScope, value: str = "", **changed: Any) -> Hold:
    given = {"id": 3, "reason": "deploying", "created_by": "ana", "created_at": NOW, "expires_at": None}
    return Hold(scope=scope, value=value, **{**given, **changed})


@pytest.mark.parametrize(
    ("holds", "kind", "until"),
    [
        ((), ALLOW, None),
        ((hold(HoldScope.ALL),), DENY, None),
        ((hold(HoldScope.POLICY, "fix"),), DENY, None),
        ((hold(HoldScope.POLICY, "pms"),), ALLOW, None),
        ((hold(HoldScope.TARGET, "pms"),), DENY, None),
        ((hold(HoldScope.TARGET, "fix"),), ALLOW, None),
        ((hold(HoldScope.ALL, expires_at=SOON),), DENY, SOON),
        ((hold(HoldScope.ALL, expires_at=SOON), hold(HoldScope.TARGET, "pms")), DENY, None),
        ((hold(HoldScope.ALL, expires_at=NOW),), ALLOW, None),
        ((hold(HoldScope.ALL, removed_at=NOW),), ALLOW, None),
    ],
)
def test_a_hold_pauses_what_it_covers(
    holds: tuple[Hold, ...], kind: VerdictKind, until: datetime | None
) -> None:
    verdict = judge(bound("hold"), look(History(holds=holds)))
    assert (verdict.kind, verdict.until) == (kind, until)
    if kind is DENY:
        assert verdict.reason is Reason.HELD
        assert "by ana: deploying" in verdict.detail


@pytest.mark.parametrize(
    ("suppressed", "kind", "reason"),
    [(False, ALLOW, None), (True, DENY, Reason.SILENCED), (None, DENY, Reason.GUARD_ERROR)],
)
def test_a_silenced_alert_is_left_alone(
    suppressed: bool | None, kind: VerdictKind, reason: Reason | None
) -> None:
    verdict = judge(bound("silenced"), look(suppressed=suppressed))
    assert (verdict.kind, verdict.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("resource", "run_id", "kind"),
    [
        ("target:pms", 9, DENY),
        ("docker:qloapps", 9, DENY),
        ("docker:mysql", 9, ALLOW),
        ("target:other", 9, ALLOW),
        ("target:pms", 4, ALLOW),
    ],
)
def test_a_lock_of_another_run_denies(resource: str, run_id: int, kind: VerdictKind) -> None:
    history = History(claims=(Claim(resource=resource, run_id=run_id, claimed_at=NOW),))
    seen = look(history, resources=("docker:qloapps",), run_id=4, phase=LookPhase.ACTING)
    verdict = judge(bound("target_lock"), seen)
    assert verdict.kind is kind
    if kind is DENY:
        assert verdict.reason is Reason.TARGET_BUSY
        assert verdict.detail == f"run 9 holds {resource}"


@pytest.mark.parametrize(
    ("labels", "priority", "phase", "kind"),
    [
        ({"severity": "critical"}, 100, LookPhase.ENTRY, ALLOW),
        ({"severity": "P1"}, 100, LookPhase.ENTRY, ALLOW),
        ({"severity": "warning"}, 100, LookPhase.ENTRY, DENY),
        ({"severity": "warning"}, 100, LookPhase.ADMISSION, DENY),
        ({}, 51, LookPhase.ENTRY, DENY),
        ({}, 50, LookPhase.ENTRY, ALLOW),
        # What was begun before it, or approved, goes on; a person may do what they will.
        ({}, 100, LookPhase.ACTING, ALLOW),
        ({}, 100, LookPhase.MANUAL, ALLOW),
    ],
)
def test_in_a_storm_only_what_matters_most_is_begun(
    labels: dict[str, str], priority: int, phase: LookPhase, kind: VerdictKind
) -> None:
    seen = look(History(storm_since=NOW), phase=phase, priority=priority, scope=Scope(labels=labels))
    verdict = judge(bound("storm"), seen)
    assert verdict.kind is kind
    assert kind is ALLOW or verdict.reason is Reason.STORM
    assert judge(bound("storm"), look(History(), phase=phase, scope=Scope(labels=labels))).kind is ALLOW


def waiting(admission_id: int, priority: int, minutes_ago: float, target: str = "pms") -> Waiting:
    return Waiting(admission_id, f"policy-{admission_id}", target, priority, ago(minutes=minutes_ago))


@pytest.mark.parametrize(
    ("others", "phase", "kind"),
    [
        ((waiting(2, 49, 1),), LookPhase.ENTRY, DENY),
        ((waiting(2, 49, 1, target="other"),), LookPhase.ENTRY, ALLOW),
        ((waiting(2, 51, 9),), LookPhase.ENTRY, ALLOW),
        # Among equals the older goes first; who does not wait yet is the youngest.
        ((waiting(2, 50, 1),), LookPhase.ENTRY, DENY),
        ((waiting(2, 50, 1),), LookPhase.ADMISSION, DENY),
        ((waiting(1, 50, 5), waiting(2, 50, 6)), LookPhase.ENTRY, DENY),
        ((waiting(1, 50, 5), waiting(2, 50, 4)), LookPhase.ENTRY, ALLOW),
        ((waiting(1, 50, 5), waiting(2, 50, 5)), LookPhase.ENTRY, ALLOW),
        # A run that was let through lets only better ones pass; a person does not queue.
        ((waiting(2, 50, 1),), LookPhase.ACTING, ALLOW),
        ((waiting(2, 49, 1),), LookPhase.ACTING, DENY),
        ((waiting(2, 49, 1),), LookPhase.MANUAL, ALLOW),
    ],
)
def test_the_better_one_goes_first(others: tuple[Waiting, ...], phase: LookPhase, kind: VerdictKind) -> None:
    verdict = judge(bound("target_lock"), look(History(waiting=others), phase=phase))
    assert verdict.kind is kind
    assert kind is ALLOW or verdict.reason is Reason.TARGET_BUSY


def test_of_all_who_wait_exactly_one_is_let_through() -> None:
    queue = (waiting(1, 50, 5), waiting(2, 50, 5), waiting(3, 20, 1), waiting(4, 20, 2))
    through = [
        one.admission_id
        for one in queue
        if judge(
            bound("target_lock"),
            look(History(waiting=queue), admission_id=one.admission_id, priority=one.priority),
        ).kind
        is ALLOW
    ]
    assert through == [4]


def lease(policy: str, attribute: str = "count") -> Lease:
    return Lease(
        resource="fly:agente",
        attribute=attribute,
        policy=policy,
        run_id=5,
        option="scale",
        position=0,
        action="fly.scale_count",
        params={},
        original=1,
        applied=3,
        state=LeaseState.OPEN,
        opened_at=NOW,
        expires_at=SOON,
    )


@pytest.mark.parametrize(
    ("held", "changes", "kind"),
    [
        (lease("also"), (("fly:agente", "count"),), DENY),
        (lease("also"), (("docker:x", "env"), ("fly:agente", "count")), DENY),
        (lease("also"), (("fly:agente", "memory"),), ALLOW),
        (lease("also"), (("fly:other", "count"),), ALLOW),
        (lease("also"), (), ALLOW),
        (lease("fix"), (("fly:agente", "count"),), ALLOW),
    ],
)
def test_what_another_policy_holds_is_not_changed(
    held: Lease, changes: tuple[tuple[str, str], ...], kind: VerdictKind
) -> None:
    verdict = judge(lease_use(), look(History(leases=(held,)), attributes=changes))
    assert verdict.kind is kind
    if kind is DENY:
        assert verdict.reason is Reason.LEASE_HELD
        assert "policy also (run 5) holds fly:agente/count until 2026-01-05T12:05:00Z" in verdict.detail


def test_approval_asks_with_what_the_policy_says() -> None:
    verdict = judge(use("approval", from_=["oncall", "leads"], count=2, expires="15m"), look())
    assert verdict.kind is VerdictKind.ASK
    assert verdict.approval == Approval.model_validate(
        {"from": ["oncall", "leads"], "count": 2, "expires": "15m"}
    )
    assert verdict.detail == "needs 2 of oncall, leads within 15m"


def test_what_binds_runs_by_hand() -> None:
    guards = [*configurable_guards().values(), *(one.guard for one in (*always_bound(Limits()), lease_use()))]
    assert {guard.name for guard in guards if guard.by_hand} == {
        "hold",
        "target_lock",
        "lease",
        "approval",
        "max_targets",
        "healthy_floor",
    }


def test_all_guards_are_evaluated_in_order_whatever_the_first_says() -> None:
    uses = (*always_bound(Limits()), use("cooldown", for_="15m"))
    verdicts = evaluate_guards(uses, look(History(holds=(hold(HoldScope.ALL),))))
    assert [(one.guard, one.kind) for one in verdicts] == [
        ("hold", DENY),
        ("silenced", ALLOW),
        ("storm", ALLOW),
        ("target_lock", ALLOW),
        ("global_limits", ALLOW),
        ("cooldown", ALLOW),
    ]


@pytest.mark.parametrize(
    ("uses", "window"),
    [
        ((), timedelta(minutes=1)),
        (always_bound(Limits()), timedelta(minutes=1)),
        ((use("cooldown", for_="10s"),), timedelta(minutes=1)),
        ((use("rate_limit", max=1, per="24h"), use("cooldown", for_="15m")), timedelta(hours=24)),
    ],
)
def test_history_reaches_back_as_far_as_the_longest_look(
    uses: tuple[GuardUse, ...], window: timedelta
) -> None:
    assert history_window(uses) == window


@pytest.mark.parametrize(
    ("guards", "window"),
    [
        ((use("rate_limit", max=1, per="24h"),), timedelta(minutes=1)),
        ((use("healthy_floor", query="up", min=1, lag="5m"),), timedelta(minutes=1)),
        ((use("healthy_floor", query="up", min=1, lag="5m", scope="all"),), timedelta(minutes=5)),
    ],
)
def test_of_other_policies_only_what_a_guard_counts_is_looked_at(
    guards: tuple[GuardUse, ...], window: timedelta
) -> None:
    assert others_window((*always_bound(Limits()), *guards)) == window


@pytest.mark.parametrize(
    ("guards", "window"),
    [
        ((use("rate_limit", max=1, per="24h", scope="target"),), timedelta(minutes=1)),
        ((use("rate_limit", max=1, per="24h"),), timedelta(hours=24)),
        ((use("cooldown", **{"for": "2h"}),), timedelta(minutes=1)),
        ((use("cooldown", **{"for": "2h", "scope": "policy"}),), timedelta(hours=2)),
        ((use("loop", per="1h", cool_off="1h"),), timedelta(minutes=1)),
    ],
)
def test_of_other_targets_only_what_a_guard_counts_is_looked_at(
    guards: tuple[GuardUse, ...], window: timedelta
) -> None:
    assert elsewhere_window((*always_bound(Limits()), *guards)) == window
