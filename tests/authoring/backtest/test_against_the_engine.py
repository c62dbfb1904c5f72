"""A backtest decides what the engine itself decides, in virtual time, on the same alerts.

Where one lock or cap frees an admission and a run that waits at the very same moment, the engine's order is
that in which its tasks get their answers, here and in a server. A backtest has one order: first what is
decided, then what starts. So the policies ask one question each, caps are out of the way, and the examples
are the same each time.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from remediator.authoring.backtest.assumptions import Assumptions
from tests.authoring.backtest.live import live
from tests.authoring.backtest.replays import EMPTY, HOLDS, Event, fire, paths, replay, resolve, settings_with

POLICIES = (
    """
policy: cooling
match: ['alertname =~ "Broken|Slow"']
target: 'thing/{{ labels.thing }}'
recheck: 1m
guards:
  - cooldown: {for: 7m}
  - rate_limit: {max: 3, per: 40m}
  - promql: {query: 'bad{thing="{{ labels.thing }}"} > 0'}
again: {after: 3m, max: 2}
options:
  - name: act
    steps: [{uses: http.request, with: {service: a, path: /x, method: POST}}, {uses: wait, with: {for: 50s}}]
""",
    """
policy: careful
match: ['alertname = "Broken"']
target: 'thing/{{ labels.thing }}'
priority: 10
recheck: 20s
guards:
  - promql: {query: 'worse > 0', hold: 25s}
  - time_window: {days: mon-fri, from: "12:10", to: "13:40", timezone: UTC}
  - concurrency: {max: 1, scope: global}
options:
  - name: act
    steps: [{uses: http.request, with: {service: b, path: /x, method: POST}}, {uses: wait, with: {for: 90s}}]
    verify: {promql: ok, within: 30s, every: 5s, stable_for: 10s}
""",
    """
policy: asking
match: ['alertname =~ "Slow|Down"']
target: 'asked/{{ labels.thing }}'
settle: 15s
recheck: 30s
guards:
  - promql: {query: 'worse > 0'}
  - approval: {from: [oncall], expires: 12m}
options:
  - name: act
    steps: [{uses: http.request, with: {service: c, path: /x, method: POST}}, {uses: wait, with: {for: 35s}}]
""",
    """
policy: together
match: ['alertname =~ "Slow|Down|Broken"']
target: 'all'
recheck: 45s
guards:
  - promql: {query: 'ok'}
  - cooldown: {for: 2m, scope: policy}
options:
  - name: act
    steps: [{uses: wait, with: {for: 2m}}]
""",
)
NAMES, THINGS = ("Broken", "Slow", "Down"), ("x", "y", "z")
QUERIES = [*(f'bad{{thing="{thing}"}} > 0' for thing in THINGS), "worse > 0"]
NEVER_APPROVED = Assumptions(step_takes=timedelta(0), approved_after=timedelta(days=1))


def decided_by_both(drawn: list[tuple[int, bool, str, str]], changes: dict[str, Any]) -> tuple[Any, Any]:
    events: list[Event] = [
        fire(at, name, thing=thing) if fires else resolve(at, name, thing=thing)
        for at, fires, name, thing in sorted(drawn)
    ]
    promql = {
        query: [(0, EMPTY), *sorted(points, key=lambda one: one[0])] for query, points in changes.items()
    }
    promql["ok"] = [(0, HOLDS)]
    configured = settings_with(limits={"concurrent_runs": 50, "runs_per_minute": 50})
    report = replay(
        events,
        *POLICIES,
        promql=promql,
        until=7200,
        settings=configured,
        samples=1000,
        assumed=NEVER_APPROVED,
    )
    return paths(report), live(events, *POLICIES, settings=configured, promql=promql, until=7200)


def _drawn(seed: int) -> tuple[list[tuple[int, bool, str, str]], dict[str, Any]]:
    chance = random.Random(seed)
    length = chance.choice([600, 3600])

    def at() -> int:
        return chance.randrange(0, length)

    alerts = [
        (at(), chance.random() < 0.65, chance.choice(NAMES), chance.choice(THINGS))
        for _ in range(chance.randint(1, 12))
    ]
    changes = {
        query: [(at(), chance.choice([HOLDS, EMPTY])) for _ in range(chance.randint(0, 6))]
        for query in QUERIES
    }
    return alerts, changes


@pytest.mark.parametrize("seed", range(200, 215))
def test_both_decide_the_same(seed: int) -> None:
    replayed, lived = decided_by_both(*_drawn(seed))
    assert replayed == lived
