"""What a policy would have done, beside what happened: from a real store, filled by the real engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from remediator.authoring.shadow_history import ShadowHistory, read_history
from remediator.authoring.shadow_report import Ending, Line, Summary, lines_of, summarize
from remediator.runs.episodes import Episode
from remediator.runs.reasons import CloseReason
from tests.engine.world import EMPTY, HOLDS, OPS, POLICY, Script, World

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
# Its steps would take 5 s by the estimate, and its checks have to hold for 10 s.
SHADOW = (
    POLICY.replace("policy: fix", "policy: fix\nmode: shadow")
    .replace("within: 30s", "within: 30s, stable_for: 10s")
    .replace("options:", "guards:\n  - promql: {query: 'allowed'}\noptions:")
)
SAME = POLICY.replace("policy: fix", "policy: mend").replace("Broken", "Bent")
OTHER = SAME.replace("policy: mend", "policy: prod").replace("value: 1", "value: 2").replace("Bent", "Odd")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    script = Script(promql={"ok": EMPTY, "allowed": HOLDS}, values={"a": 1, "b": 1})
    begun = await World.begin(tmp_path, SHADOW, SAME, OTHER, script=script)
    yield begun
    await begun.end()


async def history(world: World, back: timedelta = 30 * DAY) -> ShadowHistory:
    now = world.clock.now()
    return await world.store.read(lambda reads: read_history(reads, "fix", now - back, now))


async def reported(world: World) -> tuple[Line, Summary]:
    found = await history(world)
    lines = lines_of(found)
    return lines[-1], summarize(found, lines)


async def by_hand(world: World, policy: str, thing: str = "a") -> None:
    await world.parts.by_hand.run(policy, labels={"thing": thing}, comment="x", override=True, actor=OPS)
    await world.settle()


async def test_what_resolved_by_itself_sooner_did_not_need_it(world: World) -> None:
    await world.fire()
    await world.pass_time(12 * SECOND, SECOND)
    await world.resolve()
    await world.pass_time(MINUTE)
    line, summary = await reported(world)
    assert (line.ending, line.resolved_after_seconds, line.close_reason) == (
        Ending.NEEDLESS,
        12.0,
        "resolved",
    )
    assert (line.run_would_end_after_seconds, line.open_longer_seconds) == (15.0, None)
    assert (line.option, line.steps, line.would_verify) == ("act", ("test.act",), "no")
    assert summary.endings == {Ending.NEEDLESS: 1}
    assert (summary.decisions, summary.planned, summary.seen, summary.targets) == (1, 1, 1, 1)


async def test_what_stayed_open_could_have_been_shorter_by_at_most_so_much(world: World) -> None:
    for number, minutes in enumerate((1, 2, 10)):
        await world.fire(fingerprint=f"f{number}", thing=f"t{number}")
        await world.pass_time(minutes * MINUTE)
        await world.resolve(fingerprint=f"f{number}", thing=f"t{number}")
    line, summary = await reported(world)
    assert (line.ending, line.open_longer_seconds) == (Ending.STAYED, 585.0)
    assert summary.endings == {Ending.STAYED: 3}
    assert (summary.open_longer_median_seconds, summary.open_longer_p90_seconds) == (105.0, 585.0)
    assert summary.targets == 3


async def test_an_alert_that_is_still_open_counts_until_now(world: World) -> None:
    await world.fire()
    assert (await reported(world))[0].ending is Ending.UNCLEAR
    await world.pass_time(MINUTE)
    line, _ = await reported(world)
    assert (line.ending, line.resolved_after_seconds, line.open_longer_seconds) == (Ending.STAYED, None, 45.0)


async def test_nobody_knows_when_a_presumed_end_was(world: World) -> None:
    await world.fire()
    await world.pass_time(MINUTE)
    await world.resolve()
    (episode,) = await world.store.read(lambda reads: [reads.get(Episode, 1)])
    assert episode is not None
    presumed = replace(episode, close_reason=CloseReason.PRESUMED_RESOLVED)
    await world.store.write(lambda tx: tx.save(presumed))
    line, _ = await reported(world)
    assert (line.ending, line.open_longer_seconds) == (Ending.UNCLEAR, None)


@pytest.mark.parametrize(("policy", "same"), [("mend", True), ("prod", False)])
async def test_runs_by_hand_are_compared_with_the_plan(world: World, policy: str, same: bool) -> None:
    await world.fire()
    await world.pass_time(8 * SECOND, SECOND)
    await by_hand(world, policy)
    await world.resolve()
    line, summary = await reported(world)
    (act,) = line.by_hand
    assert (act.policy, act.actor, act.after_seconds, act.same) == (policy, "ops", 8.0, same)
    assert (summary.same_by_hand, summary.otherwise_by_hand) == (int(same), int(not same))


async def test_somebody_who_acted_makes_it_no_recovery_by_itself(world: World) -> None:
    world.script.promql["ok"] = HOLDS
    await world.fire()
    await world.pass_time(8 * SECOND, SECOND)
    await by_hand(world, "mend")
    await world.resolve()
    assert world.clock.now() - (await world.run()).created_at < 5 * SECOND
    line, _ = await reported(world)
    assert line.ending is Ending.ACTED_ON


async def test_asking_for_the_policy_itself_counts_though_shadow_did_not_run_it(world: World) -> None:
    await world.fire()
    await world.pass_time(8 * SECOND, SECOND)
    await by_hand(world, "fix")
    assert await world.runs() == []
    line, summary = await reported(world)
    assert [(act.run_id, act.policy, act.same) for act in line.by_hand] == [(None, "fix", True)]
    assert (summary.decisions, summary.same_by_hand) == (1, 1)


async def test_another_policy_on_the_target_is_contention(world: World) -> None:
    await world.fire()
    await world.fire("Odd", "f2")
    line, summary = await reported(world)
    assert [(act.policy, act.actor) for act in line.other_policies] == [("prod", "remediator")]
    assert line.by_hand == ()
    assert summary.contended == 1


async def test_runs_elsewhere_before_or_after_do_not_count(world: World) -> None:
    await by_hand(world, "mend")
    await world.pass_time(MINUTE)
    await world.fire()
    await by_hand(world, "mend", thing="b")
    await world.resolve()
    await world.pass_time(MINUTE)
    await by_hand(world, "prod")
    line, _ = await reported(world)
    assert (len(await world.runs()), line.by_hand, line.other_policies) == (3, (), ())


async def test_checks_that_held_before_are_counted(world: World) -> None:
    world.script.promql["ok"] = HOLDS
    await world.fire()
    await world.pass_time(MINUTE, SECOND)
    line, summary = await reported(world)
    assert (line.held_at_decision, line.first_held_after_seconds, line.would_verify) == (True, 0.0, "yes")
    assert (summary.held_at_decision, summary.held_at_decision_known) == (1, 1)
    assert summary.verification == {"yes": 1}


async def test_blocks_and_faults_are_counted_by_episode(tmp_path: Path) -> None:
    broken = SHADOW.replace("value: 1", "value: '{{ labels.missing }}'")
    world = await World.begin(
        tmp_path, broken, script=Script(promql={"ok": EMPTY, "allowed": EMPTY}, values={"a": 1})
    )
    await world.fire()
    world.script.promql["allowed"] = HOLDS
    await world.pass_time(2 * MINUTE)
    found = await history(world)
    await world.end()
    assert found.blocked == {"precondition": 1, "template_error": 1}
    assert (found.episodes, found.faulty_episodes, found.decisions) == (1, 1, ())


async def test_no_option_is_a_decision_without_a_plan(tmp_path: Path) -> None:
    policy = SHADOW.replace("  - name: act\n", "  - name: act\n    when: 'false'\n")
    world = await World.begin(
        tmp_path, policy, script=Script(promql={"ok": EMPTY, "allowed": HOLDS}, values={"a": 1})
    )
    await world.fire()
    line, summary = await reported(world)
    await world.end()
    assert (line.option, line.reason, line.ending) == (None, "no_option_applies", Ending.UNCLEAR)
    assert (summary.decisions, summary.planned, summary.no_option) == (1, 0, 1)


async def test_the_busiest_times(world: World) -> None:
    for number in range(3):
        await world.fire(fingerprint=f"f{number}", thing=f"t{number}")
    await world.pass_time(DAY, timedelta(hours=1))
    await world.fire(fingerprint="next", thing="next")
    _, summary = await reported(world)
    assert (summary.busiest_day, summary.busiest_minute, summary.most_at_once) == (3, 3, 3)
    assert summary.days == 1.0


async def test_what_was_before_is_left_out(world: World) -> None:
    await world.fire()
    await world.pass_time(2 * DAY, timedelta(hours=1))
    await world.fire(fingerprint="f2", thing="b")
    found = await history(world, back=DAY)
    assert [decision.record.target for decision in found.decisions] == ["thing/b"]
