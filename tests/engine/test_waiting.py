"""Those who wait for a lock or a cap: one after the other, the most important first, nobody forgotten."""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.engine.decide import Question, decide
from remediator.runs.audit import AuditAction
from remediator.runs.verdicts import Decision
from remediator.store.base import Filter, Order
from tests.engine.conftest import Begin
from tests.engine.world import World

POLICY = """
policy: NAME
priority: PRIORITY
match: ['alertname = "NAME"']
target: 'thing/{{ labels.n }}'
recheck: 1h
options:
  - {name: act, steps: [{uses: test.act, with: {thing: THING, value: 1}}]}
"""
WITHOUT_LOCK = POLICY.replace("test.act, with: {thing: THING, value: 1}", "test.look")
SEVERITIES = ("critical", "warning", "info")


def policy(name: str, priority: int, text: str = POLICY) -> str:
    return text.replace("NAME", name).replace("PRIORITY", str(priority)).replace("THING", "a")


@dataclass(frozen=True)
class Alert:
    """An alert of one of the policies; `leaves` says that it resolves while it waits."""

    policy: str
    severity: str
    leaves: bool


PRIORITIES = {"first": 10, "second": 20}
alerts = st.builds(
    Alert,
    st.sampled_from(sorted(PRIORITIES)),
    st.sampled_from(SEVERITIES),
    st.sampled_from([False] * 3 + [True]),
)


async def busy(world: World) -> asyncio.Event:
    """Have a run of `first` under way until the returned event is set."""
    world.script.looks["look"] = True
    gate = asyncio.Event()
    entered = asyncio.Event()
    for action in ("test.act", "test.look"):
        world.script.gates[action] = gate
        world.script.entered[action] = entered
    await world.parts.intake.accept("default", world.firing("first", "holder", n="holder"))
    await entered.wait()
    return gate


async def started(world: World) -> list[str]:
    """Return the targets of runs in the order in which they started."""
    rows = await world.store.read(
        lambda reads: reads.audit_rows(
            Filter(equal={"action": str(AuditAction.RUN_STATE)}, order=Order.OLDEST, limit=1000)
        )
    )
    return [row.target or "" for row in rows if json.loads(row.detail)["event"] == "start"]


async def take_turns(folder: Path, waiting: list[Alert], *policies: str, at_once: int) -> list[int]:
    """Let all of them wait for one run, let it end, and return the places of those that acted, in order."""
    world = await World.begin(folder, *policies, limits={"concurrent_runs": at_once, "runs_per_minute": 1000})
    try:
        gate = await busy(world)
        for at, one in enumerate(waiting):
            labels = {"n": str(at), "severity": one.severity}
            await world.parts.intake.accept("default", world.firing(one.policy, f"f{at}", **labels))
        for at, one in enumerate(waiting):
            if one.leaves:
                labels = {"n": str(at), "severity": one.severity}
                await world.parts.intake.accept("default", world.resolved(one.policy, f"f{at}", **labels))
        gate.set()
        await world.settle()
        return [int(target.removeprefix("thing/")) for target in (await started(world))[1:]]
    finally:
        await world.end()


@settings(deadline=None, max_examples=15)
@given(st.lists(alerts, max_size=6))
def test_for_a_global_cap_the_most_important_goes_first_and_nobody_is_forgotten(waiting: list[Alert]) -> None:
    policies = [policy(name, priority, WITHOUT_LOCK) for name, priority in PRIORITIES.items()]
    with tempfile.TemporaryDirectory() as name, patch("remediator.store.sqlite.lines.SHORT", 0):
        order = asyncio.run(take_turns(Path(name), waiting, *policies, at_once=1))
    ranked = sorted(
        (PRIORITIES[one.policy], SEVERITIES.index(one.severity), at)
        for at, one in enumerate(waiting)
        if not one.leaves
    )
    assert order == [at for *_, at in ranked]


@settings(deadline=None, max_examples=15)
@given(st.lists(alerts, max_size=6), st.sampled_from([1, 8]), st.sampled_from([0, 2, 16]))
def test_nobody_who_waits_for_a_lock_is_forgotten(waiting: list[Alert], at_once: int, short: int) -> None:
    policies = [policy(name, priority) for name, priority in PRIORITIES.items()]
    with tempfile.TemporaryDirectory() as name, patch("remediator.store.sqlite.lines.SHORT", short):
        order = asyncio.run(take_turns(Path(name), waiting, *policies, at_once=at_once))
    assert sorted(order) == [at for at, one in enumerate(waiting) if not one.leaves]


@pytest.mark.parametrize("at_once", [1, 8])
async def test_a_long_line_is_not_decided_over_and_over(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    world = await begin(policy("first", 10), limits={"concurrent_runs": at_once, "runs_per_minute": 1000})
    decided: list[str] = []

    def counting(question: Question) -> Decision:
        decided.append(question.scope.labels["n"])
        return decide(question)

    monkeypatch.setattr("remediator.engine.decider.decide", counting)
    gate = await busy(world)
    decided.clear()
    for at in range(30):
        await world.parts.intake.accept("default", world.firing("first", f"f{at}", n=str(at)))
    gate.set()
    await world.settle()
    assert len(await started(world)) == 31
    # A look, and at most some that are denied by whoever just went first; the last few look all together.
    assert len(decided) <= 30 * 4 + 16 * 16


async def test_far_back_in_a_line_a_look_takes_longer(begin: Begin) -> None:
    world = await begin(
        policy("first", 10).replace("1h", "1m"), limits={"concurrent_runs": 1, "runs_per_minute": 1000}
    )
    gate = await busy(world)
    for at in range(102):
        await world.parts.intake.accept("default", world.firing("first", f"f{at}", n=str(at)))
    now = world.clock.now()
    timers = await world.store.read(lambda reads: reads.due_timers(now.replace(year=now.year + 1), 500))
    waits = sorted((timer.due_at - now).total_seconds() for timer in timers if timer.kind == "decide")
    assert waits == [60] * 100 + [120] * 2
    gate.set()
    await world.settle()
    assert len(await started(world)) == 103
