"""Looking only where something can have changed gives what looking all the time gives."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.authoring.backtest.replays import EMPTY, HOLDS, Event, fire, replay, resolve, settings_with, timed

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
  - not_firing: {alerts: [Down]}
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
target: 'thing/{{ labels.thing }}'
settle: 15s
recheck: 30s
guards:
  - promql: {query: 'worse > 0', hold: 25s}
  - approval: {from: [oncall], expires: 12m}
  - alert_active: {alerts: [Broken, Slow]}
options:
  - name: act
    steps: [{uses: http.request, with: {service: a, path: /x, method: POST}}, {uses: wait, with: {for: 35s}}]
""",
    """
policy: other
match: ['alertname != "Nothing"']
target: 'other/{{ labels.thing }}'
recheck: 45s
guards:
  - promql: {query: 'worse > 0'}
  - failure_breaker: {failures: 2, per: 1h, cool_off: 10m}
options:
  - name: act
    steps: [{uses: http.request, with: {service: b, path: /x, method: POST}}, {uses: wait, with: {for: 2m}}]
""",
)
NAMES, THINGS = ("Broken", "Slow", "Down"), ("x", "y", "z")
TIMES = st.integers(0, 3 * 3600)
ALERTS = st.tuples(
    TIMES, st.booleans(), st.sampled_from(NAMES), st.sampled_from(THINGS), st.sampled_from("no")
)
CHANGES = st.lists(st.tuples(TIMES, st.sampled_from([HOLDS, EMPTY])), max_size=6)
QUERIES = [*(f'bad{{thing="{thing}"}} > 0' for thing in THINGS), "worse > 0", "ok"]


def _events(drawn: list[tuple[int, bool, str, str, str]]) -> list[Event]:
    events = [
        fire(at, name, thing=thing) if fires else resolve(at, name, thing=thing)
        for at, fires, name, thing, _ in sorted(drawn)
    ]
    noted = [note for *_, note in sorted(drawn)]
    return [
        Event(event.at, event.status, event.labels, {"note": note})
        for event, note in zip(events, noted, strict=True)
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(ALERTS, min_size=1, max_size=40),
    st.fixed_dictionaries(dict.fromkeys(QUERIES, CHANGES)),
    st.integers(1, 3),
)
def test_looking_less_decides_the_same_at_the_same_time(
    drawn: list[tuple[int, bool, str, str, str]], changes: dict[str, Any], at_once: int
) -> None:
    promql = {
        query: [(0, EMPTY), *sorted(points, key=lambda one: one[0])] for query, points in changes.items()
    }
    limits = {"concurrent_runs": at_once, "runs_per_minute": 2}

    def played(naive: bool) -> Any:
        report = replay(
            _events(drawn),
            *POLICIES,
            promql=promql,
            naive=naive,
            until=5 * 3600,
            settings=settings_with(limits=limits),
            samples=1000,
        )
        return timed(report), report["policies"], report["contention"], report["approvals"]

    assert played(naive=False) == played(naive=True)


def test_a_month_of_being_blocked_is_not_looked_at_every_minute() -> None:
    report = replay([fire(0, thing="x")], POLICIES[0], promql={}, until=timedelta(days=30).total_seconds())
    assert sum(report["answers"]["counts"].values()) < 10
