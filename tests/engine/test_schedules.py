"""Schedules: each due time is started once or not at all, and one that is fine leaves nothing behind."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from remediator.engine.admission import look_again
from remediator.engine.due_times import MOST_COUNTED, due_times
from remediator.jobs.scheduler import CronCalendar
from remediator.policy.model import Schedule as Written
from remediator.runs.audit import AuditRow
from remediator.runs.episodes import Admission, DecisionRecord, Episode
from remediator.runs.reasons import CloseReason, Outcome, Reason
from remediator.runs.records import Run
from remediator.runs.schedules import Schedule, ScheduleResult
from remediator.runs.states import LeaseState, RunState
from remediator.settings import Mode
from remediator.store.base import Filter, Order, Record
from tests.engine.conftest import Begin
from tests.engine.world import ANA, EMPTY, HOLDS, START, World

MINUTE = timedelta(minutes=1)
EVERY_MINUTE = """
policy: health
schedule: {cron: "* * * * *"}
target: thing/a
diagnose: [{fact: up, uses: test.look, with: {name: up}}]
options:
  - name: act
    when: not facts.up
    steps: [{uses: test.act, with: {thing: a, value: 1}}]
    verify: {promql: ok, within: 10s}
"""
HOURLY = """
policy: check
schedule: {cron: "0 * * * *", grace: 10m}
target: 'thing/{{ labels.alertname }}'
options:
  - {name: act, steps: [{uses: test.act, with: {thing: a, value: 1}}], verify: {promql: ok, within: 10s}}
"""


async def serve(world: World) -> None:
    """What the start of the server does, and each reload."""
    engine = world.parts.engine
    await world.store.write(lambda tx: look_again(tx, engine, world.clock.now()))
    await world.settle()


async def every(world: World, kind: type[Record]) -> list[Record]:
    return await world.store.read(lambda reads: reads.select(kind, Filter(order=Order.OLDEST, limit=500)))


async def schedule(world: World, policy: str) -> Schedule:
    found = await world.store.read(lambda reads: reads.schedule_of(policy))
    assert found is not None
    return found


async def audit(world: World, prefix: str) -> list[AuditRow]:
    rows = await world.store.read(lambda reads: reads.audit_rows(Filter(order=Order.OLDEST, limit=5000)))
    return [row for row in rows if row.action.startswith(prefix)]


async def test_each_due_time_starts_one_run_and_its_episode_closes_with_it(begin: Begin) -> None:
    world = await begin(HOURLY)
    await serve(world)
    assert await world.runs() == []
    await world.pass_time(timedelta(hours=3, minutes=1), step=MINUTE)
    runs = await world.runs()
    assert [run.started_at.hour for run in runs if run.started_at] == [13, 14, 15]
    assert {run.target for run in runs} == {"thing/check"}
    episodes = [one for one in await every(world, Episode) if isinstance(one, Episode)]
    assert [one.close_reason for one in episodes] == [CloseReason.SCHEDULE_OVER] * 3
    assert episodes[0].labels == {"alertname": "check", "schedule": "0 * * * *"}
    assert episodes[0].source == "schedule"
    assert all(run.relapsed_at is None for run in runs), "the next due time is no relapse"


async def test_a_check_that_is_fine_leaves_nothing_but_its_row(begin: Begin) -> None:
    world = await begin(EVERY_MINUTE)
    world.script.looks["up"] = True
    await serve(world)
    await world.pass_time(timedelta(hours=2), step=MINUTE)
    for kind in (Episode, Admission, DecisionRecord, Run):
        assert await every(world, kind) == []
    assert [row.action for row in await audit(world, "schedule.")] == ["schedule.nothing_to_do"]
    row = await schedule(world, "health")
    assert (row.result, row.last_due_at) == (ScheduleResult.NOTHING_TO_DO, START + timedelta(hours=2))
    assert row.result_since == START + MINUTE
    assert await audit(world, "run.") == []


async def test_a_check_that_is_not_fine_is_remediated_and_fine_again(begin: Begin) -> None:
    world = await begin(EVERY_MINUTE)
    world.script.looks["up"] = True
    await serve(world)
    await world.pass_time(5 * MINUTE, step=MINUTE)
    world.script.looks["up"] = False
    await world.pass_time(MINUTE, step=MINUTE)
    world.script.looks["up"] = True
    await world.pass_time(5 * MINUTE, step=MINUTE)
    (run,) = await world.runs()
    assert run.state is RunState.SUCCEEDED
    assert len(await every(world, Episode)) == 1
    assert len(await audit(world, "schedule.nothing_to_do")) == 2


async def test_coming_back_soon_after_a_success_is_a_relapse(begin: Begin) -> None:
    world = await begin(EVERY_MINUTE)
    world.script.looks["up"] = False
    await serve(world)
    await world.pass_time(2 * MINUTE, step=MINUTE)
    first, *_ = await world.runs()
    assert first.relapsed_at is not None


async def test_what_can_not_be_found_out_is_not_fine(begin: Begin) -> None:
    world = await begin(EVERY_MINUTE)  # nothing is scripted for the look: it could not be attempted
    await serve(world)
    await world.pass_time(10 * MINUTE, step=MINUTE)
    (run,) = await world.runs()
    assert (run.state, run.reason) == (RunState.NEEDS_HUMAN, Reason.NO_OPTION_APPLIES)
    assert (await schedule(world, "health")).result is ScheduleResult.OPEN_STILL
    world.script.looks["up"] = True
    await world.pass_time(2 * MINUTE, step=MINUTE)
    (episode,) = await every(world, Episode)
    assert isinstance(episode, Episode)
    assert episode.close_reason is CloseReason.SCHEDULE_OVER


async def test_a_blocked_one_is_looked_at_again_and_nothing_is_piled_up(begin: Begin) -> None:
    world = await begin(EVERY_MINUTE + "guards: [{promql: {query: allowed}}]\n")
    world.script.looks["up"] = False
    world.script.promql["allowed"] = EMPTY
    await serve(world)
    await world.pass_time(30 * MINUTE, step=MINUTE)
    assert len(await every(world, Episode)) == 1
    assert len(await every(world, DecisionRecord)) == 2
    assert await world.runs() == []
    world.script.promql["allowed"] = HOLDS
    await world.pass_time(2 * MINUTE, step=MINUTE)
    assert len(await world.runs()) >= 1


async def test_one_that_waits_for_people_is_withdrawn_when_it_is_fine_again(begin: Begin) -> None:
    world = await begin(EVERY_MINUTE + "guards: [{approval: {from: [oncall], expires: 1h}}]\n")
    world.script.looks["up"] = False
    await serve(world)
    await world.pass_time(5 * MINUTE, step=MINUTE)
    (run,) = await world.runs()
    assert run.state is RunState.AWAITING_APPROVAL
    world.script.looks["up"] = True
    await world.pass_time(MINUTE, step=MINUTE)
    assert (await world.run()).state is RunState.CANCELLED


async def test_approvals_apply(begin: Begin) -> None:
    world = await begin(HOURLY + "guards: [{approval: {from: [oncall], expires: 20m}}]\n")
    await serve(world)
    await world.pass_time(timedelta(hours=1), step=MINUTE)
    run = await world.run()
    assert run.state is RunState.AWAITING_APPROVAL
    await world.parts.approvals.vote(
        run.id, plan_hash=run.plan_hash or "", actor=ANA, approve=True, comment=""
    )
    await world.settle()
    assert (await world.run()).state is RunState.SUCCEEDED


async def test_shadow_only_writes_it_down(begin: Begin) -> None:
    world = await begin(HOURLY, mode=Mode.SHADOW)
    await serve(world)
    await world.pass_time(timedelta(hours=2, minutes=1), step=MINUTE)
    assert await world.runs() == []
    outcomes = [one.outcome for one in await world.decisions() if one.phase == "entry"]
    assert outcomes == [Outcome.SHADOW, Outcome.SHADOW]


async def test_a_change_for_a_while_stays_until_the_check_is_fine(begin: Begin) -> None:
    temporary = EVERY_MINUTE.replace("test.act", "test.set").replace("value: 1", "value: 5")
    world = await begin(temporary + "revert: {after: 4h}\n")
    world.script.looks["up"] = False
    await serve(world)
    await world.pass_time(10 * MINUTE, step=MINUTE)
    assert world.script.values["a"] == 5
    (run,) = await world.runs()
    assert run.lease is LeaseState.OPEN
    world.script.looks["up"] = True
    await world.pass_time(2 * MINUTE, step=MINUTE)
    assert world.script.values["a"] == 1


async def test_a_run_that_lasts_is_not_run_into(begin: Begin) -> None:
    world = await begin(HOURLY.replace("0 * * * *", "* * * * *"))
    world.script.gates["test.act"] = asyncio.Event()
    await serve(world)
    for _ in range(5):
        world.clock.jump(MINUTE)
        world.parts.dispatcher.wake()
        await asyncio.sleep(0.05)
    assert len(await world.runs()) == 1
    world.script.gates["test.act"].set()
    await world.parts.dispatcher.idle()
    await world.pass_time(MINUTE)
    assert len(await world.runs()) >= 2


@pytest.mark.parametrize(
    ("down", "runs", "missed"),
    [
        # Back within the grace of the last due time: it starts, once, and those before it are noted.
        (timedelta(minutes=65), 1, 0),
        (timedelta(hours=3, minutes=9), 1, 2),
        (timedelta(hours=3, minutes=11), 0, 3),
        (timedelta(minutes=59), 0, 0),
    ],
)
async def test_what_was_missed_is_noted_and_not_piled_up(
    begin: Begin, down: timedelta, runs: int, missed: int
) -> None:
    world = await begin(HOURLY)
    await serve(world)
    await world.end()
    world.clock.jump(down)
    back = await begin(HOURLY, clock=world.clock, script=world.script)
    await serve(back)
    assert len(await back.runs()) == runs
    noted = await audit(back, "schedule.missed")
    assert [f'"count":{missed}' in row.detail for row in noted] == ([True] if missed else [])
    assert await back.store.verify_audit() is None


async def test_a_restart_starts_no_due_time_twice(begin: Begin) -> None:
    world = await begin(HOURLY)
    await serve(world)
    await world.pass_time(timedelta(hours=1), step=MINUTE)
    for _ in range(3):
        await world.end()
        world = await begin(HOURLY, clock=world.clock, script=world.script)
        await serve(world)
    assert len(await world.runs()) == 1


async def test_a_crash_right_after_the_start_starts_it_once(begin: Begin) -> None:
    world = await begin(HOURLY, failpoint="run.created")
    await serve(world)
    await world.pass_time(timedelta(hours=1), step=MINUTE)
    await world.end()
    back = await begin(HOURLY, clock=world.clock, script=world.script)
    await serve(back)
    await back.pass_time(5 * MINUTE, step=MINUTE)
    assert [run.state for run in await back.runs()] == [RunState.SUCCEEDED]


async def test_a_changed_schedule_counts_from_now(begin: Begin) -> None:
    world = await begin(HOURLY)
    await serve(world)
    await world.end()
    back = await begin(HOURLY.replace("0 * * * *", "30 * * * *"), clock=world.clock, script=world.script)
    await serve(back)
    assert (await schedule(back, "check")).next_due_at == START + timedelta(minutes=30)


@pytest.mark.parametrize("mode", ["off", "gone"])
async def test_a_policy_that_is_off_or_gone_starts_nothing(begin: Begin, mode: str) -> None:
    world = await begin(HOURLY + "guards: [{promql: {query: allowed}}]\n")
    world.script.promql["allowed"] = EMPTY
    await serve(world)
    await world.pass_time(timedelta(hours=1), step=MINUTE)
    await world.end()
    text = HOURLY + "mode: off\n" if mode == "off" else HOURLY.replace("policy: check", "policy: other")
    back = await begin(text, clock=world.clock, script=world.script)
    await serve(back)
    await back.pass_time(timedelta(minutes=58), step=MINUTE)
    assert (await schedule(back, "check")).next_due_at is None
    (episode,) = await every(back, Episode)
    assert isinstance(episode, Episode)
    assert not episode.open
    assert await back.runs() == []


CATCH_ALL = """
policy: all
match: ['alertname =~ ".+"']
target: thing/b
options: [{name: act, steps: [{uses: test.act, with: {thing: b, value: 1}}]}]
"""


async def test_no_other_policy_takes_it_for_an_alert(begin: Begin) -> None:
    world = await begin(HOURLY + "guards: [{promql: {query: allowed}}]\n", CATCH_ALL)
    world.script.promql["allowed"] = EMPTY
    await serve(world)
    await world.pass_time(timedelta(hours=1), step=MINUTE)
    await serve(world)
    assert await world.runs() == []


async def test_an_alert_starts_no_scheduled_policy(begin: Begin) -> None:
    world = await begin(HOURLY)
    await serve(world)
    await world.fire("check", schedule="0 * * * *")
    assert [one.outcome for one in await world.decisions()] == [Outcome.NO_MATCH]


def test_a_long_time_down_is_not_counted_to_the_end() -> None:
    now = START + timedelta(days=365)
    due = due_times(CronCalendar(), Written(cron="* * * * *"), START, now)
    assert due is not None
    assert (due.fresh, due.missed, due.next_at) == (False, MOST_COUNTED, now + MINUTE)
