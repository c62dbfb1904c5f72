"""After a shadow decision its verification is looked at, as it would have been; and nothing acts."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from remediator.actions.wait import Wait
from remediator.engine import shadow_records
from remediator.engine.capabilities import capabilities_of
from remediator.engine.dispatch import Dispatcher, Handler
from remediator.engine.shadow import after_look
from remediator.engine.shadow_records import steps_last
from remediator.engine.verification import CheckLook
from remediator.policy.catalog import Catalog
from remediator.policy.loader import load_policies
from remediator.policy.model import Step
from remediator.runs.answers import Answer
from remediator.runs.plan import PlannedStep
from remediator.runs.records import TimerKind
from remediator.runs.shadow import ShadowObservation, ShadowReason, WouldVerify
from remediator.settings import Limits, Mode
from remediator.store.base import Filter, Order, Tx
from tests.engine.conftest import Begin
from tests.engine.world import EMPTY, HOLDS, POLICY, START, Script, World

SECOND = timedelta(seconds=1)
SHADOW = POLICY.replace("policy: fix", "policy: fix\nmode: shadow")
STABLE = SHADOW.replace("within: 30s", "within: 30s, stable_for: 10s")
ASKING = SHADOW.replace(
    "options:",
    "guards:\n  - cooldown: {for: 1h}\n  - promql: {query: 'broken'}\n"
    "  - approval: {from: [oncall], count: 2}\n"
    "options:",
)
# One step of which nothing is known: 5 s by the estimate.
STEPS_END = START + 5 * SECOND


def script(**promql: Answer) -> Script:
    return Script(promql=dict(promql), values={"a": 1, "b": 1})


async def observations(world: World) -> list[ShadowObservation]:
    return await world.store.read(
        lambda reads: reads.select(ShadowObservation, Filter(order=Order.OLDEST, limit=500))
    )


async def observed(world: World) -> ShadowObservation:
    (only,) = await observations(world)
    return only


async def audited(world: World, action: str) -> list[dict[str, Any]]:
    rows = await world.store.read(
        lambda reads: reads.audit_rows(Filter(equal={"action": action}, order=Order.OLDEST))
    )
    return [json.loads(row.detail) for row in rows]


async def shadow_timers(world: World) -> int:
    return await world.store.read(lambda reads: reads.timers(TimerKind.SHADOW))


def restarted(world: World) -> dict[str, Any]:
    return {"clock": world.clock, "script": world.script}


def nothing_acted(world: World) -> bool:
    return world.script.calls == []


async def test_what_comes_to_hold_by_itself_would_have_verified(begin: Begin) -> None:
    world = await begin(STABLE, script=script(ok=EMPTY))
    await world.fire()
    await world.pass_time(12 * SECOND, SECOND)
    world.script.promql["ok"] = HOLDS
    await world.pass_time(40 * SECOND, SECOND)
    seen = await observed(world)
    assert (seen.would_verify, seen.reason) == (WouldVerify.YES, ShadowReason.HELD)
    assert seen.steps_end_at == STEPS_END
    assert seen.held_at_decision is False
    assert seen.first_held_at == START + 15 * SECOND
    assert seen.finished_at == START + 25 * SECOND
    assert (seen.looks, seen.unanswered, seen.missed) == (5, 0, 0)
    assert nothing_acted(world)
    assert await world.runs() == []
    assert await world.store.read(lambda reads: reads.claims()) == []
    assert await shadow_timers(world) == 0


async def test_it_is_stored_with_the_decision_and_audited(begin: Begin) -> None:
    world = await begin(SHADOW)
    await world.fire()
    (decision,) = [record for record in await world.decisions() if record.outcome == "shadow"]
    assert (await observed(world)).decision_id == decision.id
    (watched,) = await audited(world, "shadow.watched")
    assert watched["decision_id"] == decision.id
    assert watched["plan_hash"] == decision.plan_hash
    assert await audited(world, "shadow.verified") == []
    await world.pass_time(6 * SECOND, SECOND)
    (verified,) = await audited(world, "shadow.verified")
    assert (verified["would_verify"], verified["held_at_decision"]) == ("yes", True)


async def test_what_never_holds_would_not_have_verified(begin: Begin) -> None:
    world = await begin(SHADOW, script=script(ok=EMPTY))
    await world.fire()
    await world.pass_time(34 * SECOND, SECOND)
    assert (await observed(world)).pending
    await world.pass_time(3 * SECOND, SECOND)
    seen = await observed(world)
    assert (seen.would_verify, seen.reason) == (WouldVerify.NO, ShadowReason.NOT_HELD)
    assert seen.finished_at == START + 35 * SECOND
    assert seen.last_look == [{"check": "ok", "held": False, "detail": "does not hold", "answered": True}]


async def test_a_break_begins_the_stability_anew(begin: Begin) -> None:
    world = await begin(STABLE)
    await world.fire()
    await world.pass_time(10 * SECOND, SECOND)
    world.script.promql["ok"] = EMPTY
    await world.pass_time(5 * SECOND, SECOND)
    world.script.promql["ok"] = HOLDS
    await world.pass_time(30 * SECOND, SECOND)
    seen = await observed(world)
    assert (seen.would_verify, seen.finished_at) == (WouldVerify.YES, START + 30 * SECOND)
    assert seen.first_held_at == START


@pytest.mark.parametrize(
    ("broken_from", "broken_for", "expected"),
    [
        (0, 60, (WouldVerify.UNKNOWN, ShadowReason.UNANSWERED)),
        (12, 5, (WouldVerify.UNKNOWN, ShadowReason.UNANSWERED)),
        (0, 3, (WouldVerify.NO, ShadowReason.NOT_HELD)),  # only the look at the decision
    ],
)
async def test_looks_that_fail_leave_it_unknown(
    begin: Begin, broken_from: int, broken_for: int, expected: tuple[WouldVerify, ShadowReason]
) -> None:
    error = Answer(error="Prometheus is down")
    world = await begin(SHADOW, script=script(ok=EMPTY if broken_from else error))
    await world.fire()
    await world.pass_time(broken_from * SECOND, SECOND)
    world.script.promql["ok"] = error
    await world.pass_time(broken_for * SECOND, SECOND)
    world.script.promql["ok"] = EMPTY
    await world.pass_time(60 * SECOND, SECOND)
    seen = await observed(world)
    assert (seen.would_verify, seen.reason) == expected
    assert seen.held_at_decision is (False if broken_from else None)


async def test_failed_looks_do_not_hide_that_it_held_in_the_end(begin: Begin) -> None:
    world = await begin(SHADOW, script=script(ok=Answer(error="down")))
    await world.fire()
    await world.pass_time(12 * SECOND, SECOND)
    world.script.promql["ok"] = HOLDS
    await world.pass_time(10 * SECOND, SECOND)
    assert (await observed(world)).would_verify is WouldVerify.YES


async def test_a_check_that_says_no_is_a_no_whatever_the_others_say(begin: Begin) -> None:
    policy = SHADOW.replace("promql: 'ok'", "all: [{promql: 'ok'}, {promql: 'other'}]")
    world = await begin(policy, script=script(ok=EMPTY, other=Answer(error="down")))
    await world.fire()
    await world.pass_time(60 * SECOND, SECOND)
    assert (await observed(world)).would_verify is WouldVerify.NO


async def test_checks_by_an_action_are_looked_at_too(begin: Begin) -> None:
    policy = SHADOW.replace("promql: 'ok'", "uses: test.look, with: {name: fine}")
    world = await begin(policy)
    await world.fire()
    await world.pass_time(10 * SECOND, SECOND)
    world.script.looks["fine"] = True
    await world.pass_time(10 * SECOND, SECOND)
    seen = await observed(world)
    assert (seen.would_verify, seen.held_at_decision, seen.unanswered) == (WouldVerify.YES, None, 2)
    assert nothing_acted(world)


async def test_a_restart_in_the_middle_goes_on(begin: Begin) -> None:
    world = await begin(STABLE, script=script(ok=EMPTY))
    await world.fire()
    await world.pass_time(12 * SECOND, SECOND)
    await world.end()
    again = await begin(STABLE, **restarted(world))
    again.script.promql["ok"] = HOLDS
    await again.pass_time(20 * SECOND, SECOND)
    seen = await observed(again)
    assert (seen.would_verify, seen.missed) == (WouldVerify.YES, 0)
    assert seen.first_held_at == START + 15 * SECOND
    assert seen.finished_at == START + 25 * SECOND


@pytest.mark.parametrize("answer", [HOLDS, EMPTY])
async def test_after_a_long_stop_nobody_knows(begin: Begin, answer: Answer) -> None:
    world = await begin(STABLE, script=script(ok=answer))
    await world.fire()
    await world.pass_time(6 * SECOND, SECOND)
    await world.end()
    world.clock.jump(timedelta(hours=1))
    again = await begin(STABLE, **restarted(world))
    await again.pass_time(20 * SECOND, SECOND)
    seen = await observed(again)
    assert (seen.would_verify, seen.reason) == (WouldVerify.UNKNOWN, ShadowReason.MISSED)


async def test_a_stop_right_after_the_decision_leaves_that_look_out(begin: Begin) -> None:
    world = await begin(SHADOW)
    await world.fire()
    first = replace(await observed(world), looked_at=None, held_at_decision=None, first_held_at=None)
    verify = first.plan.verify
    assert verify is not None
    looks = (CheckLook("ok", held=True, detail="holds"),)
    seen = after_look(first, verify, looks, STEPS_END + SECOND)
    assert (seen.would_verify, seen.held_at_decision) == (WouldVerify.YES, None)
    late = after_look(first, verify, looks, STEPS_END + timedelta(minutes=5))
    assert (late.would_verify, late.reason) == (WouldVerify.UNKNOWN, ShadowReason.MISSED)


async def test_a_resolve_in_the_middle_is_noted_and_the_looks_go_on(begin: Begin) -> None:
    world = await begin(SHADOW, script=script(ok=EMPTY))
    await world.fire()
    await world.pass_time(12 * SECOND, SECOND)
    await world.resolve()
    seen = await observed(world)
    assert seen.pending
    assert (seen.resolved_at, seen.close_reason) == (START + 12 * SECOND, "resolved")
    (resolved,) = await audited(world, "shadow.resolved")
    assert resolved["seconds_after_decision"] == 12.0
    world.script.promql["ok"] = HOLDS
    await world.pass_time(10 * SECOND, SECOND)
    seen = await observed(world)
    assert (seen.would_verify, seen.resolved_at) == (WouldVerify.YES, START + 12 * SECOND)


async def test_a_resolve_after_the_end_is_noted_as_well(begin: Begin) -> None:
    world = await begin(SHADOW)
    await world.fire()
    await world.pass_time(timedelta(minutes=10))
    await world.resolve()
    assert (await observed(world)).resolved_at == START + timedelta(minutes=10)


def reload(world: World, *policies: str) -> None:
    """Serve other policies from now on, as the job that watches the folder does."""
    folder = world.folder / "policies"
    for path in folder.iterdir():
        path.unlink()
    for number, text in enumerate(policies):
        (folder / f"{number}.yaml").write_text(text)
    engine = world.parts.engine
    guards = {name: guard.params for name, guard in engine.capabilities.guards.items()}
    catalog = Catalog(guards=guards, actions=engine.capabilities.actions)
    engine.policies.replace(load_policies(folder, catalog, engine.settings, now=world.clock.now()))


async def test_a_changed_policy_changes_nothing_of_what_is_looked_at(begin: Begin) -> None:
    world = await begin(SHADOW, script=script(ok=EMPTY, other=HOLDS))
    await world.fire()
    reload(world, SHADOW.replace("promql: 'ok'", "promql: 'other'"))
    await world.pass_time(20 * SECOND, SECOND)
    assert (await observed(world)).pending
    world.script.promql["ok"] = HOLDS
    await world.pass_time(10 * SECOND, SECOND)
    assert (await observed(world)).would_verify is WouldVerify.YES


async def test_a_removed_policy_ends_it(begin: Begin) -> None:
    world = await begin(SHADOW, script=script(ok=EMPTY))
    await world.fire()
    await world.pass_time(7 * SECOND, SECOND)
    reload(world, POLICY.replace("policy: fix", "policy: another").replace("Broken", "Bent"))
    await world.pass_time(10 * SECOND, SECOND)
    seen = await observed(world)
    assert (seen.would_verify, seen.reason) == (WouldVerify.UNKNOWN, ShadowReason.POLICY_REMOVED)
    assert await shadow_timers(world) == 0
    assert len(await audited(world, "shadow.verified")) == 1


async def test_a_raised_ceiling_lets_it_finish_and_acts_from_the_next_episode_on(begin: Begin) -> None:
    world = await begin(mode=Mode.SHADOW, script=script(ok=EMPTY))
    await world.fire()
    await world.pass_time(7 * SECOND, SECOND)
    await world.end()
    again = await begin(mode=Mode.ENFORCE, **restarted(world))
    await again.settle()
    assert nothing_acted(again)
    again.script.promql["ok"] = HOLDS
    await again.fire(fingerprint="f2")
    assert again.acted() == [("test.act", 1)]
    await again.pass_time(10 * SECOND, SECOND)
    seen = await observed(again)
    assert (seen.would_verify, seen.missed) == (WouldVerify.YES, 0)
    assert [run.episode_id for run in await again.runs()] == [2]


async def test_who_would_have_been_asked_and_what_guards_said_later(begin: Begin) -> None:
    world = await begin(ASKING, script=script(ok=EMPTY, broken=HOLDS))
    await world.fire()
    seen = await observed(world)
    assert seen.asks == [{"level": "policy", "from": ["oncall"], "count": 2, "expires": "30m"}]
    assert seen.guards_later is None
    world.script.promql["broken"] = EMPTY
    await world.pass_time(7 * SECOND, SECOND)
    later = (await observed(world)).guards_later
    # Its own entry in shadow's ledger is no cooldown to itself.
    assert [(verdict["guard"], verdict["reason"]) for verdict in later] == [("promql", "precondition")]


async def test_guards_that_still_allow_leave_an_empty_list(begin: Begin) -> None:
    world = await begin(ASKING, script=script(ok=EMPTY, broken=HOLDS))
    await world.fire()
    await world.pass_time(7 * SECOND, SECOND)
    assert (await observed(world)).guards_later == []


async def test_after_a_resolve_there_is_nobody_to_ask(begin: Begin) -> None:
    world = await begin(ASKING, script=script(ok=EMPTY, broken=HOLDS))
    await world.fire()
    await world.resolve()
    await world.pass_time(60 * SECOND, SECOND)
    seen = await observed(world)
    assert (seen.guards_later, seen.would_verify) == (None, WouldVerify.NO)


async def test_without_a_verification_there_is_nothing_to_see(begin: Begin) -> None:
    policy = "\n".join(line for line in SHADOW.splitlines() if "verify:" not in line)
    world = await begin(policy)
    await world.fire()
    seen = await observed(world)
    assert (seen.would_verify, seen.reason) == (WouldVerify.UNKNOWN, ShadowReason.NO_VERIFICATION)
    assert await shadow_timers(world) == 0


async def test_no_option_leaves_no_observation(begin: Begin) -> None:
    world = await begin(SHADOW.replace("  - name: act\n", "  - name: act\n    when: 'false'\n"))
    await world.fire()
    assert [record.reason for record in await world.decisions()][-1] == "no_option_applies"
    assert await observations(world) == []


async def test_a_storm_is_observed_only_so_far(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow_records, "MOST_AT_ONCE", 3)
    world = await begin(SHADOW, script=script(ok=EMPTY), limits={"runs_per_minute": 100})
    for number in range(5):
        await world.fire(fingerprint=f"f{number}", thing=f"t{number}")
    assert [seen.reason for seen in await observations(world)] == [None, None, None, "too_many", "too_many"]
    assert await shadow_timers(world) == 3
    await world.pass_time(60 * SECOND, SECOND)
    await world.fire(fingerprint="later", thing="later")
    assert (await observations(world))[-1].pending


async def test_equal_questions_within_a_tick_are_asked_once(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await begin(SHADOW, script=script(ok=EMPTY))
    asked: Counter[datetime] = Counter()
    scripted = world.script.promql.get

    class Counting(dict[str, Answer]):
        def get(self, key: str, default: Any = None) -> Any:
            asked[world.clock.now()] += 1
            return scripted(key, default)

    world.script.promql = Counting()
    for number in range(5):
        await world.fire(fingerprint=f"f{number}", thing=f"t{number}")
    await world.pass_time(30 * SECOND, SECOND)
    assert len(await observations(world)) == 5
    assert set(asked.values()) == {1}


async def test_real_work_goes_first(begin: Begin) -> None:
    world = await begin(SHADOW)
    await world.fire()
    await world.store.write(lambda tx: tx.set_timer(TimerKind.DRIVE, 99, START, 10**9))
    due = await world.store.read(lambda reads: reads.due_timers(START + timedelta(hours=1), 10))
    assert [timer.kind for timer in due] == [TimerKind.DRIVE, TimerKind.SHADOW]


async def test_few_look_at_once(begin: Begin) -> None:
    world = await begin(SHADOW)
    begun: Counter[TimerKind] = Counter()
    enough, go_on = asyncio.Event(), asyncio.Event()

    def handler(kind: TimerKind) -> Handler:
        async def handle(subject_id: int) -> None:
            begun[kind] += 1
            if begun.total() >= 7:
                enough.set()
            await go_on.wait()
            await world.store.write(lambda tx: tx.clear_timer(kind, subject_id))

        return handle

    kinds = (TimerKind.SHADOW, TimerKind.DRIVE)
    for kind in kinds:
        for number in range(10):
            await world.store.write(partial(_due, kind, number))
    handlers = {kind: handler(kind) for kind in kinds}
    dispatcher = Dispatcher(world.store, world.clock, handlers, 5, {TimerKind.SHADOW: 2})
    dispatcher.wake()
    await enough.wait()
    assert begun == {TimerKind.SHADOW: 2, TimerKind.DRIVE: 5}
    go_on.set()
    await dispatcher.idle()
    assert begun == {TimerKind.SHADOW: 10, TimerKind.DRIVE: 10}


def _due(kind: TimerKind, number: int, tx: Tx) -> None:
    tx.set_timer(kind, number, START)


async def test_steps_last_as_they_did_lately(begin: Begin) -> None:
    world = await begin(POLICY)
    await world.fire()
    (step,) = await world.steps(1)
    finished_at = step.started_at + 40 * SECOND
    await world.store.write(lambda tx: tx.save(replace(step, finished_at=finished_at)))
    await world.end()
    again = await begin(SHADOW, **restarted(world))
    await again.fire(fingerprint="f2", thing="b")
    seen = await observed(again)
    assert seen.steps_end_at - seen.decided_at == 40 * SECOND


async def test_waits_last_as_they_say_and_unknown_steps_five_seconds(begin: Begin) -> None:
    world = await begin(SHADOW)
    capabilities = capabilities_of({"wait": Wait(world.clock)}, Limits())
    said, deferred = ({"for": "90s"}, ()), ({"for": "{{ steps.a.b }}"}, (("for",),))
    steps = tuple(
        PlannedStep(action="wait", params=params, deferred=paths, step=Step(uses="wait"))
        for params, paths in (said, deferred)
    )
    await world.fire()
    plan = (await observed(world)).plan.model_copy(update={"steps": steps})
    lasts = await world.store.read(lambda reads: steps_last(reads, plan, capabilities))
    assert lasts == 95 * SECOND
