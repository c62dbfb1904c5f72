"""Leases and reverts: what is changed for a while comes back as it first was."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

from remediator.actions.base import FailureReason, ProbeAnswer, ambiguous, failed
from remediator.engine.results import Status
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.states import LeaseState, RunKind, RunState
from tests.engine.conftest import Begin
from tests.engine.world import EMPTY, HOLDS, OPS

TEMPORARY = """
policy: raise
match: ['alertname = "Broken"']
target: 'thing/{{ labels.thing | default("a") }}'
recheck: 1m
options:
  - name: raise
    steps: [{uses: test.set, with: {thing: a, value: 5}}]
    verify: {promql: ok, within: 10s}
    revert: {after: 1h}
"""
OTHER = (
    TEMPORARY.replace("policy: raise", "policy: other")
    .replace("thing/{{", "else/{{")
    .replace('alertname = "Broken"', 'alertname = "Else"')
)


async def test_it_comes_back_when_the_alert_resolves(begin: Begin) -> None:
    world = await begin(TEMPORARY)
    await world.fire()
    assert world.script.values["a"] == 5
    assert (await world.run()).lease is LeaseState.OPEN
    await world.resolve()
    assert world.script.values["a"] == 1
    parent, revert = await world.runs()
    assert (parent.state, parent.lease) == (RunState.SUCCEEDED, LeaseState.UNDONE)
    assert (revert.kind, revert.state, revert.parent_run_id) == (RunKind.REVERT, RunState.REVERTED, parent.id)


async def test_it_comes_back_when_the_lease_expires(begin: Begin) -> None:
    world = await begin(TEMPORARY)
    await world.fire()
    await world.pass_time(timedelta(minutes=61), step=timedelta(minutes=1))
    assert world.script.values["a"] == 1


async def test_it_comes_back_at_once_when_it_does_not_help(begin: Begin) -> None:
    world = await begin(TEMPORARY)
    world.script.promql["ok"] = EMPTY
    await world.fire()
    parent, revert = await world.runs()
    assert (parent.state, revert.state) == (RunState.INEFFECTIVE, RunState.REVERTED)
    assert world.script.values["a"] == 1


async def test_a_second_alert_captures_nothing_and_the_first_original_comes_back(begin: Begin) -> None:
    world = await begin(TEMPORARY)
    await world.fire()
    await world.fire(fingerprint="f2", instance="two")
    assert world.acted("capture") == [("capture", 1)]
    assert (await world.decisions())[-1].outcome is Outcome.JOINED
    await world.resolve()
    assert world.script.values["a"] == 5  # the joined episode is still open
    await world.resolve(fingerprint="f2", instance="two")
    assert world.script.values["a"] == 1


async def test_the_same_policy_on_another_target_renews_and_keeps_the_first_original(begin: Begin) -> None:
    world = await begin(TEMPORARY)
    await world.fire()
    await world.pass_time(timedelta(minutes=30), step=timedelta(minutes=1))
    await world.fire(fingerprint="f2", thing="b")
    assert len(world.acted("test.set")) == 2
    assert world.acted("capture") == [("capture", 1)]
    lease = (await world.leases())[0]
    assert lease.original == 1
    assert lease.expires_at - lease.opened_at == timedelta(minutes=90)
    await world.resolve()
    assert world.script.values["a"] == 5
    await world.resolve(fingerprint="f2", thing="b")
    assert world.script.values["a"] == 1


async def test_another_policy_is_blocked_while_a_lease_is_open(begin: Begin) -> None:
    world = await begin(TEMPORARY, OTHER)
    await world.fire()
    await world.fire("Else", fingerprint="f2")
    last = (await world.decisions())[-1]
    assert (last.policy, last.outcome, last.reason) == ("other", Outcome.BLOCKED, Reason.LEASE_HELD)
    await world.resolve()
    await world.pass_time(timedelta(minutes=2))
    assert [run.policy for run in await world.runs()] == ["raise", "raise", "other"]


async def test_what_somebody_changed_since_is_left_alone_and_told(begin: Begin) -> None:
    world = await begin(TEMPORARY)
    await world.fire()
    world.script.values["a"] = 9
    await world.resolve()
    parent, revert = await world.runs()
    assert (revert.state, revert.reason) == (RunState.REVERT_FAILED, Reason.CHANGED_SINCE)
    assert parent.lease is LeaseState.OVERDUE
    assert world.script.values["a"] == 9


async def test_a_revert_that_failed_is_not_tried_again_by_itself(begin: Begin) -> None:
    world = await begin(TEMPORARY)
    world.script.promql["ok"] = EMPTY
    await world.fire()
    world.script.promql["ok"] = HOLDS
    await world.resolve()
    await world.pass_time(timedelta(minutes=5))
    await world.fire()
    world.script.values["a"] = 9  # somebody else
    await world.resolve()
    await world.pass_time(timedelta(hours=2), step=timedelta(minutes=5))
    reverts = [run for run in await world.runs() if run.kind is RunKind.REVERT]
    assert [run.state for run in reverts] == [RunState.REVERTED, RunState.REVERT_FAILED]


async def test_undoing_that_fails_within_a_run_leaves_it_to_a_person(begin: Begin) -> None:
    world = await begin(TEMPORARY)
    world.script.promql["ok"] = EMPTY
    world.script.outcomes["undo"] = deque([failed(FailureReason.CHANGED_SINCE, "it is 9 by now")])
    await world.fire()
    parent, revert = await world.runs()
    assert (parent.state, revert.state) == (RunState.NEEDS_HUMAN, RunState.REVERT_FAILED)
    assert parent.lease is LeaseState.OVERDUE
    await world.resolve()
    await world.pass_time(timedelta(hours=2), step=timedelta(minutes=5))
    assert len(await world.runs()) == 2


async def test_what_was_so_already_is_not_leased(begin: Begin) -> None:
    world = await begin(TEMPORARY)
    world.script.values["a"] = 5
    await world.fire()
    assert (await world.run()).lease is None
    await world.resolve()
    assert world.script.values["a"] == 5
    assert len(await world.runs()) == 1


WHEN = TEMPORARY.replace(
    "revert: {after: 1h}", "revert: {after: 1h, when: facts.up, stable_for: 2m}"
).replace("options:", "diagnose: [{fact: up, uses: test.look, with: {name: up}}]\noptions:")


async def test_going_back_waits_for_its_condition_to_hold_for_long_enough(begin: Begin) -> None:
    world = await begin(WHEN)
    world.script.looks["up"] = False
    await world.fire()
    await world.resolve()
    await world.pass_time(timedelta(minutes=3))
    assert world.script.values["a"] == 5
    world.script.looks["up"] = True
    await world.pass_time(timedelta(minutes=2))
    assert world.script.values["a"] == 5
    await world.pass_time(timedelta(minutes=2))
    assert world.script.values["a"] == 1


async def test_an_expired_lease_that_is_not_ready_is_a_persons_matter(begin: Begin) -> None:
    world = await begin(WHEN)
    world.script.looks["up"] = False
    await world.fire()
    await world.pass_time(timedelta(minutes=62), step=timedelta(minutes=1))
    run = await world.run()
    assert run.lease is LeaseState.OVERDUE
    assert world.script.values["a"] == 5
    result = await world.parts.control.revert(run.id, actor=OPS, comment="by hand")
    await world.settle()
    assert result.status is Status.DONE
    assert world.script.values["a"] == 1


async def test_an_expired_lease_is_undone_or_kept_as_the_policy_says(begin: Begin) -> None:
    for choice, value, state in (("undo", 1, LeaseState.UNDONE), ("keep", 5, LeaseState.KEPT)):
        policy = WHEN.replace("stable_for: 2m", f"if_not_ready: {choice}").replace(
            "policy: raise", f"policy: raise-{choice}"
        )
        world = await begin(policy)
        world.script.looks["up"] = False
        await world.fire(fingerprint=choice)
        await world.pass_time(timedelta(minutes=62), step=timedelta(minutes=1))
        assert world.script.values["a"] == value
        assert (await world.runs())[-1 if choice == "keep" else 0].lease is state
        await world.end()


STEPS = TEMPORARY.replace(
    "revert: {after: 1h}", "revert: {after: 1h, steps: [{uses: test.act, with: {thing: a, value: 7}}]}"
).replace("{uses: test.set, with: {thing: a, value: 5}}", "{uses: test.act, with: {thing: a, value: 3}}")


async def test_a_revert_with_steps_of_its_own_runs_them(begin: Begin) -> None:
    world = await begin(STEPS)
    await world.fire()
    assert (await world.run()).lease is LeaseState.OPEN
    await world.resolve()
    assert world.acted("test.act") == [("test.act", 3), ("test.act", 7)]
    assert [run.state for run in await world.runs()] == [RunState.SUCCEEDED, RunState.REVERTED]


async def test_what_an_attempt_did_unseen_comes_back_too(begin: Begin) -> None:
    """The next attempt finds it so already: by the first one's doing, not by somebody else's."""
    world = await begin(TEMPORARY)
    world.script.outcomes["test.set"] = deque([ambiguous(FailureReason.LOST, "the reply was lost")])
    world.script.probes["test.set"] = ProbeAnswer.UNKNOWN
    await world.fire()
    run = await world.run()
    assert run.state is RunState.NEEDS_HUMAN
    world.script.values["a"] = 5  # its effect was had
    await world.parts.control.resume(run.id, actor=OPS, comment="it seems not", treat_step_as="not_done")
    await world.settle()
    assert (await world.run()).lease is LeaseState.OPEN
    await world.resolve()
    assert world.script.values["a"] == 1
