"""Lives of a remediator, from alert to end, that a crash may cut anywhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from remediator.alerts import AlertStatus
from remediator.runs.answers import Answer
from tests.engine.test_crashes import JOB
from tests.engine.world import ANA, EMPTY, HOLDS, OPS, POLICY, START, Script, World, alert_of, payload_of

Stimulus = Callable[[World], Awaitable[None]]
"""What comes from outside. Cut off by a crash it comes again, as Alertmanager and people do."""

MINUTE = timedelta(minutes=1)
CHANNELS: Mapping[str, Any] = {
    "channels": {name: [f"env:{name.upper()}_URL"] for name in ("incidents", "pagers")},
    "contacts": {"lead": {"channel": "pagers"}, "l2": {"channel": "pagers"}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One life."""

    policy: str
    stimuli: Sequence[Stimulus]
    settings: Mapping[str, Any] = field(default_factory=dict)
    promql: Mapping[str, Answer] = field(default_factory=lambda: {"ok": HOLDS, "never": EMPTY})

    def script(self) -> Script:
        """Return how the world is at the beginning."""
        return Script(promql=dict(self.promql), values={"a": 1, "b": 1})


def delivered(status: AlertStatus, *things: str) -> Stimulus:
    """Alerts in one delivery."""

    async def deliver(world: World) -> None:
        now = world.clock.now()
        alerts = [alert_of(status, "Broken", f"f{thing}", {"thing": thing}, now) for thing in things]
        await world.parts.intake.accept("default", payload_of(*alerts))

    return deliver


fire, resolve = delivered(AlertStatus.FIRING, "a"), delivered(AlertStatus.RESOLVED, "a")


async def approve(world: World) -> None:
    run = await world.run()
    await world.parts.approvals.vote(
        run.id, plan_hash=run.plan_hash or "", actor=ANA, approve=True, comment="looked"
    )


async def undo_by_hand(world: World) -> None:
    run = await world.run()
    await world.parts.control.revert(run.id, actor=OPS, comment="enough")


def until(since_start: timedelta, step: timedelta = MINUTE) -> Stimulus:
    async def wait(world: World) -> None:
        await world.pass_time(START + since_start - world.clock.now(), step=step)

    return wait


ASKED = POLICY + "guards: [{approval: {from: [oncall], expires: 30m}}]\n"
LEASED = """
policy: fix
match: ['alertname = "Broken"']
target: thing/a
options:
  - name: set
    steps:
      - {uses: test.set, with: {thing: a, value: 5}}
      - {uses: test.act, with: {thing: a, value: 1}}
    verify: {promql: ok, within: 10s}
    revert: {on: [expiry], after: 30m}
"""
SCHEDULED = """
policy: check
schedule: {cron: "0 * * * *", grace: 10m}
target: thing/a
options:
  - {name: act, steps: [{uses: test.act, with: {thing: a, value: 1}}], verify: {promql: ok, within: 10s}}
"""
TELLING = (
    POLICY.replace("promql: 'ok'", "promql: 'never'")
    + """notify: {channel: incidents}
escalate: [{after: 5m, to: lead}, {after: 10m, to: l2}]
"""
)
IN_LINE = """
policy: fix
match: ['alertname = "Broken"']
target: 'thing/{{ labels.thing }}'
recheck: 1m
options:
  - name: act
    steps: [{uses: test.act, with: {thing: a, value: '{{ labels.thing }}'}}]
    verify: {promql: 'ok', within: 30s, every: 5s}
"""
RETRIED = POLICY.replace("test.act", "test.repeatable")

SCENARIOS: Mapping[str, Scenario] = {
    "second option, then back": Scenario(policy=JOB, stimuli=[fire, resolve]),
    "approved by a person": Scenario(policy=ASKED, stimuli=[fire, approve, resolve]),
    "nobody approves": Scenario(policy=ASKED, stimuli=[fire, until(31 * MINUTE), resolve]),
    "back when the lease expires": Scenario(policy=LEASED, stimuli=[fire, until(40 * MINUTE), resolve]),
    "people are told": Scenario(
        policy=TELLING, settings=CHANNELS, stimuli=[fire, until(12 * MINUTE), resolve]
    ),
    "started by a schedule": Scenario(policy=SCHEDULED, stimuli=[until(61 * MINUTE)]),
    "undone by a person": Scenario(policy=LEASED, stimuli=[fire, undo_by_hand, resolve]),
    "three that need the same": Scenario(
        policy=IN_LINE, stimuli=[delivered(AlertStatus.FIRING, *"123"), until(3 * MINUTE)]
    ),
    "an idempotent step": Scenario(policy=RETRIED, stimuli=[fire, resolve]),
}
