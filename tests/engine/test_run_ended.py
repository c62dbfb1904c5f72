"""What belongs to a run is undone when it ends, well or not; the option's own changes are another matter."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from remediator.actions.base import FailureReason, ambiguous, failed
from remediator.engine.results import Status
from remediator.extensions import Extensions
from remediator.runs.reasons import Reason
from remediator.runs.states import RUN_ENDED, LeaseState, RunKind, RunState
from tests.engine.conftest import Begin
from tests.engine.test_escalation import audit, details
from tests.engine.test_news import CHANNELS, Postbox, kinds
from tests.engine.world import EMPTY, HOLDS, OPS, Script, Set, World

MINUTE = timedelta(minutes=1)


class Mark(Set):
    """Marks a thing while the run lasts."""

    name: ClassVar[str] = "test.mark"
    lasting: ClassVar[bool] = False
    ends_with_run: ClassVar[bool] = True

    def attributes(self, params: Any) -> tuple[tuple[str, str], ...]:
        return ((f"services:{params.thing}", "value"),)

    def stands_for(self, params: Any) -> timedelta:
        return timedelta(minutes=20)


MARKED = """
policy: marked
match: ['alertname = "Broken"']
target: 'thing/{{ labels.thing | default("a") }}'
options:
  - name: first
    steps:
      - {uses: test.mark, with: {thing: b, value: 7}}
      - {uses: test.act, with: {thing: a, value: 3}}
    verify: {promql: ok, within: 10s}
"""
NEXT = (
    MARKED
    + """
  - name: second
    steps: [{uses: test.act, with: {thing: a, value: 4}}]
    verify: {promql: ok, within: 10s}
"""
)
WITH_LEASE = MARKED.replace(
    "{uses: test.act, with: {thing: a, value: 3}}", "{uses: test.set, with: {thing: a, value: 5}}"
).replace("within: 10s}", "within: 10s}\n    revert: {after: 1h}")


async def marked(begin: Begin, policy: str = MARKED, **more: Any) -> World:
    script = Script(promql={"ok": HOLDS}, values={"a": 1, "b": 1})
    return await begin(policy, script=script, extensions=Extensions({"test.mark": Mark(script)}, {}), **more)


async def reverts(world: World) -> list[tuple[str | None, RunState]]:
    return [(run.revert_trigger, run.state) for run in await world.runs() if run.kind is RunKind.REVERT]


async def test_it_is_undone_when_the_run_has_succeeded_and_the_alert_goes_on(begin: Begin) -> None:
    world = await marked(begin)
    await world.fire()
    run = await world.run()
    assert (run.state, run.lease) == (RunState.SUCCEEDED, None)
    assert world.script.values["b"] == 1
    assert world.acted("test.mark", "test.act", "undo") == [("test.mark", 7), ("test.act", 3), ("undo", 1)]
    assert await reverts(world) == [(RUN_ENDED, RunState.REVERTED)]
    (lease,) = await world.leases()
    assert (lease.state, lease.ends_with_run) == (LeaseState.UNDONE, True)
    assert lease.expires_at - lease.opened_at == timedelta(minutes=20)
    (closed,) = details(await audit(world, "lease.closed"))
    assert (closed["state"], closed["why"]) == ("undone", "run_ended")
    assert await world.store.verify_audit() is None


@pytest.mark.parametrize("end", [RunState.INEFFECTIVE, RunState.FAILED, RunState.NEEDS_HUMAN])
async def test_it_is_undone_however_the_run_ends(begin: Begin, end: RunState) -> None:
    world = await marked(begin)
    if end is RunState.INEFFECTIVE:
        world.script.promql["ok"] = EMPTY
    elif end is RunState.FAILED:
        world.script.outcomes["test.act"] = deque([failed(FailureReason.UNEXPECTED, "no")])
    else:
        world.script.outcomes["test.act"] = deque([ambiguous(FailureReason.LOST, "no reply")])
    await world.fire()
    assert (await world.run()).state is end
    assert world.script.values["b"] == 1
    assert await reverts(world) == [(RUN_ENDED, RunState.REVERTED)]


async def test_it_outlasts_an_option_that_does_not_help(begin: Begin) -> None:
    world = await marked(begin, NEXT)
    world.script.promql["ok"] = EMPTY
    await world.fire()
    assert (await world.run()).tried == ("first",)
    assert world.acted("test.mark", "test.act", "undo") == [
        ("test.mark", 7),
        ("test.act", 3),
        ("test.act", 4),
        ("undo", 1),
    ]


async def test_the_option_s_own_change_stays_until_its_lease_ends(begin: Begin) -> None:
    world = await marked(begin, WITH_LEASE)
    await world.fire()
    assert world.script.values == {"a": 5, "b": 1}
    assert (await world.run()).lease is LeaseState.OPEN
    await world.pass_time(62 * MINUTE, step=MINUTE)
    assert world.script.values == {"a": 1, "b": 1}
    assert await reverts(world) == [(RUN_ENDED, RunState.REVERTED), ("expiry", RunState.REVERTED)]
    assert (await world.run()).lease is LeaseState.UNDONE


async def test_a_failed_option_gives_back_its_own_and_the_run_s_goes_last(begin: Begin) -> None:
    world = await marked(begin, WITH_LEASE)
    world.script.promql["ok"] = EMPTY
    await world.fire()
    assert world.script.values == {"a": 1, "b": 1}
    assert await reverts(world) == [
        ("failed_verification", RunState.REVERTED),
        (RUN_ENDED, RunState.REVERTED),
    ]
    assert (await world.run()).state is RunState.INEFFECTIVE


async def test_what_can_not_be_undone_is_told_and_left_to_a_person(begin: Begin) -> None:
    post = Postbox()
    world = await marked(begin, MARKED + "notify: {channel: incidents}\n", sender=post, **CHANNELS)
    world.script.outcomes["undo"] = deque([failed(FailureReason.LOST, "no reply")])
    await world.fire()
    assert await reverts(world) == [(RUN_ENDED, RunState.REVERT_FAILED)]
    assert (await world.run()).lease is None
    assert [lease.state for lease in await world.leases()] == [LeaseState.OVERDUE]
    await world.pass_time(5 * MINUTE)
    assert await reverts(world) == [(RUN_ENDED, RunState.REVERT_FAILED)], "not tried again by itself"
    assert "revert_failed" in await kinds(world)
    assert (await world.parts.control.revert(1, actor=OPS, comment="now")).status is Status.DONE
    await world.settle()
    assert world.script.values["b"] == 1


async def test_nobody_is_told_of_degraded_mode_or_of_a_revert(begin: Begin) -> None:
    post = Postbox()
    world = await marked(begin, MARKED + "notify: {channel: incidents}\n", sender=post, **CHANNELS)
    await world.fire()
    await world.resolve()
    assert await kinds(world) == ["started", "succeeded", "resolved"]


async def test_a_run_that_was_handed_over_and_resumed_goes_on_where_it_was(begin: Begin) -> None:
    world = await marked(begin, NEXT)
    world.script.outcomes["test.act"] = deque([ambiguous(FailureReason.LOST, "no reply")])
    await world.fire()
    run = await world.run()
    assert run.state is RunState.NEEDS_HUMAN
    world.script.promql["ok"] = EMPTY
    await world.parts.control.resume(run.id, actor=OPS, comment="it did", treat_step_as="done")
    await world.settle()
    run = await world.run()
    assert (run.state, run.tried, run.reason) == (
        RunState.INEFFECTIVE,
        ("first",),
        Reason.VERIFICATION_FAILED,
    )
    assert await reverts(world) == [(RUN_ENDED, RunState.REVERTED)]


@pytest.mark.parametrize("failpoint", ["verification.done", "revert.created"])
async def test_a_crash_between_the_end_and_the_undoing_loses_nothing(begin: Begin, failpoint: str) -> None:
    first = await marked(begin, failpoint=failpoint)
    await first.fire()
    assert first.script.values["b"] == 7
    again = Script(promql={"ok": HOLDS}, values=first.script.values)
    await first.end()
    second = await begin(
        script=again, clock=first.clock, extensions=Extensions({"test.mark": Mark(again)}, {})
    )
    await second.settle()
    assert second.script.values["b"] == 1
    assert await reverts(second) == [(RUN_ENDED, RunState.REVERTED)]
