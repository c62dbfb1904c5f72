"""Approvals: the first verdict wins, and an answer that comes too late does nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from remediator.engine.actors import Actor
from remediator.engine.results import Status
from remediator.runs.reasons import Reason
from remediator.runs.records import ApprovalRequest
from remediator.runs.states import RunState
from remediator.settings import Role
from tests.engine.conftest import Begin
from tests.engine.world import ANA, EMPTY, HOLDS, OPS, POLICY, World, person

ASKED = (
    POLICY
    + """guards:
  - approval: {from: [oncall], expires: 30m}
"""
)
BEN = person("ben", Role.APPROVER, groups=("oncall",))


async def vote(
    world: World, actor: Actor = ANA, *, approve: bool = True, plan_hash: str | None = None
) -> Status:
    run = await world.run()
    result = await world.parts.approvals.vote(
        run.id, plan_hash=plan_hash or run.plan_hash or "", actor=actor, approve=approve, comment="ok"
    )
    await world.settle()
    return result.status


async def test_nothing_is_done_before_approval_and_nothing_is_locked(begin: Begin) -> None:
    world = await begin(ASKED)
    await world.fire()
    assert (await world.run()).state is RunState.AWAITING_APPROVAL
    assert world.acted() == []
    assert await world.store.read(lambda reads: reads.claims()) == []


async def test_an_approved_plan_is_run(begin: Begin) -> None:
    world = await begin(ASKED)
    await world.fire()
    assert await vote(world) is Status.DONE
    assert (await world.run()).state is RunState.SUCCEEDED
    assert world.acted("test.act") == [("test.act", 1)]


async def test_a_denied_plan_is_not(begin: Begin) -> None:
    world = await begin(ASKED)
    await world.fire()
    assert await vote(world, approve=False) is Status.DONE
    assert (await world.run()).state is RunState.DENIED
    assert world.acted() == []


async def test_the_first_verdict_wins(begin: Begin) -> None:
    world = await begin(ASKED)
    await world.fire()
    run = await world.run()
    votes = await asyncio.gather(
        *(
            world.parts.approvals.vote(
                run.id, plan_hash=run.plan_hash or "", actor=actor, approve=approve, comment=""
            )
            for actor, approve in ((ANA, True), (BEN, False))
        )
    )
    assert sorted(result.status for result in votes) == [Status.CONFLICT, Status.DONE]


async def test_the_same_person_saying_the_same_again_is_fine(begin: Begin) -> None:
    world = await begin(ASKED)
    await world.fire()
    assert await vote(world) is Status.DONE
    assert await vote(world) is Status.REPEATED
    assert await vote(world, approve=False) is Status.CONFLICT
    assert len(world.acted("test.act")) == 1


async def test_two_have_to_agree_and_each_counts_once(begin: Begin) -> None:
    world = await begin(ASKED.replace("from: [oncall]", "from: [oncall], count: 2"))
    await world.fire()
    assert await vote(world) is Status.DONE
    assert await vote(world) is Status.REPEATED
    assert (await world.run()).state is RunState.AWAITING_APPROVAL
    assert await vote(world, BEN) is Status.DONE
    assert (await world.run()).state is RunState.SUCCEEDED


@pytest.mark.parametrize(
    ("actor", "status"),
    [
        (person("eve", Role.APPROVER, groups=("sales",)), Status.FORBIDDEN),
        (person("eve", Role.VIEWER, groups=("oncall",)), Status.FORBIDDEN),
        (person("oncall", Role.APPROVER), Status.DONE),
    ],
)
async def test_only_who_is_asked_decides(begin: Begin, actor: Actor, status: Status) -> None:
    world = await begin(ASKED)
    await world.fire()
    assert await vote(world, actor) is status


async def test_another_plan_hash_is_refused(begin: Begin) -> None:
    world = await begin(ASKED)
    await world.fire()
    assert await vote(world, plan_hash="0" * 64) is Status.CONFLICT
    assert (await world.run()).state is RunState.AWAITING_APPROVAL


async def test_no_answer_in_time_means_no(begin: Begin) -> None:
    world = await begin(ASKED)
    await world.fire()
    await world.pass_time(timedelta(minutes=31), step=timedelta(minutes=1))
    assert (await world.run()).state is RunState.EXPIRED
    assert await vote(world) is Status.EXPIRED
    assert world.acted() == []


async def test_an_expired_run_can_be_asked_for_again(begin: Begin) -> None:
    world = await begin(ASKED)
    await world.fire()
    await world.pass_time(timedelta(minutes=31), step=timedelta(minutes=1))
    run = await world.run()
    again = await world.parts.control.resume(run.id, actor=OPS, comment="awake now", treat_step_as=None)
    assert again.status is Status.DONE
    assert await vote(world) is Status.DONE
    assert (await world.run()).state is RunState.SUCCEEDED


async def test_an_approval_after_the_alert_resolved_does_not_act_and_says_why(begin: Begin) -> None:
    world = await begin(ASKED)
    await world.fire()
    run = await world.run()
    await world.resolve()
    result = await world.parts.approvals.vote(
        run.id, plan_hash=run.plan_hash or "", actor=ANA, approve=True, comment=""
    )
    await world.settle()
    assert result.status is Status.CONFLICT
    assert "resolved" in result.detail
    ended = await world.run()
    assert (ended.state, ended.reason) == (RunState.CANCELLED, Reason.RESOLVED)
    assert world.acted() == []


async def test_guards_are_looked_at_again_after_approval(begin: Begin) -> None:
    guarded = ASKED + "  - promql: {query: 'broken'}\n"
    world = await begin(guarded)
    world.script.promql["broken"] = HOLDS
    await world.fire()
    world.script.promql["broken"] = EMPTY
    await world.pass_time(timedelta(seconds=5))
    assert await vote(world) is Status.DONE
    run = await world.run()
    assert (run.state, run.reason) == (RunState.PLANNED, Reason.PRECONDITION)
    assert world.acted() == []
    world.script.promql["broken"] = HOLDS
    await world.pass_time(timedelta(minutes=2))
    assert (await world.run()).state is RunState.SUCCEEDED  # the approval stayed good


async def test_an_approval_runs_out_while_the_run_stays_blocked(begin: Begin) -> None:
    world = await begin(ASKED + "  - promql: {query: 'broken'}\n")
    world.script.promql["broken"] = HOLDS
    await world.fire()
    world.script.promql["broken"] = EMPTY
    await world.pass_time(timedelta(seconds=5))
    assert await vote(world) is Status.DONE
    await world.pass_time(timedelta(minutes=31), step=timedelta(minutes=1))
    assert (await world.run()).state is RunState.EXPIRED
    assert world.acted() == []


async def test_another_option_by_then_is_another_plan_and_a_new_ask(begin: Begin) -> None:
    two = """
policy: fix
match: ['alertname = "Broken"']
target: thing/a
guards: [{approval: {from: [oncall]}}]
diagnose: [{fact: up, uses: test.look, with: {name: up}}]
options:
  - {name: restart, when: not facts.up, steps: [{uses: test.act, with: {thing: a, value: 1}}]}
  - {name: reset, steps: [{uses: test.act, with: {thing: a, value: 2}}]}
"""
    world = await begin(two)
    world.script.looks["up"] = False
    await world.fire()
    world.script.looks["up"] = True
    assert await vote(world) is Status.DONE
    first, second = await world.runs()
    assert (first.state, first.reason) == (RunState.CANCELLED, Reason.PLAN_CHANGED)
    assert (second.state, second.option) == (RunState.AWAITING_APPROVAL, "reset")
    assert first.plan_hash != second.plan_hash
    assert world.acted("test.act") == []


async def test_policy_and_option_ask_one_after_the_other(begin: Begin) -> None:
    both = ASKED.replace("  - name: act\n", "  - name: act\n    approval: {from: [leads]}\n")
    world = await begin(both)
    await world.fire()
    assert await vote(world) is Status.DONE
    assert (await world.run()).state is RunState.AWAITING_APPROVAL
    lead = person("lea", Role.APPROVER, groups=("leads",))
    assert await vote(world, lead) is Status.DONE
    assert (await world.run()).state is RunState.SUCCEEDED
    run = await world.run()
    request = await world.store.read(lambda reads: reads.approval_of_run(run.id))
    assert isinstance(request, ApprovalRequest)
    assert request.level == "option"


async def test_a_later_option_asks_for_itself_and_holds_no_lock_meanwhile(begin: Begin) -> None:
    ladder = """
policy: fix
match: ['alertname = "Broken"']
target: thing/a
options:
  - {name: first, steps: [{uses: test.act, with: {thing: a, value: 1}}], verify: {promql: no, within: 10s}}
  - name: second
    approval: {from: [oncall]}
    steps: [{uses: test.act, with: {thing: a, value: 2}}]
    verify: {promql: ok, within: 10s}
"""
    world = await begin(ladder.replace("promql: no,", "promql: never,"))
    world.script.promql["never"] = EMPTY
    await world.fire()
    run = await world.run()
    assert (run.state, run.option) == (RunState.AWAITING_APPROVAL, "second")
    assert await world.store.read(lambda reads: reads.claims()) == []
    assert await vote(world) is Status.DONE
    assert (await world.run()).state is RunState.SUCCEEDED
    assert world.acted("test.act") == [("test.act", 1), ("test.act", 2)]


async def test_whoever_started_a_run_by_hand_does_not_approve_it(begin: Begin) -> None:
    world = await begin(ASKED)
    both = person("ana", Role.APPROVER, Role.OPERATOR, groups=("oncall",))
    started = await world.parts.by_hand.run(
        "fix", labels={"alertname": "Broken"}, comment="drill", override=False, actor=both
    )
    assert started.status is Status.DONE
    assert await vote(world, both) is Status.FORBIDDEN
    assert await vote(world, BEN) is Status.DONE
    assert (await world.run()).state is RunState.SUCCEEDED
