"""Blocked decisions become runs by themselves, locks keep runs apart, and holds stop everything."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from remediator.engine.results import Status
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.records import HoldScope
from remediator.runs.states import RunState
from tests.engine.conftest import Begin
from tests.engine.world import EMPTY, HOLDS, OPS, POLICY

TWO_STEPS = """
policy: fix
match: ['alertname = "Broken"']
target: thing/a
options:
  - name: act
    steps:
      - {uses: test.act, with: {thing: a, value: 1}}
      - {uses: test.repeatable, with: {thing: a, value: 2}}
"""


async def test_a_cooldown_ends_and_the_run_starts_without_another_delivery(begin: Begin) -> None:
    world = await begin(POLICY + "guards:\n  - cooldown: {for: 15m}\n")
    await world.fire()
    await world.resolve()
    await world.pass_time(timedelta(minutes=2))
    await world.fire()
    last = (await world.decisions())[-1]
    assert (last.outcome, last.reason) == (Outcome.BLOCKED, Reason.COOLDOWN)
    assert len(await world.runs()) == 1
    await world.pass_time(timedelta(minutes=14))
    assert len(await world.runs()) == 2


async def test_a_precondition_that_comes_to_hold_starts_the_run(begin: Begin) -> None:
    world = await begin(POLICY + "guards:\n  - promql: {query: 'broken', hold: 30s}\n")
    world.script.promql["broken"] = EMPTY
    await world.fire()
    assert (await world.decisions())[-1].reason is Reason.PRECONDITION
    world.script.promql["broken"] = HOLDS
    await world.pass_time(timedelta(seconds=65))
    assert (await world.decisions())[-1].reason is Reason.HOLD_PENDING
    assert await world.runs() == []
    await world.pass_time(timedelta(seconds=35))
    assert len(await world.runs()) == 1


async def test_a_hold_that_nobody_watched_begins_anew(begin: Begin) -> None:
    world = await begin(POLICY + "guards:\n  - promql: {query: 'broken', hold: 30s}\n")
    world.script.promql["broken"] = HOLDS
    await world.fire()
    world.clock.jump(timedelta(minutes=10))  # the server was down: who knows what was in between
    await world.settle()
    assert await world.runs() == []
    await world.pass_time(timedelta(seconds=35))
    assert len(await world.runs()) == 1


async def test_a_blocked_decision_is_written_once_while_nothing_changes(begin: Begin) -> None:
    world = await begin(POLICY + "guards:\n  - promql: {query: 'broken'}\n")
    world.script.promql["broken"] = EMPTY
    await world.fire()
    before = len(await world.decisions())
    await world.pass_time(timedelta(minutes=10))
    assert len(await world.decisions()) == before


async def test_a_guard_that_cannot_be_asked_blocks(begin: Begin) -> None:
    world = await begin(POLICY + "guards:\n  - promql: {query: 'unheard_of'}\n")
    await world.fire()
    assert (await world.decisions())[-1].reason is Reason.GUARD_ERROR
    assert world.acted() == []


async def test_a_silenced_alert_is_not_acted_on(begin: Begin) -> None:
    world = await begin()
    world.script.suppressed = True
    await world.fire()
    assert (await world.decisions())[-1].reason is Reason.SILENCED
    world.script.suppressed = None
    await world.pass_time(timedelta(minutes=2))
    assert (await world.decisions())[-1].reason is Reason.GUARD_ERROR
    assert world.acted() == []


async def test_two_policies_on_one_resource_take_turns(begin: Begin) -> None:
    other = POLICY.replace("policy: fix", "policy: also").replace("thing/{{", "else/{{")
    world = await begin(POLICY, other)
    world.script.gates["test.act"] = asyncio.Event()
    payload = world.fire()
    task = asyncio.ensure_future(payload)
    await world.script.entered.setdefault("test.act", asyncio.Event()).wait()
    world.script.gates["test.act"].set()
    await task
    await world.pass_time(timedelta(minutes=2))
    runs = await world.runs()
    assert [run.state for run in runs] == [RunState.SUCCEEDED, RunState.SUCCEEDED]
    first, second = runs
    assert first.finished_at is not None
    assert second.started_at is not None
    assert first.finished_at <= second.started_at


async def test_a_hold_blocks_and_its_end_lets_go(begin: Begin) -> None:
    world = await begin()
    added = await world.parts.holds.add(
        scope=HoldScope.ALL, value="", reason="deploying", duration=timedelta(minutes=5), actor=OPS
    )
    assert added.status is Status.DONE
    await world.fire()
    assert (await world.decisions())[-1].reason is Reason.HELD
    assert world.acted() == []
    await world.pass_time(timedelta(minutes=6))
    assert len(world.acted("test.act")) == 1


async def test_a_hold_stops_a_run_before_its_next_step(begin: Begin) -> None:
    world = await begin(TWO_STEPS)
    world.script.gates["test.act"] = asyncio.Event()
    entered = world.script.entered.setdefault("test.act", asyncio.Event())
    firing = asyncio.ensure_future(world.fire())
    await entered.wait()
    await world.parts.holds.add(scope=HoldScope.POLICY, value="fix", reason="stop", duration=None, actor=OPS)
    world.script.gates["test.act"].set()
    await firing
    run = await world.run()
    assert (run.state, run.reason) == (RunState.NEEDS_HUMAN, Reason.STOPPED_BY_HOLD)
    assert "1 test.repeatable: not started" in run.detail
    assert world.acted() == [("test.act", 1)]


async def test_a_cancelled_run_starts_no_further_step(begin: Begin) -> None:
    world = await begin(TWO_STEPS)
    world.script.gates["test.act"] = asyncio.Event()
    entered = world.script.entered.setdefault("test.act", asyncio.Event())
    firing = asyncio.ensure_future(world.fire())
    await entered.wait()
    run = await world.run()
    result = await world.parts.control.cancel(run.id, actor=OPS, comment="stop", kill=False)
    assert result.status is Status.DONE
    world.script.gates["test.act"].set()
    await firing
    assert (await world.run()).state is RunState.NEEDS_HUMAN
    assert world.acted() == [("test.act", 1)]


async def test_the_episode_gets_another_run_only_by_again(begin: Begin) -> None:
    world = await begin(POLICY.replace("recheck: 1m", "recheck: 1m\nagain: {after: 30m, max: 1}"))
    await world.fire()
    await world.pass_time(timedelta(minutes=29), step=timedelta(minutes=1))
    assert len(await world.runs()) == 1
    await world.pass_time(timedelta(minutes=2), step=timedelta(minutes=1))
    assert len(await world.runs()) == 2
    await world.pass_time(timedelta(hours=2), step=timedelta(minutes=5))
    assert len(await world.runs()) == 2


async def test_settle_lets_causes_arrive_first(begin: Begin) -> None:
    world = await begin(POLICY.replace("recheck: 1m", "recheck: 1m\nsettle: 30s"))
    await world.fire()
    assert await world.runs() == []
    await world.pass_time(timedelta(seconds=31))
    assert len(await world.runs()) == 1


async def test_resolving_while_running_starts_no_further_option(begin: Begin) -> None:
    ladder = (
        POLICY
        + """  - name: second
    steps: [{uses: test.act, with: {thing: a, value: 2}}]
    verify: {promql: ok, within: 10s}
"""
    )
    world = await begin(ladder)
    world.script.promql["ok"] = EMPTY
    world.script.gates["test.act"] = asyncio.Event()
    entered = world.script.entered.setdefault("test.act", asyncio.Event())
    firing = asyncio.ensure_future(world.fire())
    await entered.wait()
    resolving = asyncio.ensure_future(world.resolve())
    world.script.gates["test.act"].set()
    await asyncio.gather(firing, resolving)
    run = await world.run()
    assert run.state is RunState.INEFFECTIVE
    assert "resolved" in run.detail
    assert world.acted("test.act") == [("test.act", 1)]


async def test_a_failure_breaker_opens_and_a_person_closes_it(begin: Begin) -> None:
    world = await begin(POLICY + "guards:\n  - failure_breaker: {failures: 1, per: 1h, cool_off: 6h}\n")
    world.script.promql["ok"] = EMPTY
    await world.fire()
    await world.resolve()
    await world.pass_time(timedelta(minutes=5))
    await world.fire()
    assert (await world.decisions())[-1].reason is Reason.FAILURE_BREAKER_OPEN
    closed = await world.parts.control.close_breaker("fix", actor=OPS, comment="mended")
    await world.settle()
    assert closed.status is Status.DONE
    assert len(await world.runs()) == 2
