"""Whatever arrives in whatever order: the promises hold."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.runs.records import HoldScope, Run
from remediator.runs.states import RunKind, RunState
from remediator.store.base import Filter, Order
from tests.engine.world import EMPTY, HOLDS, OPS, World

POLICIES = (
    """
policy: first
match: ['alertname = "Broken"']
target: 'thing/{{ labels.thing }}'
recheck: 30s
guards:
  - cooldown: {for: 2m, scope: target}
  - rate_limit: {max: 3, per: 10m}
options:
  - name: set
    steps: [{uses: test.set, with: {thing: a, value: 5}}]
    verify: {promql: ok, within: 10s}
    revert: {after: 5m}
  - {name: act, steps: [{uses: test.act, with: {thing: a, value: 1}}]}
""",
    """
policy: second
match: ['alertname =~ "Broken|Slow"']
target: 'thing/{{ labels.thing }}'
priority: 10
recheck: 30s
options:
  - {name: act, steps: [{uses: test.act, with: {thing: b, value: 2}}], verify: {promql: ok, within: 10s}}
""",
)
FINGERPRINTS = ("f1", "f2", "f3")
EVENTS = st.one_of(
    st.tuples(st.just("fire"), st.sampled_from(FINGERPRINTS)),
    st.tuples(st.just("flap"), st.sampled_from(FINGERPRINTS)),
    st.tuples(st.just("flap"), st.sampled_from(FINGERPRINTS)),
    st.tuples(st.just("resolve"), st.sampled_from(FINGERPRINTS)),
    st.tuples(st.just("pass"), st.sampled_from(["5", "40", "150"])),
    st.tuples(st.just("works"), st.sampled_from(["yes", "no"])),
    st.tuples(st.just("hold"), st.just("60")),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(EVENTS, min_size=10, max_size=30))
def test_the_promises_hold(events: list[tuple[str, str]]) -> None:
    asyncio.run(_live_through(events))


async def _live_through(events: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = await World.begin(Path(folder), *POLICIES)
        try:
            for event, value in events:
                await _apply(world, event, value)
            for fingerprint in FINGERPRINTS:
                await world.resolve(fingerprint=fingerprint, thing=f"t{fingerprint}")
            await world.pass_time(timedelta(minutes=20), step=timedelta(seconds=30))
            await _check(world)
        finally:
            await world.end()


async def _apply(world: World, event: str, value: str) -> None:
    if event == "fire":
        await world.fire("Broken", fingerprint=value, thing=f"t{value}")
    elif event == "resolve":
        await world.resolve("Broken", fingerprint=value, thing=f"t{value}")
    elif event == "flap":
        for _ in range(3):
            await _apply(world, "fire", value)
            await _apply(world, "pass", "40")
            await _apply(world, "resolve", value)
            await _apply(world, "pass", "5")
    elif event == "pass":
        await world.pass_time(timedelta(seconds=int(value)))
    elif event == "works":
        world.script.promql["ok"] = HOLDS if value == "yes" else EMPTY
    else:
        duration = timedelta(seconds=int(value))
        await world.parts.holds.add(
            scope=HoldScope.ALL, value="", reason="test", duration=duration, actor=OPS
        )
        await world.settle()


async def _check(world: World) -> None:
    runs = await world.runs()
    assert await world.store.verify_audit() is None
    assert await world.store.read(lambda reads: reads.claims()) == []
    assert all(run.state.terminal for run in runs)
    assert world.script.values["a"] == 1, "a temporary change outlived its alert and its lease"
    _check_spans(runs)
    _check_rates([run for run in runs if run.policy == "first" and run.kind is RunKind.REMEDIATION])
    rows = await world.store.read(lambda reads: reads.audit_rows(Filter(order=Order.OLDEST, limit=5000)))
    ends = Counter(row.run_id for row in rows if row.action == "run.state_changed")
    assert {run.id for run in runs} == set(ends), "a run changed state without an audit row"


def _check_spans(runs: list[Run]) -> None:
    """At most one live run a target: spans of runs on one target do not overlap."""
    for target in {run.target for run in runs}:
        spans = sorted(
            (run.started_at, run.finished_at)
            for run in runs
            if run.target == target
            and run.started_at is not None
            and run.finished_at is not None
            and run.kind is RunKind.REMEDIATION
        )
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))


def _check_rates(runs: list[Run]) -> None:
    starts = sorted(run.started_at for run in runs if run.started_at is not None)
    for place, start in enumerate(starts):
        inside = [one for one in starts[place:] if one - start < timedelta(minutes=10)]
        assert len(inside) <= 3, "the rate limit was exceeded"
    for target in {run.target for run in runs}:
        own = sorted(run.started_at for run in runs if run.target == target and run.started_at is not None)
        assert all(later - earlier >= timedelta(minutes=2) for earlier, later in itertools.pairwise(own))
    assert all(run.state is not RunState.NEEDS_HUMAN for run in runs)
