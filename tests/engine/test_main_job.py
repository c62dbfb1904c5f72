"""The main job: an alert in, a decision, an action, its verification, and all of it written down."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta

from remediator.actions.base import FailureReason, ambiguous, failed
from remediator.alerts import AlertStatus
from remediator.runs.audit import AuditAction
from remediator.runs.episodes import Episode, Receipt
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.states import RunState
from remediator.store.base import Filter, Order
from tests.engine.conftest import Begin
from tests.engine.world import EMPTY, HOLDS, POLICY, alert_of, payload_of

LADDER = """
policy: fix
match: ['alertname = "Broken"']
target: thing/a
diagnose:
  - {fact: up, uses: test.look, with: {name: up}}
options:
  - name: restart
    when: not facts.up
    steps: [{uses: test.act, with: {thing: a, value: 1}}]
    verify: {promql: first, within: 30s, every: 5s}
  - name: reset
    steps: [{uses: test.act, with: {thing: a, value: 2}}]
    verify: {promql: second, within: 30s, every: 5s}
"""


async def test_an_alert_is_acted_on_verified_and_written_down(begin: Begin) -> None:
    world = await begin()
    accepted = await world.fire()
    assert (accepted.opened, accepted.planned) == (1, 1)
    run = await world.run()
    assert (run.state, run.reason, run.option) == (RunState.SUCCEEDED, Reason.VERIFIED, "act")
    assert world.acted("test.act") == [("test.act", 1)]
    rows = await world.store.read(lambda reads: reads.audit_rows(Filter(order=Order.OLDEST, limit=500)))
    actions = [row.action for row in rows]
    intent, result = actions.index(AuditAction.STEP_INTENT), actions.index(AuditAction.STEP_RESULT)
    assert actions.index(AuditAction.DELIVERY_ACCEPTED) < intent < result
    assert result < actions.index(AuditAction.VERIFICATION)
    assert await world.store.read(lambda reads: reads.claims()) == []


async def test_an_alert_without_a_policy_is_one_decision(begin: Begin) -> None:
    world = await begin(POLICY, POLICY.replace("policy: fix", "policy: fix-too"))
    await world.fire("Other")
    await world.fire("Other")
    decisions = await world.decisions()
    assert [(one.outcome, one.policy) for one in decisions] == [(Outcome.NO_MATCH, None)]


async def test_redelivery_creates_no_second_run(begin: Begin) -> None:
    world = await begin()
    for _ in range(3):
        await world.fire()
    assert len(await world.runs()) == 1
    episodes = await world.store.read(lambda reads: reads.select(Episode, Filter()))
    assert len(episodes) == 1


async def test_a_hundred_concurrent_deliveries_are_one_run(begin: Begin) -> None:
    world = await begin()
    payload = payload_of(alert_of(AlertStatus.FIRING, "Broken", "f1", {}, world.clock.now()))
    await asyncio.gather(*(world.parts.intake.accept("default", payload) for _ in range(100)))
    await world.settle()
    assert len(await world.runs()) == 1
    assert world.acted("test.act") == [("test.act", 1)]
    receipts = await world.store.read(lambda reads: reads.select(Receipt, Filter(limit=500)))
    assert len(receipts) == 100


async def test_the_same_fingerprint_of_another_source_is_another_episode(begin: Begin) -> None:
    world = await begin(sources={"default": {}, "other": {}})
    await world.fire()
    payload = payload_of(alert_of(AlertStatus.FIRING, "Broken", "f1", {}, world.clock.now()))
    accepted = await world.parts.intake.accept("other", payload)
    assert accepted.opened == 1


async def test_a_moved_starts_at_opens_no_second_episode(begin: Begin) -> None:
    world = await begin()
    await world.fire()
    earlier = world.clock.now() - timedelta(hours=1)
    payload = payload_of(alert_of(AlertStatus.FIRING, "Broken", "f1", {}, earlier))
    accepted = await world.parts.intake.accept("default", payload)
    assert (accepted.opened, accepted.repeated) == (0, 1)


async def test_the_ladder_goes_on_when_an_option_does_not_help(begin: Begin) -> None:
    world = await begin(LADDER)
    world.script.looks["up"] = False
    world.script.promql = {"first": EMPTY, "second": HOLDS}
    await world.fire()
    run = await world.run()
    assert (run.state, run.option, run.tried) == (RunState.SUCCEEDED, "reset", ("restart",))
    assert world.acted("test.act") == [("test.act", 1), ("test.act", 2)]


async def test_an_option_whose_condition_does_not_hold_is_passed_over(begin: Begin) -> None:
    world = await begin(LADDER)
    world.script.looks["up"] = True
    world.script.promql = {"second": HOLDS}
    await world.fire()
    assert world.acted("test.act") == [("test.act", 2)]


async def test_a_fact_that_could_not_be_had_does_not_count_as_false(begin: Begin) -> None:
    world = await begin(LADDER)
    world.script.promql = {"second": HOLDS}
    await world.fire()  # `not facts.up` is unknown: the restart is not tried
    assert world.acted("test.act") == [("test.act", 2)]


async def test_the_last_option_decides_how_a_run_ends(begin: Begin) -> None:
    world = await begin(LADDER)
    world.script.looks["up"] = False
    world.script.promql = {"first": EMPTY, "second": EMPTY}
    await world.fire()
    run = await world.run()
    assert (run.state, run.reason) == (RunState.INEFFECTIVE, Reason.VERIFICATION_FAILED)


async def test_a_failed_step_leads_to_the_next_option(begin: Begin) -> None:
    world = await begin(LADDER)
    world.script.looks["up"] = False
    world.script.promql = {"second": HOLDS}
    world.script.outcomes["test.act"] = deque([failed(FailureReason.UNEXPECTED, "500")])
    await world.fire()
    run = await world.run()
    assert (run.state, run.tried) == (RunState.SUCCEEDED, ("restart",))


async def test_no_option_that_applies_needs_a_person(begin: Begin) -> None:
    only = LADDER.split("  - name: reset", maxsplit=1)[0]
    world = await begin(only)
    world.script.looks["up"] = True
    await world.fire()
    run = await world.run()
    assert (run.state, run.reason) == (RunState.NEEDS_HUMAN, Reason.NO_OPTION_APPLIES)


async def test_an_ambiguous_step_that_is_not_idempotent_needs_a_person(begin: Begin) -> None:
    world = await begin()
    world.script.outcomes["test.act"] = deque([ambiguous(FailureReason.TIMED_OUT, "no answer")])
    await world.fire()
    run = await world.run()
    assert (run.state, run.reason) == (RunState.NEEDS_HUMAN, Reason.STEP_AMBIGUOUS)
    assert len(world.acted("test.act")) == 1


async def test_shadow_decides_and_never_acts(begin: Begin) -> None:
    world = await begin(POLICY.replace("recheck: 1m", "recheck: 1m\nmode: shadow"))
    await world.fire()
    assert await world.runs() == []
    assert world.acted() == []
    last = (await world.decisions())[-1]
    assert (last.outcome, last.option) == (Outcome.SHADOW, "act")


async def test_the_ceiling_is_above_every_policy(begin: Begin) -> None:
    world = await begin(mode="shadow")
    await world.fire()
    assert world.acted() == []


async def test_a_resolved_episode_that_comes_back_is_a_new_one(begin: Begin) -> None:
    world = await begin()
    await world.fire()
    await world.resolve()
    await world.pass_time(timedelta(minutes=5))
    await world.fire()
    assert len(await world.runs()) == 2


async def test_a_firing_receipt_that_overtook_the_close_is_late(begin: Begin) -> None:
    world = await begin()
    stale = payload_of(alert_of(AlertStatus.FIRING, "Broken", "f1", {}, world.clock.now()))
    await world.fire()
    world.clock.jump(timedelta(seconds=10))
    await world.resolve()
    accepted = await world.parts.intake.accept("default", stale)
    assert (accepted.late, accepted.opened) == (1, 0)
    confirmed = await world.parts.intake.accept("default", stale)
    assert confirmed.opened == 1
