"""What every guard owes: words for the documentation, JSON for the record."""

from __future__ import annotations

import json
from math import inf, nan

import pytest
from pydantic import BaseModel

from remediator.guards.base import Guard
from remediator.guards.catalog import always_bound, configurable_guards, lease_use
from remediator.guards.evaluate import GuardUse, evaluate_guards
from remediator.policy.model import Approval
from remediator.runs.answers import AlertsQuery, Answer, PromQLQuery, Sample
from remediator.runs.history import History, LiveRun
from remediator.runs.states import RunState
from remediator.settings import Limits
from tests.guards.looks import ago, finish, look, start, use

GUARDS = configurable_guards()


@pytest.mark.parametrize("guard", GUARDS.values(), ids=GUARDS.keys())
def test_guards_and_their_parameters_are_described(guard: Guard[BaseModel]) -> None:
    assert guard.summary.endswith(".")
    described = {
        name: info.description
        for name, info in guard.params.model_fields.items()
        if guard.params is not Approval
    }
    assert all(described.values()), described


def test_verdicts_hold_nothing_but_json() -> None:
    odd = Answer(samples=(Sample({"a": "b"}, nan), Sample({}, inf)))
    uses: tuple[GuardUse, ...] = (
        *always_bound(Limits()),
        lease_use(),
        use("cooldown", for_="1h"),
        use("rate_limit", max=1, per="1h"),
        use("concurrency", max=1),
        use("promql", query="x", hold="30s"),
        use("alert_active", alerts=["A"]),
        use("not_firing", matchers=["a=b"]),
        use("time_window", days="sun"),
        use("approval", from_=["oncall"]),
        use("failure_breaker", failures=1, per="1h", cool_off="1h"),
        use("max_targets", max=1),
        use("max_targets", share=0.5, of="x"),
        use("healthy_floor", query="x", min=1),
        use("loop"),
    )
    history = History(
        starts=(start(ago(minutes=1)),),
        finishes=(finish(ago(minutes=1)),),
        live=(LiveRun(1, "fix", "pms", RunState.RUNNING),),
    )
    answers = {
        PromQLQuery("x"): odd,
        AlertsQuery((('alertname="A"',),)): odd,
        AlertsQuery((('a="b"',),)): odd,
    }
    for seen in (look(history, answers=answers), look(answers=answers), look(answers={})):
        for verdict in evaluate_guards(uses, seen):
            json.dumps(dict(verdict.inputs), allow_nan=False)
            assert verdict.detail
