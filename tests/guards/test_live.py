"""promql, alert_active and not_firing: what live answers decide, and that no answer denies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import nan
from typing import Any

import pytest
from pydantic import ValidationError

from remediator.guards.base import LookPhase
from remediator.guards.evaluate import evaluate_guards, queries_of
from remediator.policy.expressions import Scope
from remediator.runs.answers import AlertsQuery, Answer, PromQLQuery, Query, Sample
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import VerdictKind
from tests.guards.looks import NOW, ago, judge, look, use

ALLOW, DENY = VerdictKind.ALLOW, VerdictKind.DENY
BROKEN = PromQLQuery("broken > 0")
DATABASE = AlertsQuery((('alertname="DatabaseDown"',),))


def series(*values: float) -> Answer:
    return Answer(samples=tuple(Sample({"service": str(at)}, value) for at, value in enumerate(values)))


def scalar(value: float) -> Answer:
    return Answer(samples=(Sample({}, value),), scalar=True)


def firing(*names: str) -> Answer:
    return Answer(samples=tuple(Sample({"alertname": name}, 1.0) for name in names))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (series(1.0), ALLOW),
        (series(0.0), ALLOW),
        (series(nan), ALLOW),
        (series(), DENY),
        (scalar(2.0), ALLOW),
        (scalar(0.0), DENY),
        (scalar(-0.0), DENY),
        (scalar(nan), DENY),
    ],
)
def test_a_condition_holds_when_its_result_is_not_empty(answer: Answer, kind: VerdictKind) -> None:
    verdict = judge(use("promql", query="broken > 0"), look(answers={BROKEN: answer}))
    assert verdict.kind is kind
    assert verdict.met is (kind is ALLOW)
    assert kind is ALLOW or verdict.reason is Reason.PRECONDITION


@pytest.mark.parametrize(
    ("held_since", "kind", "until"),
    [
        (None, DENY, NOW + timedelta(seconds=10)),
        (ago(seconds=25), DENY, NOW + timedelta(seconds=5)),
        (ago(seconds=29.9), DENY, NOW + timedelta(seconds=0.1)),
        (ago(seconds=30), ALLOW, None),
    ],
)
def test_a_hold_has_to_last(held_since: datetime | None, kind: VerdictKind, until: datetime | None) -> None:
    since = {"0:promql": held_since} if held_since else {}
    verdict = judge(
        use("promql", query="broken > 0", hold="30s"), look(answers={BROKEN: series(1.0)}, held_since=since)
    )
    assert (verdict.kind, verdict.until, verdict.met) == (kind, until, True)
    assert kind is ALLOW or verdict.reason is Reason.HOLD_PENDING


@pytest.mark.parametrize(("hold", "seconds"), [("6s", 2), ("30s", 10), ("1h", 10)])
def test_a_hold_is_looked_at_thrice_and_at_least_every_ten_seconds(hold: str, seconds: int) -> None:
    verdict = judge(use("promql", query="broken > 0", hold=hold), look(answers={BROKEN: series(1.0)}))
    assert verdict.until == NOW + timedelta(seconds=seconds)


def test_a_hold_that_broke_is_a_precondition_that_is_not_met() -> None:
    seen = look(answers={BROKEN: series()}, held_since={"0:promql": ago(seconds=29)})
    verdict = judge(use("promql", query="broken > 0", hold="30s"), seen)
    assert (verdict.reason, verdict.met) == (Reason.PRECONDITION, False)


@pytest.mark.parametrize("phase", [LookPhase.ACTING, LookPhase.MANUAL])
def test_right_before_acting_one_look_suffices(phase: LookPhase) -> None:
    condition = use("promql", query="broken > 0", hold="30s")
    assert judge(condition, look(answers={BROKEN: series(1.0)}, phase=phase)).kind is ALLOW
    assert judge(condition, look(answers={BROKEN: series()}, phase=phase)).kind is DENY


def test_a_label_stays_a_value_in_a_query() -> None:
    condition = use("promql", query='up{job="{{ labels.job }}"}')
    scope = Scope(labels={"job": '"} or vector(1) #'})
    assert queries_of((condition,), scope) == (PromQLQuery('up{job="\\"} or vector(1) #"}'),)


@pytest.mark.parametrize(
    ("guard", "answer", "kind", "reason"),
    [
        ("not_firing", firing(), ALLOW, None),
        ("not_firing", firing("DatabaseDown"), DENY, Reason.OTHER_ALERT_FIRING),
        ("alert_active", firing("DatabaseDown"), ALLOW, None),
        ("alert_active", firing(), DENY, Reason.ALERT_NOT_ACTIVE),
    ],
)
def test_other_alerts(guard: str, answer: Answer, kind: VerdictKind, reason: Reason | None) -> None:
    verdict = judge(use(guard, alerts=["DatabaseDown"]), look(answers={DATABASE: answer}))
    assert (verdict.kind, verdict.reason) == (kind, reason)
    assert "DatabaseDown" in verdict.detail


@pytest.mark.parametrize(
    ("params", "any_of"),
    [
        ({"alerts": ["A", "B"]}, (('alertname="A"',), ('alertname="B"',))),
        ({"alerts": ['A"}']}, (('alertname="A\\"}"',),)),
        (
            {"matchers": ["severity=critical", 'team =~ "db|ops"']},
            (('severity="critical"', 'team=~"db|ops"'),),
        ),
    ],
)
def test_which_alerts_are_asked_about(params: dict[str, Any], any_of: tuple[tuple[str, ...], ...]) -> None:
    assert queries_of((use("not_firing", **params),), Scope()) == (AlertsQuery(any_of),)


@pytest.mark.parametrize(
    "params",
    [{}, {"alerts": ["A"], "matchers": ["a=b"]}, {"alerts": []}, {"matchers": ["a"]}, {"alerts": [""]}],
)
def test_alerts_are_named_in_exactly_one_way(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        use("alert_active", **params)


@pytest.mark.parametrize(
    ("name", "params", "query"),
    [
        ("promql", {"query": "broken > 0"}, BROKEN),
        ("promql", {"query": "broken > 0", "hold": "30s"}, BROKEN),
        ("not_firing", {"alerts": ["DatabaseDown"]}, DATABASE),
        ("alert_active", {"alerts": ["DatabaseDown"]}, DATABASE),
    ],
)
@pytest.mark.parametrize("phase", [LookPhase.ENTRY, LookPhase.ACTING, LookPhase.MANUAL])
def test_what_cannot_be_asked_denies_and_says_so(
    name: str, params: dict[str, Any], query: Query, phase: LookPhase
) -> None:
    failed: Mapping[Query, Answer] = {query: Answer(samples=(Sample({}, 1.0),), error="it did not answer")}
    verdict = judge(use(name, **params), look(answers=failed, phase=phase))
    assert (verdict.kind, verdict.reason) == (DENY, Reason.GUARD_ERROR)
    assert "it did not answer" in verdict.detail
    missing = judge(use(name, **params), look(answers={}, phase=phase))
    assert (missing.kind, missing.reason) == (DENY, Reason.GUARD_ERROR)


@pytest.mark.parametrize(
    ("name", "params"), [("promql", {"query": "broken > 0"}), ("not_firing", {"alerts": ["DatabaseDown"]})]
)
def test_at_admission_nothing_live_is_judged(name: str, params: dict[str, Any]) -> None:
    verdict = judge(use(name, **params), look(answers=None, phase=LookPhase.ADMISSION))
    assert (verdict.kind, verdict.met) == (VerdictKind.PENDING, None)


def test_a_template_that_cannot_be_rendered_denies_and_names_the_label() -> None:
    missing = use("promql", query='up{job="{{ labels.job }}"}')
    other = use("promql", query="broken > 0")
    assert queries_of((missing, other, other), Scope()) == (BROKEN,)
    known: tuple[Mapping[Query, Answer] | None, ...] = ({}, None)
    for answers in known:
        first, _ = evaluate_guards((missing, other), look(answers=answers))
        assert (first.kind, first.reason) == (DENY, Reason.TEMPLATE_ERROR)
        assert "job" in first.detail
