"""News: queued with what it tells, carried by channel, in order, and never in the way."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from datetime import timedelta
from typing import Any

import pytest

from remediator.actions.base import FailureReason, ambiguous, failed
from remediator.clients.errors import ClientError, Fault
from remediator.engine.courier import MOST_ATTEMPTS, RETRIED_FOR
from remediator.runs.news import Channel, NewsKind, Notice, NoticeState
from remediator.runs.records import TimerKind
from remediator.runs.states import RunState
from remediator.settings import Mode
from remediator.store.base import Filter, Order
from tests.engine.conftest import Begin
from tests.engine.test_escalation import LEASED, NO_OPTION, audit, details
from tests.engine.world import ANA, EMPTY, OPS, POLICY, World

MINUTE = timedelta(minutes=1)
CHANNELS: dict[str, Any] = {
    "channels": {name: [f"env:{name.upper()}_URL"] for name in ("incidents", "hotel", "pagers")},
    "contacts": {"lead": {"channel": "pagers"}, "jefa": {"channel": "pagers", "language": "es"}},
}
TELL = "notify: {channel: incidents}\n"


class Postbox:
    """A sender that keeps what it is given; channels can be dead, or slow until a gate opens."""

    def __init__(self) -> None:
        self.sent: dict[str, list[str]] = defaultdict(list)
        self.bodies: list[str] = []
        self.dead: set[str] = set()
        self.gates: dict[str, asyncio.Event] = {}
        self.entered: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.came = asyncio.Event()

    async def send(self, reference: str, title: str, body: str) -> None:
        self.entered[reference].set()
        if reference in self.gates:
            await self.gates[reference].wait()
        if reference in self.dead:
            raise ClientError(Fault.LOST, "the connection broke")
        self.sent[reference].append(title)
        self.came.set()
        self.bodies.append(body)

    async def arrived(self, reference: str, count: int) -> None:
        while len(self.sent[reference]) < count:
            self.came.clear()
            await self.came.wait()


INCIDENTS, HOTEL, PAGERS = "env:INCIDENTS_URL", "env:HOTEL_URL", "env:PAGERS_URL"


@pytest.fixture
def post() -> Postbox:
    return Postbox()


async def notices(world: World) -> list[Notice]:
    return await world.store.read(lambda reads: reads.select(Notice, Filter(order=Order.OLDEST, limit=500)))


async def kinds(world: World, channel: str = "incidents") -> list[str]:
    return [str(notice.kind) for notice in await notices(world) if notice.channel == channel]


async def channel_of(world: World, name: str = "incidents") -> Channel:
    found = await world.store.read(lambda reads: reads.select(Channel, Filter(equal={"name": name})))
    return found[0]


async def test_a_run_is_told_from_its_start_to_the_end_of_the_alert(begin: Begin, post: Postbox) -> None:
    world = await begin(POLICY + TELL, sender=post, **CHANNELS)
    await world.fire(severity="critical")
    await world.resolve(severity="critical")
    assert await kinds(world) == ["started", "succeeded", "resolved"]
    assert post.sent[INCIDENTS] == [
        "Broken: remediation of thing/a started",
        "Broken: thing/a remediated",
        "Broken: resolved (thing/a)",
    ]
    assert [notice.state for notice in await notices(world)] == [NoticeState.SENT] * 3
    rows = await audit(world, "run.state_changed", "notice.queued", "notice.sent")
    assert rows[1].action == "notice.queued", "queued in the transaction of what it tells"
    assert await world.store.verify_audit() is None


async def test_what_is_not_asked_for_is_not_told(begin: Begin, post: Postbox) -> None:
    world = await begin(POLICY + "notify: {channel: incidents, on: [failed]}\n", sender=post, **CHANNELS)
    await world.fire()
    await world.resolve()
    assert await notices(world) == []


async def test_where_no_channel_is_configured_nothing_is_queued(begin: Begin, post: Postbox) -> None:
    world = await begin(POLICY + "notify: {channel: incidents, every: 1m}\n", sender=post)
    await world.fire()
    await world.pass_time(5 * MINUTE)
    await world.resolve()
    assert await notices(world) == []
    assert await audit(world, "notice.failed") == []


async def test_in_shadow_nothing_is_told(begin: Begin, post: Postbox) -> None:
    policy = POLICY + TELL + "escalate: [{after: 0s, to: lead}]\n"
    world = await begin(policy, mode=Mode.SHADOW, sender=post, **CHANNELS)
    await world.fire()
    await world.pass_time(MINUTE)
    await world.resolve()
    assert await notices(world) == []
    assert not post.sent


async def test_who_has_to_decide_is_told_what_on(begin: Begin, post: Postbox) -> None:
    guards = "guards: [{approval: {from: [oncall], expires: 30m}}]\n"
    facts = "diagnose: [{fact: cause, uses: test.look, with: {name: cause}}]\n"
    policy = POLICY + guards + facts + TELL
    world = await begin(policy, sender=post, server={"public_url": "https://remediator.example"}, **CHANNELS)
    world.script.looks["cause"] = "rate limited"
    await world.fire()
    run = await world.run()
    (body,) = post.bodies
    assert run.plan_hash is not None
    for said in (
        "oncall: approvals needed: 1, until 2026-01-05 12:30 UTC",
        "- cause: rate limited",
        "1. test.act thing=a value=1",
        f"Plan hash: {run.plan_hash}",
        "Look and decide: https://remediator.example/runs/1\n",
    ):
        assert said in body
    await world.parts.approvals.vote(run.id, plan_hash=run.plan_hash, actor=ANA, approve=True, comment="")
    await world.settle()
    assert await kinds(world) == ["awaiting_approval", "started", "succeeded"]


@pytest.mark.parametrize("end", ["needs_human", "expired"])
async def test_what_only_a_person_can_take_further_is_always_told(
    begin: Begin, post: Postbox, end: str
) -> None:
    guards = "guards: [{approval: {from: [oncall], expires: 5m}}]\n"
    policy = (NO_OPTION if end == "needs_human" else POLICY + guards) + (
        "notify: [{channel: incidents, on: [succeeded]}, {channel: hotel, audience: stakeholders}]\n"
        "escalate: [{after: 2h, to: jefa}]\n"
    )
    world = await begin(policy, sender=post, **CHANNELS)
    await world.fire()
    await world.pass_time(6 * MINUTE)
    assert await kinds(world) == [end]
    assert await kinds(world, "pagers") == ["escalated"]
    assert await kinds(world, "hotel") == []
    open_for = "0 s" if end == "needs_human" else "5 min"
    assert post.sent[PAGERS] == [f"Broken: escalada a jefa (thing/a), abierta desde hace {open_for}"]


async def test_a_blocked_alert_escalates_with_the_reason(begin: Begin, post: Postbox) -> None:
    policy = POLICY + "guards: [{promql: {query: 'never'}}]\nescalate: [{after: 15m, to: lead}]\n" + TELL
    world = await begin(policy, sender=post, **CHANNELS)
    world.script.promql["never"] = EMPTY
    await world.fire()
    await world.pass_time(20 * MINUTE, step=MINUTE)
    assert post.sent[PAGERS] == ["Broken: escalated to lead, thing/a open for 15 min"]
    assert "Status: nothing has been done (blocked, precondition)" in post.bodies[0]
    assert "remediator episodes ack 1" in post.bodies[0]
    assert await kinds(world) == ["escalated"]


async def test_degraded_mode_is_told_when_it_starts_and_when_it_ends(begin: Begin, post: Postbox) -> None:
    words = "communication: {en: {issue: Reservations are limited, degraded: Bookings use a stand-in}}\n"
    tell = "notify: {channel: hotel, audience: stakeholders}\n"
    world = await begin(LEASED + words + tell, sender=post, **CHANNELS)
    world.script.looks["up"] = True
    await world.fire()
    await world.pass_time(MINUTE)
    await world.resolve()
    await world.pass_time(MINUTE)
    assert await kinds(world, "hotel") == ["started", "degraded", "resolved", "restored"]
    assert "Status: Bookings use a stand-in" in post.bodies[1]
    for body in post.bodies:
        for technical in ("thing/a", "test.set", "fix", "Broken", "Run "):
            assert technical not in body


async def test_a_change_that_was_there_already_is_no_degraded_mode(begin: Begin, post: Postbox) -> None:
    world = await begin(LEASED + TELL, sender=post, **CHANNELS)
    world.script.values["a"] = 7
    await world.fire()
    await world.pass_time(MINUTE)
    assert await kinds(world) == ["started", "succeeded"]


async def test_updates_come_every_so_often_until_it_is_over(begin: Begin, post: Postbox) -> None:
    tell = "notify: {channel: incidents, on: [started], every: 15m}\n"
    world = await begin(NO_OPTION + tell, sender=post, **CHANNELS)
    await world.fire()
    await world.pass_time(20 * MINUTE, step=MINUTE)
    await world.end()
    world = await begin(NO_OPTION + tell, clock=world.clock, script=world.script, sender=post, **CHANNELS)
    await world.settle()
    await world.pass_time(30 * MINUTE, step=MINUTE)
    assert await kinds(world) == ["needs_human", "update", "update", "update"]
    ats = [notice.created_at for notice in await notices(world)]
    assert [later - ats[0] for later in ats] == [MINUTE * n for n in (0, 15, 30, 45)]
    await world.resolve()
    await world.pass_time(timedelta(hours=1), step=MINUTE)
    assert await kinds(world) == ["needs_human", "update", "update", "update"]
    assert await world.store.read(lambda reads: reads.timers(TimerKind.NEWS_UPDATE)) == 0


async def test_a_dead_channel_delays_nothing_and_its_failure_is_seen(begin: Begin, post: Postbox) -> None:
    tell = "notify: [{channel: incidents}, {channel: hotel}]\n"
    world = await begin(POLICY + tell, sender=post, **CHANNELS)
    post.dead.add(INCIDENTS)
    await world.fire()
    assert (await world.run()).state is RunState.SUCCEEDED
    assert len(post.sent[HOTEL]) == 2
    channel = await channel_of(world)
    assert (channel.failures, channel.last_error) == (1, f"{INCIDENTS}: the connection broke")
    assert len(await audit(world, "notice.delayed")) == 1
    post.dead.clear()
    await world.pass_time(MINUTE)
    assert post.sent[INCIDENTS] == post.sent[HOTEL], "in the order in which it happened"
    assert (await channel_of(world)).failures == 0


async def test_a_slow_channel_holds_up_neither_the_run_nor_other_channels(
    begin: Begin, post: Postbox
) -> None:
    tell = "notify: [{channel: incidents}, {channel: hotel}]\n"
    world = await begin(POLICY + tell, sender=post, **CHANNELS)
    post.gates[INCIDENTS] = asyncio.Event()
    world.script.gates["test.act"] = asyncio.Event()
    firing = asyncio.create_task(world.fire())
    await world.script.entered.setdefault("test.act", asyncio.Event()).wait()
    world.parts.dispatcher.wake()  # as the next tick would
    await post.entered[INCIDENTS].wait()
    world.script.gates["test.act"].set()
    await post.arrived(HOTEL, 2)  # the run goes to its end while the channel still hangs
    assert (await world.run()).state is RunState.SUCCEEDED
    assert not post.sent[INCIDENTS]
    post.gates[INCIDENTS].set()
    await firing
    await world.settle()
    assert len(post.sent[INCIDENTS]) == 2


async def test_a_restart_goes_on_with_what_was_not_sent(begin: Begin, post: Postbox) -> None:
    world = await begin(POLICY + TELL, sender=post, **CHANNELS)
    post.dead.add(INCIDENTS)
    await world.fire()
    await world.end()
    post.dead.clear()
    world = await begin(POLICY + TELL, clock=world.clock, script=world.script, sender=post, **CHANNELS)
    await world.pass_time(MINUTE)
    assert post.sent[INCIDENTS] == ["Broken: remediation of thing/a started", "Broken: thing/a remediated"]


async def test_retries_back_off_and_end(begin: Begin, post: Postbox) -> None:
    world = await begin(POLICY + "notify: {channel: incidents, on: [started]}\n", sender=post, **CHANNELS)
    post.dead.add(INCIDENTS)
    await world.fire()
    await world.pass_time(timedelta(hours=2))
    (notice,) = await notices(world)
    assert (notice.state, notice.attempts) == (NoticeState.FAILED, MOST_ATTEMPTS)
    delayed = details(await audit(world, "notice.delayed"))
    assert len(delayed) == MOST_ATTEMPTS - 1
    (row,) = await audit(world, "notice.failed")
    assert json.loads(row.detail)["error"] == f"{INCIDENTS}: the connection broke"


async def test_old_news_does_not_come_when_a_channel_is_back(begin: Begin, post: Postbox) -> None:
    world = await begin(POLICY + TELL, sender=post, **CHANNELS)
    post.dead.add(INCIDENTS)
    await world.fire()
    await world.resolve()
    await world.pass_time(RETRIED_FOR + 10 * MINUTE)
    post.dead.clear()
    await world.fire(fingerprint="f2", thing="b")
    await world.pass_time(10 * MINUTE)
    states = [notice.state for notice in await notices(world)]
    assert states == [NoticeState.FAILED] * 3 + [NoticeState.SENT] * 2


async def test_only_the_urls_that_failed_are_tried_again(begin: Begin, post: Postbox) -> None:
    channels = {"incidents": ["env:INCIDENTS_URL", "env:HOTEL_URL"]}
    policy = POLICY + "notify: {channel: incidents, on: [started]}\n"
    world = await begin(policy, sender=post, channels=channels)
    post.dead.add(INCIDENTS)
    await world.fire()
    post.dead.clear()
    await world.pass_time(MINUTE)
    assert len(post.sent[HOTEL]) == len(post.sent[INCIDENTS]) == 1
    (notice,) = await notices(world)
    assert notice.delivered == (HOTEL, INCIDENTS)


async def test_a_failed_run_is_told_as_such(begin: Begin, post: Postbox) -> None:
    world = await begin(POLICY + TELL, sender=post, **CHANNELS)
    world.script.promql["ok"] = EMPTY
    await world.fire()
    await world.pass_time(MINUTE)
    assert await kinds(world) == ["started", "failed"]
    assert (await notices(world))[1].kind is NewsKind.FAILED


async def test_a_revert_that_failed_is_told(begin: Begin, post: Postbox) -> None:
    world = await begin(LEASED + TELL, sender=post, **CHANNELS)
    world.script.looks["up"] = True
    await world.fire()
    world.script.outcomes["undo"] = deque([failed(FailureReason.UNEXPECTED, "no")])
    await world.resolve()
    await world.pass_time(MINUTE)
    assert await kinds(world) == ["started", "degraded", "succeeded", "resolved", "revert_failed"]


async def test_a_cancelled_run_is_told_and_a_resolved_one_only_as_resolved(
    begin: Begin, post: Postbox
) -> None:
    guards = "guards: [{approval: {from: [oncall], expires: 30m}}]\n"
    world = await begin(POLICY + guards + TELL, sender=post, **CHANNELS)
    await world.fire()
    await world.parts.control.cancel(1, actor=OPS, comment="by hand", kill=False)
    await world.settle()
    assert await kinds(world) == ["awaiting_approval", "failed"]
    await world.fire(fingerprint="f2", thing="b")
    await world.resolve(fingerprint="f2", thing="b")
    assert await kinds(world) == ["awaiting_approval", "failed", "awaiting_approval", "resolved"]


async def test_a_channel_that_is_gone_gives_its_news_up(begin: Begin, post: Postbox) -> None:
    world = await begin(POLICY + TELL, sender=post, **CHANNELS)
    post.dead.add(INCIDENTS)
    await world.fire()
    await world.end()
    world = await begin(POLICY, clock=world.clock, script=world.script, sender=post)
    await world.pass_time(MINUTE)
    assert {notice.state for notice in await notices(world)} == {NoticeState.FAILED}
    assert not post.sent


async def test_resolved_is_told_once_when_all_that_a_run_serves_is_over(begin: Begin, post: Postbox) -> None:
    guards = "guards: [{approval: {from: [oncall], expires: 30m}}]\n"
    tell = "notify: {channel: incidents, on: [resolved, started, awaiting_approval]}\n"
    world = await begin(POLICY + guards + tell, sender=post, **CHANNELS)
    await world.fire()
    await world.fire(fingerprint="f2", pod="two")
    assert len(await world.runs()) == 1, "the second joins"
    await world.resolve()
    assert await kinds(world) == ["awaiting_approval"]
    await world.resolve(fingerprint="f2", pod="two")
    assert await kinds(world) == ["awaiting_approval", "resolved"]


async def test_a_run_by_hand_that_needs_a_person_is_told_to_the_first_contact(
    begin: Begin, post: Postbox
) -> None:
    escalate = "escalate: [{after: 15m, to: lead}, {after: 30m, to: jefa}]\n"
    world = await begin(POLICY + escalate, sender=post, **CHANNELS)
    world.script.outcomes["test.act"] = deque([ambiguous(FailureReason.LOST, "no reply")])
    await world.parts.by_hand.run("fix", labels={"thing": "a"}, comment="", override=False, actor=OPS)
    await world.settle()
    assert (await world.run()).state is RunState.NEEDS_HUMAN
    (told,) = details(await audit(world, "escalation.told"))
    assert (told["to"], told["cause"], told["again"]) == ("lead", "needs_human", False)
    assert len(post.sent[PAGERS]) == 1
    await world.pass_time(60 * MINUTE, step=MINUTE)
    assert len(post.sent[PAGERS]) == 1, "no clocks run where no alert is"


async def test_a_run_by_hand_that_goes_well_calls_nobody(begin: Begin, post: Postbox) -> None:
    world = await begin(POLICY + "escalate: [{after: 0s, to: lead}]\n", sender=post, **CHANNELS)
    await world.parts.by_hand.run("fix", labels={"thing": "a"}, comment="", override=False, actor=OPS)
    await world.pass_time(MINUTE)
    assert (await world.run()).state is RunState.SUCCEEDED
    assert await notices(world) == []
