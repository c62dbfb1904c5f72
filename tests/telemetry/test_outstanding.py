"""What waits or lags, read from a world in which it does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from remediator.engine.readiness import Unready
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.runs.states import RunState
from remediator.telemetry.metrics import Metrics
from remediator.telemetry.outstanding import UNDER_WAY, Outstanding, outstanding
from tests.engine.world import World

ASKING = """
policy: {name}
match: ['alertname = "{alert}"']
target: thing/{name}
guards:
  - approval: {{from: [oncall], expires: {expires}}}
options:
  - name: act
    steps:
      - {{uses: test.act, with: {{thing: a, value: 1}}}}
"""
LEASING = """
policy: lend
match: ['alertname = "Lent"']
target: thing/lend
options:
  - name: act
    steps:
      - {uses: test.set, with: {thing: a, value: 5}}
    revert: {on: [resolved, expiry], after: 1h, when: "false", if_not_ready: ask}
"""


async def look(world: World) -> Outstanding:
    now = world.clock.now()
    return await world.store.read(lambda reads: outstanding(reads, now))


async def test_requests_are_shown_by_policy_until_the_next_one_expires(tmp_path: Path) -> None:
    policies = [
        ASKING.format(name="slow", alert="Slow", expires="2h"),
        ASKING.format(name="quick", alert="Quick", expires="30m"),
    ]
    world = await World.begin(tmp_path, *policies)
    try:
        assert (await look(world)).approval_expires_in == {}
        await world.fire("Slow")
        await world.fire("Quick", "f2")
        world.clock.jump(timedelta(minutes=20))
        seen = await look(world)
        assert seen.approval_expires_in == {
            "slow": timedelta(minutes=100),
            "quick": timedelta(minutes=10),
        }
        assert seen.quiet[RunState.AWAITING_APPROVAL] == timedelta(minutes=20)
        assert seen.quiet[RunState.RUNNING] == timedelta(0)
        # Whatever is written about a run is a sign of life, of that run.
        first = AuditEntry(at=world.clock.now(), actor="test", action=AuditAction.RUN_JOINED, run_id=1)
        await world.store.write(lambda tx: tx.audit(first))
        assert (await look(world)).quiet[RunState.AWAITING_APPROVAL] == timedelta(minutes=20)
        second = AuditEntry(at=world.clock.now(), actor="test", action=AuditAction.RUN_JOINED, run_id=2)
        await world.store.write(lambda tx: tx.audit(second))
        assert (await look(world)).quiet[RunState.AWAITING_APPROVAL] == timedelta(0)
        world.clock.jump(timedelta(minutes=11))
        await world.settle()
        assert (await look(world)).approval_expires_in.keys() == {"slow"}
    finally:
        await world.end()


async def test_leases_past_their_time_are_overdue(tmp_path: Path) -> None:
    world = await World.begin(tmp_path, LEASING)
    try:
        await world.fire("Lent")
        assert (await look(world)).leases_overdue == {}
        world.clock.jump(timedelta(minutes=61))
        assert (await look(world)).leases_overdue == {"lend": 1}
        await world.settle()
        assert (await look(world)).leases_overdue == {"lend": 1}
    finally:
        await world.end()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry, version="0", sources=(), actions=(), guards=())


def test_gauges_follow_and_what_waits_no_more_is_gone(registry: CollectorRegistry) -> None:
    shown = metrics(registry)
    quiet = dict.fromkeys(UNDER_WAY, timedelta(seconds=5))
    shown.set_outstanding(
        Outstanding(
            quiet=quiet,
            approval_expires_in={"pms": timedelta(minutes=1)},
            leases_overdue={"pms": 2},
            storm=True,
        )
    )
    pms = {"policy": "pms"}
    assert registry.get_sample_value("remediator_run_quiet_seconds", {"state": "running"}) == 5
    assert registry.get_sample_value("remediator_approval_expires_in_seconds", pms) == 60
    assert registry.get_sample_value("remediator_leases_overdue", pms) == 2
    assert registry.get_sample_value("remediator_storm") == 1
    nothing = dict.fromkeys(UNDER_WAY, timedelta(0))
    shown.set_outstanding(Outstanding(quiet=nothing, approval_expires_in={}, leases_overdue={}, storm=False))
    assert registry.get_sample_value("remediator_storm") == 0
    assert registry.get_sample_value("remediator_run_quiet_seconds", {"state": "running"}) == 0
    assert registry.get_sample_value("remediator_approval_expires_in_seconds", pms) is None
    assert registry.get_sample_value("remediator_leases_overdue", pms) is None


def test_readiness_is_shown_with_every_reason(registry: CollectorRegistry) -> None:
    shown = metrics(registry)
    shown.set_unready(["draining"])
    reasons = {
        reason: registry.get_sample_value("remediator_unready", {"reason": reason}) for reason in Unready
    }
    assert (registry.get_sample_value("remediator_ready"), reasons) == (
        0,
        {reason: reason is Unready.DRAINING for reason in Unready},
    )
    shown.set_unready([])
    assert registry.get_sample_value("remediator_ready") == 1
    assert registry.get_sample_value("remediator_unready", {"reason": "draining"}) == 0
