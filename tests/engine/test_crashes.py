"""A crash at every place that has a name: nothing is lost, nothing that must not be is done twice."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import pytest

from remediator.actions.base import ProbeAnswer
from remediator.engine.failpoints import Failpoint
from remediator.runs.episodes import Receipt
from remediator.runs.reasons import Reason
from remediator.runs.states import LeaseState, RunState
from remediator.store.base import Filter
from tests.engine.conftest import Begin
from tests.engine.world import EMPTY, HOLDS, OPS, JumpingClock, Script

JOB = """
policy: fix
match: ['alertname = "Broken"']
target: thing/a
options:
  - name: first
    steps:
      - {uses: test.set, with: {thing: a, value: 5}}
      - {uses: test.act, with: {thing: a, value: 1}}
    verify: {promql: never, within: 10s}
    revert: {after: 1h}
  - name: second
    steps:
      - {uses: test.act, with: {thing: a, value: 2}}
      - {uses: test.set, with: {thing: b, value: 7}}
    verify: {promql: ok, within: 10s}
    revert: {after: 1h}
"""

# How often each place is reached in the job above, from alert to revert.
PLACES = [
    (Failpoint.INGEST_COMMITTED, 2),
    (Failpoint.RUN_CREATED, 1),
    (Failpoint.RUN_STARTED, 1),
    (Failpoint.STEP_CAPTURED, 2),
    (Failpoint.STEP_INTENT_COMMITTED, 4),
    (Failpoint.STEP_ACTED, 4),
    (Failpoint.STEP_RESULT_COMMITTED, 4),
    (Failpoint.VERIFIED, 2),
    (Failpoint.RUN_FINISHED, 1),
    (Failpoint.REVERT_CREATED, 2),
]
CASES = [f"{place}:{nth}" for place, times in PLACES for nth in range(1, times + 1)]


def script(probe: ProbeAnswer) -> Script:
    made = Script(promql={"ok": HOLDS, "never": EMPTY}, values={"a": 1, "b": 1})
    made.probes = {"test.act": probe, "test.set": ProbeAnswer.UNKNOWN}
    return made


async def live_through(begin: Begin, failpoint: str | None, probe: ProbeAnswer) -> tuple[Script, str]:
    """Run the job to its end, over a crash if one is asked for; returns what was done and how it ended."""
    clock, acts = JumpingClock(), script(probe)
    world = await begin(JOB, clock=clock, script=acts, failpoint=failpoint)
    for deliver in ("fire", "resolve"):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(getattr(world, deliver)(), 60)
        if failpoint is not None:
            await world.end()
            world = await begin(JOB, clock=clock, script=acts)
            await world.settle()
            await world.pass_time(timedelta(seconds=5))
    if failpoint is not None:
        # Alertmanager got no 200 for the delivery that the crash cut off, and sends it again.
        await world.resolve()
    fault = await world.store.verify_audit()
    assert fault is None
    run = await world.run()
    receipts = await world.store.read(lambda reads: reads.select(Receipt, Filter()))
    assert receipts
    assert await world.store.read(lambda reads: reads.claims()) == []
    return acts, f"{run.state}/{run.lease}"


async def test_the_job_without_a_crash(begin: Begin) -> None:
    acts, end = await live_through(begin, None, ProbeAnswer.UNKNOWN)
    assert end == f"{RunState.SUCCEEDED}/{LeaseState.UNDONE}"
    assert [call for call in acts.calls if call[0] == "test.act"] == [("test.act", 1), ("test.act", 2)]
    assert acts.values == {"a": 1, "b": 1}


@pytest.mark.parametrize("failpoint", CASES)
async def test_nothing_that_must_not_be_is_done_twice(begin: Begin, failpoint: str) -> None:
    """Where nobody can tell whether a step happened, a person gets it; it is never made again."""
    acts, end = await live_through(begin, failpoint, ProbeAnswer.UNKNOWN)
    done = [call for call in acts.calls if call[0] == "test.act"]
    assert len(done) == len(set(done))
    assert end.startswith((RunState.SUCCEEDED, RunState.NEEDS_HUMAN))


@pytest.mark.parametrize("failpoint", [f"{Failpoint.STEP_ACTED}:{nth}" for nth in (2, 3)])
async def test_a_step_that_a_look_shows_done_is_not_repeated(begin: Begin, failpoint: str) -> None:
    acts, end = await live_through(begin, failpoint, ProbeAnswer.DONE)
    assert [call for call in acts.calls if call[0] == "test.act"] == [("test.act", 1), ("test.act", 2)]
    assert end == f"{RunState.SUCCEEDED}/{LeaseState.UNDONE}"
    assert acts.values == {"a": 1, "b": 1}


@pytest.mark.parametrize("failpoint", [f"{Failpoint.STEP_INTENT_COMMITTED}:{nth}" for nth in (2, 3)])
async def test_a_step_that_a_look_shows_not_done_is_made(begin: Begin, failpoint: str) -> None:
    acts, end = await live_through(begin, failpoint, ProbeAnswer.NOT_DONE)
    assert [call for call in acts.calls if call[0] == "test.act"] == [("test.act", 1), ("test.act", 2)]
    assert end == f"{RunState.SUCCEEDED}/{LeaseState.UNDONE}"


@pytest.mark.parametrize("failpoint", [case for case in CASES if "step." not in case])
async def test_a_crash_between_steps_changes_nothing(begin: Begin, failpoint: str) -> None:
    acts, end = await live_through(begin, failpoint, ProbeAnswer.UNKNOWN)
    assert [call for call in acts.calls if call[0] == "test.act"] == [("test.act", 1), ("test.act", 2)]
    assert end == f"{RunState.SUCCEEDED}/{LeaseState.UNDONE}"
    assert acts.values == {"a": 1, "b": 1}


async def test_an_ambiguous_step_is_handed_over_with_what_is_known(begin: Begin) -> None:
    clock, acts = JumpingClock(), script(ProbeAnswer.UNKNOWN)
    world = await begin(JOB, clock=clock, script=acts, failpoint=f"{Failpoint.STEP_ACTED}:2")
    await world.fire()
    await world.end()
    world = await begin(JOB, clock=clock, script=acts)
    await world.settle()
    run = await world.run()
    assert (run.state, run.reason) == (RunState.NEEDS_HUMAN, Reason.STEP_AMBIGUOUS)
    assert "step 1 (test.act)" in run.detail


@pytest.mark.parametrize(("treat", "calls"), [("done", 1), ("not_done", 2)])
async def test_a_person_says_whether_an_ambiguous_step_happened(begin: Begin, treat: str, calls: int) -> None:
    clock, acts = JumpingClock(), script(ProbeAnswer.UNKNOWN)
    acts.promql["never"] = HOLDS
    world = await begin(JOB, clock=clock, script=acts, failpoint=f"{Failpoint.STEP_ACTED}:2")
    await world.fire()
    await world.end()
    world = await begin(JOB, clock=clock, script=acts)
    await world.settle()
    run = await world.run()
    await world.parts.control.resume(run.id, actor=OPS, comment="looked", treat_step_as=treat)
    await world.settle()
    assert (await world.run()).state is RunState.SUCCEEDED
    assert len([call for call in acts.calls if call == ("test.act", 1)]) == calls
