"""A storm of alerts: what matters most is acted on, the rest waits until it is over, nothing is lost."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from remediator.alerts import AlertStatus
from remediator.runs.audit import AuditAction
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.states import RunState
from remediator.runs.storms import Storm
from remediator.store.base import Filter, Order
from tests.engine.conftest import Begin
from tests.engine.world import World, alert_of, payload_of

POLICY = """
policy: NAME
priority: PRIORITY
match: ['alertname = "NAME"']
target: 'thing/{{ labels.n }}'
recheck: 5m
options:
  - {name: look, steps: [{uses: test.look}]}
"""
PLAIN = POLICY.replace("NAME", "plain").replace("PRIORITY", "100")
IMPORTANT = POLICY.replace("NAME", "important").replace("PRIORITY", "50")
LIMITS = {
    "concurrent_runs": 100,
    "runs_per_minute": 1000,
    "storm": {"enter": 6, "leave": 3, "within": "1m", "calm_for": "2m"},
}


async def fire(world: World, name: str, count: int, first: int = 0, severity: str = "warning") -> None:
    """Deliver alerts one by one, each different, without time passing."""
    world.script.looks["look"] = True
    for at in range(first, first + count):
        labels = {"n": str(at), "severity": severity}
        alert = alert_of(AlertStatus.FIRING, name, f"{name}-{at}", labels, world.clock.now())
        await world.parts.intake.accept("default", payload_of(alert))
    await world.settle()


async def acted_on(world: World) -> list[str]:
    return [
        run.target.removeprefix("thing/") for run in await world.runs() if run.state is RunState.SUCCEEDED
    ]


async def storms(world: World) -> list[str]:
    """Return the audit log's rows about storms, in order."""
    where = Filter(
        one_of={"action": [str(AuditAction.STORM_BEGAN), str(AuditAction.STORM_ENDED)]}, order=Order.OLDEST
    )
    return [row.action for row in await world.store.read(lambda reads: reads.audit_rows(where))]


async def test_in_a_storm_only_what_matters_most_is_acted_on_and_the_rest_afterwards(begin: Begin) -> None:
    world = await begin(PLAIN, IMPORTANT, limits=LIMITS)
    await fire(world, "plain", 5)
    assert sorted(await acted_on(world)) == ["0", "1", "2", "3", "4"], "not a storm yet"
    await fire(world, "plain", 4, first=5)
    await fire(world, "plain", 1, first=20, severity="critical")
    await fire(world, "important", 1, first=30)
    # The sixth made it a storm, and was decided before the storm was noticed; then it is for others.
    acted = await acted_on(world)
    assert {"20", "30"} <= set(acted)
    assert not {"6", "7", "8"} & set(acted)
    assert await storms(world) == ["storm.began"]
    blocked = [one for one in await world.decisions() if one.outcome is Outcome.BLOCKED]
    assert {one.reason for one in blocked} == {Reason.STORM}
    assert "since" in blocked[0].detail
    await world.pass_time(timedelta(minutes=4), step=timedelta(seconds=10))
    assert await storms(world) == ["storm.began", "storm.ended"]
    assert sorted(map(int, await acted_on(world))) == [*range(9), 20, 30], "nothing was left behind"


async def test_between_the_two_thresholds_it_stays_as_it_is(begin: Begin) -> None:
    world = await begin(PLAIN, limits=LIMITS)
    for at in range(10):
        await fire(world, "plain", 4, first=4 * at)
        await world.pass_time(timedelta(minutes=1), step=timedelta(seconds=10))
    assert await storms(world) == []
    await fire(world, "plain", 6, first=100)
    for at in range(10):
        await world.pass_time(timedelta(seconds=50), step=timedelta(seconds=10))
        await fire(world, "plain", 3, first=200 + 3 * at)
    assert await storms(world) == ["storm.began"]
    await world.pass_time(timedelta(minutes=2), step=timedelta(seconds=10))
    assert await storms(world) == ["storm.began"], "it was not calm for long enough"
    await world.pass_time(timedelta(minutes=2), step=timedelta(seconds=10))
    assert await storms(world) == ["storm.began", "storm.ended"]
    assert len(await acted_on(world)) == 76


async def test_a_restart_is_still_in_the_middle_of_it(begin: Begin) -> None:
    world = await begin(PLAIN, limits=LIMITS)
    await fire(world, "plain", 8)
    await world.end()
    again = await begin(PLAIN, limits=LIMITS, clock=world.clock, script=world.script)
    await fire(again, "plain", 1, first=50)
    assert "50" not in await acted_on(again)
    await again.pass_time(timedelta(minutes=5), step=timedelta(seconds=10))
    assert len(await acted_on(again)) == 9
    storm = await again.store.read(lambda reads: reads.get(Storm, 1))
    assert storm is not None
    assert storm.ended_at is not None
    assert await again.store.read(lambda reads: reads.storm()) is None


async def test_what_a_storm_did_is_written_down(begin: Begin) -> None:
    world = await begin(PLAIN, limits=LIMITS)
    await fire(world, "plain", 8)
    await world.pass_time(timedelta(minutes=4), step=timedelta(seconds=10))
    where = Filter(equal={"action": str(AuditAction.STORM_ENDED)})
    row = (await world.store.read(lambda reads: reads.audit_rows(where)))[0]
    detail = json.loads(row.detail)
    assert detail["woken"] >= 2
    assert detail["seconds"] >= 120


@pytest.mark.parametrize("limits", [{"enter": 5, "leave": 5}, {"enter": 1}])
async def test_thresholds_leave_room_between_them(begin: Begin, limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"leave must be below|greater than or equal to 2"):
        await begin(PLAIN, limits={"storm": limits})
