"""The machine's clock is set by an hour, either way: nothing twice, and nothing waits an hour for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.engine.admission import look_again
from remediator.engine.clock_steps import note_step_while_down
from remediator.engine.failpoints import Failpoint
from remediator.jobs.scheduler import Scheduler
from remediator.jobs.watch_clock import WatchClock
from remediator.runs.audit import AuditAction
from remediator.runs.states import LeaseState, RunState
from remediator.store.base import Filter, Order
from tests.engine.conftest import Begin
from tests.engine.test_escalation import told
from tests.engine.test_leases import TEMPORARY
from tests.engine.world import EMPTY, POLICY, START, JumpingClock, Script, World
from tests.faults.conftest import IN_MEMORY
from tests.faults.scenarios import ASKED, CHANNELS, SCHEDULED, TELLING, approve

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
COOLED = POLICY + "guards: [{cooldown: {for: 30m}}]\n"
COOLED_LEASE = TEMPORARY + "guards: [{cooldown: {for: 30m}}]\n"


class SetClock(JumpingClock):
    """A clock that somebody can set; what really passed is known all the same."""

    def __init__(self) -> None:
        super().__init__()
        self._set_by = timedelta(0)
        self._later: tuple[timedelta, timedelta] | None = None

    def set_by(self, step: timedelta) -> None:
        self._set_by += step
        self.jump(step)

    def set_after(self, waits: timedelta, step: timedelta) -> None:
        """Set it by `step` once so much of waiting has passed."""
        self._later = (self.passed() + waits, step)

    async def sleep(self, duration: timedelta) -> None:
        await super().sleep(duration)
        if self._later is not None and self.passed() >= self._later[0]:
            (_, step), self._later = self._later, None
            self.set_by(step)

    def passed(self) -> timedelta:
        return self.now() - START - self._set_by


async def begin_set(begin: Begin, *policies: str, script: Script | None = None) -> tuple[World, SetClock]:
    clock = SetClock()
    world = await begin(*policies, clock=clock, script=script)
    engine = world.parts.engine
    await world.store.write(lambda tx: look_again(tx, engine, clock.now()))
    await world.settle()
    return world, clock


async def set_clock(world: World, clock: SetClock, step: timedelta) -> None:
    """Set it, as the watch sees it a moment later."""
    watch = WatchClock(world.parts.engine.store, clock, world.parts.dispatcher, clock.passed)
    clock.set_by(step)
    await watch.run()
    await world.settle()


async def test_a_lease_ends_after_as_long_as_it_should_when_the_clock_goes_back(begin: Begin) -> None:
    world, clock = await begin_set(begin, TEMPORARY)
    await world.fire()
    await world.pass_time(20 * MINUTE, step=MINUTE)
    await set_clock(world, clock, -HOUR)
    await world.pass_time(35 * MINUTE, step=MINUTE)
    assert world.script.values["a"] == 5
    await world.pass_time(10 * MINUTE, step=MINUTE)
    assert world.script.values["a"] == 1
    assert (await world.run()).lease is LeaseState.UNDONE


async def test_a_lease_is_over_when_the_clock_goes_on_past_its_end(begin: Begin) -> None:
    world, clock = await begin_set(begin, TEMPORARY)
    await world.fire()
    await set_clock(world, clock, HOUR)
    assert world.script.values["a"] == 1


@pytest.mark.parametrize(
    ("step", "after", "state"),
    [
        (-HOUR, timedelta(0), RunState.SUCCEEDED),
        (-HOUR, 29 * MINUTE, RunState.SUCCEEDED),
        (-HOUR, 31 * MINUTE, RunState.EXPIRED),
        (HOUR, timedelta(0), RunState.EXPIRED),
    ],
)
async def test_an_answer_counts_in_time_and_never_after(
    begin: Begin, step: timedelta, after: timedelta, state: RunState
) -> None:
    world, clock = await begin_set(begin, ASKED)
    await world.fire()
    await set_clock(world, clock, step)
    await world.pass_time(after, step=MINUTE)
    await approve(world)
    await world.settle()
    assert (await world.run()).state is state
    assert len(world.acted("test.act")) == (state is RunState.SUCCEEDED)


@pytest.mark.parametrize(("step", "after", "runs"), [(-HOUR, 29 * MINUTE, 1), (-HOUR, 91 * MINUTE, 2)])
async def test_a_cooldown_is_never_shorter_for_a_clock_that_went_back(
    begin: Begin, step: timedelta, after: timedelta, runs: int
) -> None:
    """It may be longer by the step, and then it ends."""
    world, clock = await begin_set(begin, COOLED)
    await world.fire()
    await set_clock(world, clock, step)
    await world.resolve()
    await world.fire(fingerprint="f2")
    await world.pass_time(after, step=MINUTE)
    assert len(world.acted("test.act")) == runs


async def test_what_came_in_before_a_kill_is_not_left_for_an_hour(begin: Begin) -> None:
    """The clock goes back while nobody is there to see it; the log tells."""
    clock = SetClock()
    world = await begin(POLICY, clock=clock, failpoint=Failpoint.INGEST_COMMITTED)
    with contextlib.suppress(asyncio.CancelledError):
        await world.fire()
    await world.end()
    assert world.acted() == []
    clock.set_by(-HOUR)
    world = await begin(POLICY, clock=clock, script=world.script)
    await world.store.write(lambda tx: note_step_while_down(tx, clock.now()))
    await world.settle()
    assert (await world.run()).state is RunState.SUCCEEDED
    assert await steps_noted(world) == [-3600.0]


async def test_escalation_is_neither_late_nor_told_twice_when_the_clock_goes_back(begin: Begin) -> None:
    clock = SetClock()
    world = await begin(TELLING, clock=clock, **CHANNELS)
    await world.fire()
    await world.pass_time(6 * MINUTE, step=MINUTE)
    await set_clock(world, clock, -HOUR)
    assert len(await told(world)) == 1
    await world.pass_time(5 * MINUTE, step=MINUTE)
    assert [to for _, to in await told(world)] == ["lead", "l2"]


async def test_a_due_time_that_comes_twice_is_started_once(begin: Begin) -> None:
    world, clock = await begin_set(begin, SCHEDULED)
    await world.pass_time(61 * MINUTE, step=MINUTE)
    assert len(world.acted("test.act")) == 1
    await set_clock(world, clock, -HOUR)
    await world.pass_time(HOUR, step=MINUTE)
    assert len(world.acted("test.act")) == 1
    await world.pass_time(HOUR, step=MINUTE)
    assert len(world.acted("test.act")) == 2


async def test_a_verification_takes_no_longer_when_the_clock_goes_back_meanwhile(begin: Begin) -> None:
    world, clock = await begin_set(begin)
    world.script.promql["ok"] = EMPTY
    clock.set_after(timedelta(seconds=10), -HOUR)
    await world.fire()
    assert (await world.run()).state is RunState.INEFFECTIVE
    assert clock.passed() < MINUTE


@pytest.mark.parametrize("step", [timedelta(0), timedelta(seconds=4), timedelta(seconds=-4)])
async def test_what_a_time_service_steers_is_no_step(begin: Begin, step: timedelta) -> None:
    world, clock = await begin_set(begin)
    await set_clock(world, clock, step)
    assert await steps_noted(world) == []


async def steps_noted(world: World) -> list[float]:
    only = Filter(equal={"action": str(AuditAction.CLOCK_SET)}, order=Order.OLDEST)
    rows = await world.store.read(lambda reads: reads.audit_rows(only))
    return [json.loads(row.detail)["seconds"] for row in rows]


DEEDS = st.one_of(
    st.tuples(st.just("set"), st.sampled_from([-60, 60])),
    st.tuples(st.just("pass"), st.sampled_from([1, 10, 40])),
    st.tuples(st.sampled_from(["fire", "resolve"]), st.integers(1, 3)),
)


@settings(max_examples=12, deadline=None)
@given(deeds=st.lists(DEEDS, min_size=4, max_size=10))
def test_however_the_clock_is_set_nothing_stays_for_ever(deeds: Sequence[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        asyncio.run(_live_through(Path(folder), deeds))


async def _live_through(folder: Path, deeds: Sequence[tuple[str, int]]) -> None:
    clock = SetClock()
    world = await World.begin(folder, COOLED_LEASE, clock=clock)
    back = timedelta(0)
    for deed, number in deeds:
        if deed == "set":
            await set_clock(world, clock, number * MINUTE)
            back += max(-number * MINUTE, timedelta(0))
        elif deed == "pass":
            await world.pass_time(number * MINUTE, step=MINUTE)
        else:
            await getattr(world, deed)(fingerprint=f"f{number}")
    for number in (1, 2, 3):
        await world.resolve(fingerprint=f"f{number}")
    await world.pass_time(2 * HOUR + back, step=10 * MINUTE)
    assert {run.state for run in await world.runs()} <= {RunState.SUCCEEDED, RunState.REVERTED}
    assert {lease.state for lease in await world.leases()} <= {LeaseState.UNDONE}
    assert world.script.values["a"] == 1
    assert await world.store.read(lambda reads: reads.claims()) == []
    assert await world.store.verify_audit() is None
    await world.end()


class _Ticking:
    """A job that fails each time, and tells when it was begun three times."""

    name = "ticking"
    every = timedelta(milliseconds=1)

    def __init__(self) -> None:
        self.left = 3
        self.done = asyncio.Event()

    async def run(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.done.set()
        raise ValueError("no")


class _SetBack(datetime):
    """What a library sees that asks the machine's clock."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) - HOUR


async def test_ticks_go_on_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """They did not, as long as APScheduler counted by the machine's clock when the next was due."""
    job = _Ticking()
    scheduler = Scheduler([job])
    scheduler.start()
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", _SetBack)
    await asyncio.wait_for(job.done.wait(), 60)
    scheduler.stop()
