"""Blast radius, healthy floor and loops, through the whole engine: claimed at the start, never exceeded."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.alerts import AlertStatus
from remediator.engine.results import Result, Status
from remediator.runs.answers import Answer, Sample
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.records import Lease, Run
from remediator.runs.states import RunKind, RunState
from tests.engine.conftest import Begin
from tests.engine.world import EMPTY, HOLDS, OPS, POLICY, World, alert_of, payload_of

THINGS = tuple("abcde")
WATCHED = """
policy: watched
match: ['alertname = "Broken"']
target: 'thing/{{ labels.thing }}'
recheck: 20s
again: {after: 10s, max: 5}
GUARDS
options:
  - {name: look, steps: [{uses: test.look}], verify: {promql: ok, within: 20s}}
"""
TEMPORARY = """
policy: temporary
match: ['alertname = "Slow"']
target: 'slow/{{ labels.thing }}'
recheck: 20s
GUARDS
options:
  - name: set
    steps: [{uses: test.set, with: {thing: a, value: 5}}]
    verify: {promql: ok, within: 10s}
    revert: {after: 5m}
"""


def policy(text: str, *guards: str) -> str:
    return text.replace("GUARDS", "guards: [" + ", ".join(guards) + "]")


def counted(value: float) -> Answer:
    return Answer(samples=(Sample({}, value),))


async def storm(world: World, name: str = "Broken") -> None:
    """One delivery with an alert for every thing: all are decided side by side."""
    alerts = [
        alert_of(AlertStatus.FIRING, name, f"f-{thing}", {"thing": thing}, world.clock.now())
        for thing in THINGS
    ]
    await world.parts.intake.accept("default", payload_of(*alerts))
    await world.settle()


def spans(runs: list[Run], leases: list[Lease], end: datetime) -> list[tuple[datetime, datetime, str]]:
    """From when to when each target was out."""
    targets = {run.id: run.target for run in runs}
    under_way = [
        (run.started_at, run.finished_at or end, run.target)
        for run in runs
        if run.started_at is not None and run.kind is RunKind.REMEDIATION
    ]
    standing = [(lease.opened_at, lease.closed_at or end, targets[lease.run_id]) for lease in leases]
    return [*under_way, *standing]


def most_at_once(out: list[tuple[datetime, datetime, str]]) -> int:
    return max(
        (len({target for start, end, target in out if start <= at < end}) for at, _, _ in out), default=0
    )


async def most_out(world: World) -> int:
    return most_at_once(spans(await world.runs(), await world.leases(), world.clock.now()))


async def test_a_storm_is_taken_so_many_targets_at_a_time(begin: Begin) -> None:
    world = await begin(policy(WATCHED, "max_targets: {max: 2}"))
    world.script.looks["look"] = 1
    world.script.promql["ok"] = EMPTY
    await storm(world)
    assert await most_out(world) == 2
    world.script.promql["ok"] = HOLDS
    await world.pass_time(timedelta(minutes=5))
    assert {run.target for run in await world.runs()} == {f"thing/{thing}" for thing in THINGS}
    assert await most_out(world) == 2
    blocked = [one for one in await world.decisions() if one.reason is Reason.MAX_TARGETS]
    assert blocked


async def test_a_change_that_stands_takes_its_place_until_it_is_given_back(begin: Begin) -> None:
    world = await begin(policy(WATCHED, "max_targets: {max: 1, scope: all}"), policy(TEMPORARY, ""))
    world.script.looks["look"] = 1
    await world.fire("Slow", fingerprint="s", thing="a")
    await world.fire("Broken", fingerprint="f", thing="b")
    assert (await world.decisions())[-1].reason is Reason.MAX_TARGETS
    assert len(await world.runs()) == 1
    await world.resolve("Slow", fingerprint="s", thing="a")
    assert [run.policy for run in await world.runs()] == ["temporary", "temporary", "watched"]


async def test_the_floor_is_kept_by_runs_that_all_read_the_same_sample(begin: Begin) -> None:
    world = await begin(policy(WATCHED, "healthy_floor: {query: healthy, min: 3}"))
    world.script.looks["look"] = 1
    world.script.promql |= {"ok": EMPTY, "healthy": counted(5)}
    await storm(world)
    await world.pass_time(timedelta(seconds=30))
    assert await most_out(world) == 2
    world.script.promql["healthy"] = Answer(error="it did not answer")
    before = len(await world.runs())
    await world.pass_time(timedelta(minutes=3))
    started = [run for run in await world.runs() if run.started_at is not None]
    assert len(started) <= before, "without an answer nothing starts"


async def by_hand(world: World, name: str, thing: str) -> Result:
    return await world.parts.by_hand.run(
        name, labels={"thing": thing}, comment="for once", override=True, actor=OPS
    )


async def test_the_blast_radius_binds_a_person_too(begin: Begin) -> None:
    world = await begin(policy(TEMPORARY, "max_targets: {max: 1}"))
    await world.fire("Slow", thing="a")
    refused = await by_hand(world, "temporary", "b")
    assert (refused.status, refused.detail) == (
        Status.CONFLICT,
        "blocked (max_targets): 1 of 1 targets are under remediation",
    )


async def test_the_floor_binds_a_person_too(begin: Begin) -> None:
    world = await begin(policy(WATCHED, "healthy_floor: {query: healthy, min: 1}"))
    world.script.looks["look"] = 1
    world.script.promql["healthy"] = counted(1)
    refused = await by_hand(world, "watched", "b")
    assert refused.status is Status.CONFLICT
    assert refused.detail.startswith("blocked (healthy_floor): 1 healthy")


LOOPING = POLICY + "guards: [{loop: {times: 2, within: 10m, cool_off: 1h}}]\n"


async def _go_round(world: World) -> None:
    await world.resolve()
    await world.pass_time(timedelta(minutes=2))
    await world.fire()


async def test_an_alert_that_every_run_brings_back_is_left_alone(begin: Begin) -> None:
    world = await begin(LOOPING)
    await world.fire()
    await _go_round(world)
    assert len(await world.runs()) == 2
    await _go_round(world)
    last = (await world.decisions())[-1]
    assert (last.outcome, last.reason) == (Outcome.BLOCKED, Reason.LOOP)
    assert len(await world.runs()) == 2
    await world.pass_time(timedelta(minutes=61), step=timedelta(minutes=1))
    assert len(await world.runs()) == 3, "cooled off: it is tried again"


async def test_closing_the_breaker_ends_a_loop(begin: Begin) -> None:
    world = await begin(LOOPING)
    await world.fire()
    await _go_round(world)
    await _go_round(world)
    await world.parts.control.close_breaker("fix", actor=OPS, comment="the cause is gone")
    await world.pass_time(timedelta(minutes=2))
    assert len(await world.runs()) == 3


async def test_an_alert_that_stays_away_for_a_while_is_no_loop(begin: Begin) -> None:
    world = await begin(LOOPING)
    await world.fire()
    for _ in range(4):
        await world.resolve()
        await world.pass_time(timedelta(minutes=11), step=timedelta(minutes=1))
        await world.fire()
    assert len(await world.runs()) == 5


async def test_giving_a_change_back_that_brings_the_alert_back_is_a_loop(begin: Begin) -> None:
    looping = policy(TEMPORARY, "loop: {times: 2, within: 10m, cool_off: 1h}")
    world = await begin(looping)
    await world.fire("Slow", thing="a")
    for _ in range(2):
        # The change helps for long; it is given back when the alert is gone, and then it is needed again.
        await world.pass_time(timedelta(minutes=4), step=timedelta(seconds=30))
        await world.resolve("Slow", thing="a")
        await world.pass_time(timedelta(minutes=2))
        await world.fire("Slow", thing="a")
    assert (await world.decisions())[-1].reason is Reason.LOOP


EVENTS = st.one_of(
    st.tuples(st.just("storm"), st.sampled_from(["Broken", "Slow"])),
    st.tuples(st.just("fire"), st.sampled_from(THINGS)),
    st.tuples(st.just("resolve"), st.sampled_from(THINGS)),
    st.tuples(st.just("by hand"), st.sampled_from(THINGS)),
    st.tuples(st.just("pass"), st.sampled_from(["5", "25", "90"])),
    st.tuples(st.just("works"), st.sampled_from(["yes", "no"])),
)


@settings(max_examples=20, deadline=None)
@given(st.lists(EVENTS, min_size=8, max_size=20))
def test_never_more_than_allowed_whatever_arrives(events: list[tuple[str, str]]) -> None:
    asyncio.run(_live_through(events))


async def _live_through(events: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = await World.begin(
            Path(folder),
            policy(WATCHED, "max_targets: {max: 2, scope: all}", "healthy_floor: {query: healthy, min: 1}"),
            policy(TEMPORARY, "max_targets: {max: 2, scope: all}"),
        )
        world.script.looks["look"] = 1
        world.script.promql["healthy"] = counted(4)
        try:
            for event, value in events:
                await _apply(world, event, value)
            await world.pass_time(timedelta(minutes=10), step=timedelta(seconds=20))
            assert await most_out(world) <= 2
            assert all(run.state is not RunState.NEEDS_HUMAN for run in await world.runs())
            assert await world.store.verify_audit() is None
        finally:
            await world.end()


async def _apply(world: World, event: str, value: str) -> None:
    if event == "storm":
        await storm(world, value)
    elif event == "fire":
        await world.fire("Slow", fingerprint=f"s-{value}", thing=value)
    elif event == "resolve":
        for name in ("Broken", "Slow"):
            await world.resolve(name, fingerprint=f"f-{value}", thing=value)
        await world.resolve("Slow", fingerprint=f"s-{value}", thing=value)
    elif event == "by hand":
        await by_hand(world, "watched", value)
        await world.settle()
    elif event == "pass":
        await world.pass_time(timedelta(seconds=int(value)))
    else:
        world.script.promql["ok"] = HOLDS if value == "yes" else EMPTY
