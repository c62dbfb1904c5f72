"""Escalation: clocks that start with the episode, and end with it or with whoever acknowledges it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.engine.rungs import due_rungs, wants_a_look
from remediator.policy.telling import Escalation as Rung
from remediator.runs.answers import Answer
from remediator.runs.audit import AuditRow
from remediator.runs.news import Escalation, EscalationCause
from remediator.runs.records import TimerKind
from remediator.runs.states import RunState
from remediator.settings import Mode
from remediator.store.base import Filter, Order
from tests.engine.conftest import Begin
from tests.engine.world import EMPTY, HOLDS, OPS, POLICY, START, World

MINUTE = timedelta(minutes=1)
TOLD = "escalation.told"
CONTACTS: dict[str, Any] = {
    "channels": {"incidents": ["env:INCIDENTS_URL"]},
    "contacts": {name: {"channel": "incidents"} for name in ("lead", "l2", "executives")},
}
MATRIX = "escalate: [{after: 15m, to: lead}, {after: 30m, to: l2}, {after: 2h, to: executives}]\n"
BLOCKED = POLICY + "guards: [{promql: {query: 'never'}}]\n"


async def audit(world: World, *actions: str) -> list[AuditRow]:
    rows = await world.store.read(lambda reads: reads.audit_rows(Filter(order=Order.OLDEST, limit=5000)))
    return [row for row in rows if row.action in actions]


def at(row: AuditRow) -> timedelta:
    return datetime.fromisoformat(row.at) - START


def details(rows: list[AuditRow]) -> list[dict[str, Any]]:
    return [json.loads(row.detail) for row in rows]


async def told(world: World, action: str = TOLD) -> list[tuple[timedelta, str]]:
    rows = await audit(world, action)
    return [(at(row), detail["to"]) for row, detail in zip(rows, details(rows), strict=True)]


async def blocked_world(begin: Begin, escalate: str = MATRIX, **settings: Any) -> World:
    world = await begin(BLOCKED + escalate, **{**CONTACTS, **settings})
    world.script.promql["never"] = EMPTY
    return world


async def test_the_matrix_of_the_runbooks_runs_whatever_was_decided(begin: Begin) -> None:
    world = await blocked_world(begin)
    await world.fire()
    await world.pass_time(timedelta(hours=3), step=MINUTE)
    assert await world.runs() == []
    assert await told(world) == [
        (15 * MINUTE, "lead"),
        (30 * MINUTE, "l2"),
        (120 * MINUTE, "executives"),
    ]
    (row, *_) = await audit(world, TOLD)
    assert (row.alertname, row.policy, row.target, row.episode_id) == ("Broken", "fix", "thing/a", 1)
    assert details([row])[0]["seconds_open"] == 900


async def test_a_restart_in_the_middle_tells_each_rung_once(begin: Begin) -> None:
    world = await blocked_world(begin)
    await world.fire()
    await world.pass_time(20 * MINUTE, step=MINUTE)
    await world.end()
    world.clock.jump(timedelta(hours=1))  # the second rung came due while nobody was there
    world = await begin(BLOCKED + MATRIX, clock=world.clock, script=world.script, **CONTACTS)
    await world.settle()
    await world.pass_time(timedelta(hours=2), step=MINUTE)
    assert await told(world) == [
        (15 * MINUTE, "lead"),
        (80 * MINUTE, "l2"),
        (120 * MINUTE, "executives"),
    ]


async def test_resolving_ends_the_clocks_and_says_who_was_not_told(begin: Begin) -> None:
    world = await blocked_world(begin)
    await world.fire()
    await world.pass_time(20 * MINUTE, step=MINUTE)
    await world.resolve()
    await world.pass_time(timedelta(hours=3), step=MINUTE)
    assert await told(world) == [(15 * MINUTE, "lead")]
    assert details(await audit(world, "escalation.ended")) == [
        {"escalation_id": 1, "reason": "closed", "not_told": ["l2", "executives"]}
    ]
    assert await world.store.read(lambda reads: reads.timers(TimerKind.ESCALATION)) == 0


async def test_an_acknowledgement_ends_the_clocks(begin: Begin) -> None:
    world = await blocked_world(begin)
    await world.fire()
    await world.pass_time(20 * MINUTE, step=MINUTE)
    await world.parts.control.acknowledge(1, actor=OPS, comment="on it", duration=None)
    await world.pass_time(timedelta(hours=3), step=MINUTE)
    assert await told(world) == [(15 * MINUTE, "lead")]


async def test_an_acknowledgement_for_a_time_lapses_and_what_came_due_is_told(begin: Begin) -> None:
    world = await blocked_world(begin)
    await world.fire()
    await world.parts.control.acknowledge(1, actor=OPS, comment="", duration=None)
    await world.pass_time(MINUTE)
    await world.parts.control.acknowledge(1, actor=OPS, comment="", duration=timedelta(minutes=40))
    await world.pass_time(timedelta(hours=3), step=MINUTE)
    assert await told(world) == [
        (41 * MINUTE, "lead"),
        (41 * MINUTE, "l2"),
        (120 * MINUTE, "executives"),
    ]


@pytest.mark.parametrize("where", ["server", "policy", "drill"])
async def test_in_shadow_it_is_noted_and_nobody_is_told(begin: Begin, where: str) -> None:
    policy = "mode: shadow\n" + BLOCKED if where == "policy" else BLOCKED
    mode = Mode.SHADOW if where == "server" else Mode.ENFORCE
    world = await begin(policy + MATRIX, mode=mode, **CONTACTS)
    world.script.promql["never"] = EMPTY
    await world.fire(**({"drill": "true"} if where == "drill" else {}))
    await world.pass_time(timedelta(hours=1), step=MINUTE)
    assert await told(world) == []
    assert await told(world, "escalation.would_tell") == [(15 * MINUTE, "lead"), (30 * MINUTE, "l2")]


async def test_several_breakers_open_at_once_and_the_query_must_hold(begin: Begin) -> None:
    query = "count(breaker == 2) > 1"
    world = await blocked_world(begin, f"escalate: [{{promql: '{query}', hold: 2m, to: lead}}]\n")
    world.script.promql[query] = HOLDS
    await world.fire()
    await world.pass_time(MINUTE)
    world.script.promql[query] = EMPTY
    await world.pass_time(MINUTE)
    world.script.promql[query] = HOLDS
    await world.pass_time(MINUTE)
    world.script.promql[query] = Answer(error="Prometheus can't be reached")
    await world.pass_time(MINUTE / 2)
    assert await told(world) == []
    world.script.promql[query] = HOLDS
    await world.pass_time(2 * MINUTE)
    ((when, to),) = await told(world)
    assert to == "lead"
    assert timedelta(seconds=240) <= when <= timedelta(seconds=260)


async def test_nobody_looked_for_a_while_so_the_hold_begins_anew(begin: Begin) -> None:
    policy = "escalate: [{promql: 'bad', hold: 2m, to: lead}]\n"
    world = await blocked_world(begin, policy)
    world.script.promql["bad"] = HOLDS
    await world.fire()
    await world.pass_time(MINUTE)
    await world.end()
    world.clock.jump(10 * MINUTE)
    world = await begin(BLOCKED + policy, clock=world.clock, script=world.script, **CONTACTS)
    await world.settle()
    assert await told(world) == []
    await world.pass_time(3 * MINUTE)
    assert [when for when, _ in await told(world)] == [13 * MINUTE]


NO_OPTION = """
policy: fix
match: ['alertname = "Broken"']
target: thing/a
diagnose: [{fact: cause, uses: test.look, with: {name: cause}}]
options:
  - {name: act, when: facts.cause == "known", steps: [{uses: test.act, with: {thing: a, value: 1}}]}
"""


async def test_an_unknown_cause_after_half_an_hour(begin: Begin) -> None:
    escalate = 'escalate: [{after: 2h, to: l2}, {after: 30m, when: "run.option is none", to: lead}]\n'
    world = await begin(NO_OPTION + escalate, **CONTACTS)
    await world.fire()
    await world.pass_time(timedelta(hours=1), step=MINUTE)
    assert await told(world) == [(timedelta(0), "l2"), (30 * MINUTE, "lead")]
    (first, second) = details(await audit(world, TOLD))
    assert (first["cause"], second["cause"]) == ("no_option_applies", "when")


async def test_a_condition_reads_facts_afresh(begin: Begin) -> None:
    escalate = "escalate: [{when: 'facts.cause == \"breach\"', to: lead}]\n"
    world = await begin(NO_OPTION + "guards: [{promql: {query: 'never'}}]\n" + escalate, **CONTACTS)
    world.script.promql["never"] = EMPTY
    world.script.looks["cause"] = "slow"
    await world.fire()
    await world.pass_time(3 * MINUTE)
    assert await told(world) == []
    world.script.looks["cause"] = "breach"
    await world.pass_time(3 * MINUTE)
    assert [to for _, to in await told(world)] == ["lead"]


async def test_no_option_applies_in_shadow_is_noted_once(begin: Begin) -> None:
    world = await begin(NO_OPTION + MATRIX, mode=Mode.SHADOW, **CONTACTS)
    await world.fire()
    await world.pass_time(MINUTE)
    assert await told(world, "escalation.would_tell") == [(timedelta(0), "lead")]


async def test_an_approval_that_nobody_answers_escalates_at_once(begin: Begin) -> None:
    guards = "guards: [{approval: {from: [oncall], expires: 5m}}]\n"
    world = await begin(POLICY + guards + MATRIX, **CONTACTS)
    await world.fire()
    await world.pass_time(20 * MINUTE)
    # The first rung was told of the expiry; its clock does not tell it again.
    assert await told(world) == [(5 * MINUTE, "lead")]
    (detail,) = details(await audit(world, TOLD))
    assert (detail["cause"], detail["again"]) == ("expired", False)


async def test_whoever_acknowledged_is_not_passed_over(begin: Begin) -> None:
    guards = "guards: [{approval: {from: [oncall], expires: 5m}}]\n"
    world = await begin(POLICY + guards + MATRIX, **CONTACTS)
    await world.fire()
    await world.parts.control.acknowledge(1, actor=OPS, comment="", duration=None)
    await world.pass_time(20 * MINUTE)
    assert (await world.run()).state is RunState.EXPIRED
    assert await told(world) == []


LEASED = """
policy: fix
match: ['alertname = "Broken"']
target: thing/a
diagnose: [{fact: up, uses: test.look, with: {name: up}}]
options:
  - name: set
    steps: [{uses: test.set, with: {thing: a, value: 7}}]
    verify: {promql: 'ok', within: 30s}
    revert: {on: [resolved, expiry], after: 4h, when: facts.up}
"""


async def test_a_lease_that_can_not_be_undone_is_told_before_its_end(begin: Begin) -> None:
    world = await begin(LEASED + "escalate: [{after: 24h, to: lead}]\n", **CONTACTS)
    world.script.looks["up"] = False
    await world.fire()
    await world.pass_time(timedelta(hours=5), step=MINUTE)
    rows = await audit(world, TOLD)
    assert [detail["cause"] for detail in details(rows)] == ["lease_ending", "lease_overdue"]
    assert timedelta(hours=3, minutes=45) <= at(rows[0]) <= timedelta(hours=3, minutes=46)
    assert timedelta(hours=4) <= at(rows[1]) <= timedelta(hours=4, minutes=1)
    assert len(await audit(world, "lease.ending")) == 1


async def test_a_lease_that_can_be_undone_ends_without_a_word(begin: Begin) -> None:
    world = await begin(LEASED + "escalate: [{after: 24h, to: lead}]\n", **CONTACTS)
    world.script.looks["up"] = True
    await world.fire()
    await world.pass_time(timedelta(hours=5), step=MINUTE)
    assert await audit(world, TOLD, "lease.ending") == []


async def test_a_failed_revert_escalates_though_the_alert_is_over(begin: Begin) -> None:
    world = await begin(LEASED + "escalate: [{after: 24h, to: lead}]\n", **CONTACTS)
    world.script.looks["up"] = True
    await world.fire()
    world.script.values["a"] = 99  # somebody changed it since
    await world.resolve()
    await world.pass_time(MINUTE)
    (detail,) = details(await audit(world, TOLD))
    assert (detail["cause"], detail["to"]) == ("revert_failed", "lead")


async def test_a_second_cause_tells_the_first_contact_again(begin: Begin) -> None:
    guards = "guards: [{approval: {from: [oncall], expires: 5m}}]\n"
    escalate = "escalate: [{after: 1m, to: lead}, {after: 24h, to: l2}]\n"
    world = await begin(POLICY + guards + escalate, **CONTACTS)
    await world.fire()
    await world.pass_time(20 * MINUTE)
    assert await told(world) == [(MINUTE, "lead"), (5 * MINUTE, "lead")]
    assert [detail["again"] for detail in details(await audit(world, TOLD))] == [False, True]


async def test_a_policy_that_is_gone_tells_nobody(begin: Begin) -> None:
    world = await blocked_world(begin)
    await world.fire()
    await world.end()
    (world.folder / "policies" / "0.yaml").unlink()
    other = BLOCKED.replace("policy: fix", "policy: other")
    world = await begin(other, clock=world.clock, script=world.script, **CONTACTS)
    await world.pass_time(timedelta(hours=1), step=MINUTE)
    assert await told(world) == []
    assert [detail["reason"] for detail in details(await audit(world, "escalation.ended"))] == [
        "policy_removed"
    ]


async def test_the_audit_log_holds_together(begin: Begin) -> None:
    world = await blocked_world(begin)
    await world.fire()
    await world.pass_time(timedelta(hours=3), step=MINUTE)
    assert await world.store.verify_audit() is None


# The pure part: what is due never depends on how often somebody looks.

PLAIN = st.integers(0, 120).map(lambda minutes: Rung(after=timedelta(minutes=minutes), to="lead"))


@given(rungs=st.lists(PLAIN, min_size=1, max_size=4), looks=st.lists(st.integers(0, 200), max_size=8))
def test_each_rung_is_told_once_and_never_early(rungs: list[Rung], looks: list[int]) -> None:
    state = Escalation(id=1, admission_id=1, episode_id=1, policy="p", target="t", rungs=[], opened_at=START)
    found: dict[int, datetime] = {}
    for minutes in sorted({*looks, 200}):
        now = START + timedelta(minutes=minutes)
        assert wants_a_look(state, rungs, now) == []
        due = due_rungs(state, rungs, {}, now, MINUTE)
        for place, cause in due.rungs.items():
            assert place not in found
            assert cause is EscalationCause.AFTER
            assert now >= START + (rungs[place].after or timedelta(0))
            found[place] = now
        assert due.next_at is None or due.next_at > now
        state = Escalation(
            id=1,
            admission_id=1,
            episode_id=1,
            policy="p",
            target="t",
            rungs=[],
            opened_at=START,
            told={str(place): moment for place, moment in found.items()},
        )
    assert sorted(found) == list(range(len(rungs)))
