"""A storm of notices: a bounded number of messages, one summary for the rest, and nothing lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remediator.engine.summaries import MOST_MESSAGES
from remediator.runs.news import NewsKind, NoticeState
from remediator.runs.states import RunState
from tests.engine.conftest import Begin
from tests.engine.test_escalation import audit, details
from tests.engine.test_news import CHANNELS as FEW_CHANNELS
from tests.engine.test_news import HOTEL, INCIDENTS, Postbox, notices
from tests.engine.world import POLICY, World

MINUTE = timedelta(minutes=1)
STORM = 40
CHANNELS = {**FEW_CHANNELS, "limits": {"runs_per_minute": 1000}}
SERVER = {"server": {"public_url": "https://remediator.example"}}
EACH_ITS_OWN = POLICY.replace('{{ labels.thing | default("a") }}', "{{ labels.instance }}")
TELL = EACH_ITS_OWN + "notify: {channel: incidents, on: [started]}\n"


@pytest.fixture
def post() -> Postbox:
    return Postbox()


async def storm(world: World, count: int = STORM) -> None:
    for number in range(count):
        await world.fire(fingerprint=f"f{number}", instance=str(number))


async def test_a_few_come_one_by_one(begin: Begin, post: Postbox) -> None:
    world = await begin(TELL, sender=post, **CHANNELS)
    await storm(world, MOST_MESSAGES)
    assert len(post.sent[INCIDENTS]) == MOST_MESSAGES
    assert {notice.kind for notice in await notices(world)} == {NewsKind.STARTED}


async def test_a_storm_becomes_a_bounded_number_of_messages(begin: Begin, post: Postbox) -> None:
    world = await begin(TELL, sender=post, **CHANNELS, **SERVER)
    # What the channel is given all at once, when it is back, is the storm at its worst.
    post.dead.add(INCIDENTS)
    await storm(world)
    post.dead.clear()
    await world.pass_time(5 * MINUTE)
    started = [notice for notice in await notices(world) if notice.kind is NewsKind.STARTED]
    assert len(started) == STORM
    sent = post.sent[INCIDENTS]
    assert len(sent) == 2, "what had been tried, and one summary"
    assert sent[-1] == f"{STORM - 1} notices in a short time"
    assert "https://remediator.example/runs/" in post.bodies[-1]
    assert "And 9 more." in post.bodies[-1]
    assert post.bodies[-1].count("remediation of thing/") == STORM - 1 - 9


async def test_each_notice_is_accounted_for_in_the_audit_log(begin: Begin, post: Postbox) -> None:
    world = await begin(TELL, sender=post, **CHANNELS)
    post.dead.add(INCIDENTS)
    await storm(world)
    post.dead.clear()
    await world.pass_time(5 * MINUTE)
    queued = {row["notice_id"]: row["kind"] for row in details(await audit(world, "notice.queued"))}
    sent = {row["notice_id"] for row in details(await audit(world, "notice.sent"))}
    summed_up = {row["notice_id"]: row["summary"] for row in details(await audit(world, "notice.summarised"))}
    (summary,) = set(summed_up.values())
    assert queued[summary] == "summary"
    assert summary in sent
    assert set(queued) == sent | set(summed_up)
    assert sum(notice.state is NoticeState.SUMMARISED for notice in await notices(world)) == len(summed_up)
    assert await world.store.verify_audit() is None


async def test_what_trickles_in_waits_for_room_and_goes_together(begin: Begin, post: Postbox) -> None:
    world = await begin(TELL, sender=post, **CHANNELS)
    for number in range(STORM):
        await world.fire(fingerprint=f"f{number}", instance=str(number))
        await world.pass_time(timedelta(seconds=1), step=timedelta(seconds=1))
    assert len(post.sent[INCIDENTS]) == MOST_MESSAGES
    await world.pass_time(MINUTE, step=timedelta(seconds=1))
    assert post.sent[INCIDENTS][MOST_MESSAGES] == f"{STORM - MOST_MESSAGES} notices in a short time"
    assert {notice.state for notice in await notices(world)} == {NoticeState.SENT, NoticeState.SUMMARISED}


async def test_audiences_and_languages_are_not_mixed_and_people_come_first(
    begin: Begin, post: Postbox
) -> None:
    tell = """
notify:
  - {channel: hotel, on: [started, failed]}
  - {channel: hotel, audience: stakeholders, language: es, on: [started]}
escalate: [{after: 0s, to: manager}]
"""
    settings = {**CHANNELS, "contacts": {"manager": {"channel": "hotel"}}}
    world = await begin(EACH_ITS_OWN + tell, sender=post, **settings)
    post.dead.add(HOTEL)
    await storm(world, 12)
    post.dead.clear()
    await world.pass_time(10 * MINUTE)
    spanish = [title for title in post.sent[HOTEL] if "avisos en poco tiempo" in title]
    assert spanish == ["12 avisos en poco tiempo"]
    body = post.bodies[post.sent[HOTEL].index(spanish[0])]
    assert "thing/" not in body
    english = next(title for title in post.sent[HOTEL] if "notices in a short time" in title)
    assert english.endswith("for which somebody is needed")
    first, *_, last = post.bodies[post.sent[HOTEL].index(english)].splitlines()
    assert "escalated" in first.lower() or "needs" in first.lower()
    assert "started" in last


async def test_a_storm_of_notices_delays_no_run(begin: Begin, post: Postbox) -> None:
    world = await begin(TELL, sender=post, **CHANNELS)
    await storm(world)
    assert {run.state for run in await world.runs()} == {RunState.SUCCEEDED}
    assert len(post.sent[INCIDENTS]) <= MOST_MESSAGES


async def test_a_restart_goes_on_with_a_summary_that_was_not_sent(begin: Begin, post: Postbox) -> None:
    first = await begin(TELL, sender=post, **CHANNELS)
    post.dead.add(INCIDENTS)
    await storm(first, 15)
    await first.pass_time(MINUTE)
    post.dead.clear()
    await first.end()
    second = await begin(clock=first.clock, sender=post, **CHANNELS)
    await second.pass_time(10 * MINUTE)
    assert sum("notices in a short time" in title for title in post.sent[INCIDENTS]) == 1
    assert NoticeState.PENDING not in {notice.state for notice in await notices(second)}
