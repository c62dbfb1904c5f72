"""What a backtest knows of guards: else it looks at everything that is blocked at every recheck."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remediator.authoring.backtest.dormancy import may_be_outlooked
from remediator.authoring.backtest.ledger import Ledger
from remediator.engine.capabilities import PreparedPolicy, prepare
from remediator.runs.history import Finish, Start
from remediator.runs.states import RunState
from remediator.settings import Limits
from tests.authoring.backtest.replays import START, capabilities_for, load, settings_with

POLICY = """
policy: one
match: ['alertname = "Broken"']
target: 'thing/{{ labels.thing }}'
guards: GUARDS
options:
  - name: act
    steps: [{uses: http.request, with: {service: a, path: /x, method: POST}}]
"""


def prepared_with(guards: str) -> PreparedPolicy:
    settings = settings_with()
    policies = load(settings, POLICY.replace("GUARDS", guards))
    return prepare(policies.policies["one"], capabilities_for(settings))


def test_the_guards_that_always_bind_are_known() -> None:
    assert may_be_outlooked(prepared_with("[]"))


@pytest.mark.parametrize(("lag", "ago", "seen"), [(1, 2, False), (5, 2, True), (5, 6, False)])
def test_others_count_as_far_back_as_a_guard_says(lag: int, ago: int, seen: bool) -> None:
    prepared, farther = (
        prepared_with(f"[{{healthy_floor: {{query: sum(up), min: 1, scope: all, lag: {minutes}m}}}}]")
        for minutes in (lag, 10)
    )
    ledger = Ledger(Limits(), [prepared, farther])
    at = START - timedelta(minutes=ago)
    start = Start(at, "other", "thing/x", 1)
    finish = Finish(at, "other", "thing/x", 1, RunState.SUCCEEDED)
    ledger.earlier([start], [finish])
    history = ledger.history(START, prepared, "thing/y", shadow=False)
    assert (history.starts, history.finishes) == (((start,), (finish,)) if seen else ((), ()))
