"""Lines of those who wait: who is woken first, and who next."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from remediator.runs.episodes import Admission
from remediator.runs.reasons import Reason
from remediator.runs.records import Run, TimerKind
from remediator.runs.states import RunState
from remediator.runs.waiting import IN_LINE
from remediator.store.base import Store, Tx
from tests.store.samples import MINUTE, NOW, admission, episode, run

LATER = NOW + 60 * MINUTE


@pytest.fixture(autouse=True)
def no_line_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remediator.store.sqlite.lines.SHORT", 0)


async def waiting(store: Store, *who: Admission) -> None:
    def work(tx: Tx) -> None:
        tx.add(episode())
        for one in who:
            tx.set_timer(TimerKind.DECIDE, tx.add(one).id, LATER)

    await store.write(work)


async def due(store: Store) -> list[tuple[TimerKind, int]]:
    timers = await store.read(lambda reads: reads.due_timers(NOW, 100))
    return [(timer.kind, timer.subject_id) for timer in timers]


async def the(store: Store, admission_id: int) -> Admission:
    found = await store.read(lambda reads: reads.get(Admission, admission_id))
    assert found is not None
    return found


async def next_after(store: Store, left: Admission) -> bool:
    return await store.write(lambda tx: tx.wake_after(left, NOW))


async def ahead_of(store: Store, one: Admission) -> int:
    return await store.read(lambda reads: reads.ahead_of(one, 2))


async def test_who_waits_for_others_is_woken_and_the_rest_left(store: Store) -> None:
    reasons = [*sorted(IN_LINE), Reason.COOLDOWN, Reason.HELD, None]
    over = admission(1, "over", reason=Reason.TARGET_BUSY, done=True)
    await waiting(store, *(admission(1, f"p{at}", reason=reason) for at, reason in enumerate(reasons)), over)
    assert await store.write(lambda tx: tx.wake_waiting(NOW)) == len(IN_LINE)
    assert sorted(await due(store)) == [(TimerKind.DECIDE, at + 1) for at in range(len(IN_LINE))]
    assert await store.write(lambda tx: tx.wake_waiting(NOW + MINUTE)) == 0, (
        "what is due already is not put off"
    )


async def test_of_each_line_the_most_important_is_woken_and_then_the_next(store: Store) -> None:
    busy = partial(admission, reason=Reason.TARGET_BUSY)
    line = [
        busy(1, "shared", priority=100, severity=2),
        replace(busy(1, "shared", priority=100, severity=0), episode_id=2),
        replace(busy(1, "shared", priority=50, severity=3), episode_id=3),
        replace(busy(1, "shared", priority=100, severity=0), episode_id=4),
        replace(busy(1, "other", priority=100), episode_id=4),
    ]
    await store.write(lambda tx: [tx.add(replace(episode(), fingerprint=f"f{at}")) for at in range(3)])
    await waiting(store, *line)
    await store.write(lambda tx: tx.wake_waiting(NOW))
    assert await due(store) == [(TimerKind.DECIDE, 3), (TimerKind.DECIDE, 5)]
    woken: list[int] = []
    left = await the(store, 3)
    while await next_after(store, left):
        woken += [subject for _, subject in await due(store) if subject not in (3, 5, *woken)]
        left = await the(store, woken[-1])
    assert woken == [2, 4, 1]
    assert [await ahead_of(store, await the(store, at)) for at in (3, 4, 1)] == [0, 2, 2], "two at most"


async def test_for_a_global_cap_all_policies_wait_together(store: Store) -> None:
    capped = partial(admission, 1, reason=Reason.GLOBAL_LIMIT)
    await waiting(store, capped("p1", priority=9), capped("p2", priority=3), capped("p3", priority=3))
    assert await store.write(lambda tx: tx.wake_waiting(NOW)) == 1
    assert await due(store) == [(TimerKind.DECIDE, 2)]


async def test_who_waits_for_the_very_target_is_woken_too(store: Store) -> None:
    busy = partial(admission, reason=Reason.TARGET_BUSY)
    await store.write(lambda tx: tx.add(replace(episode(), fingerprint="another")))
    await waiting(store, replace(busy(1, "p", target="a"), episode_id=2), busy(1, "p", target="b"))
    await store.write(lambda tx: tx.wake_waiting(NOW, "b"))
    assert sorted(await due(store)) == [(TimerKind.DECIDE, 1), (TimerKind.DECIDE, 2)]


async def test_the_end_of_a_hold_wakes_all_who_were_held_and_all_runs_that_wait(store: Store) -> None:
    states = [
        RunState.PLANNED,
        RunState.HELD,
        RunState.REVERTING,
        RunState.AWAITING_APPROVAL,
        RunState.RUNNING,
    ]
    held = partial(admission, 1, reason=Reason.HELD)
    await waiting(store, held("p1"), held("p2"), admission(1, "p3", reason=Reason.TARGET_BUSY))

    def runs(tx: Tx) -> None:
        for state in states:
            tx.set_timer(TimerKind.DRIVE, tx.add(run(state=state)).id, LATER)

    await store.write(runs)
    assert await store.write(lambda tx: tx.wake_all(Reason.HELD, NOW)) == 5
    assert sorted(await due(store)) == [
        (TimerKind.DECIDE, 1),
        (TimerKind.DECIDE, 2),
        *((TimerKind.DRIVE, run_id) for run_id in (1, 2, 3)),
    ]


async def test_of_runs_that_wait_the_first_is_woken_and_then_the_next(store: Store) -> None:
    def runs(tx: Tx) -> None:
        for target, priority in (("a", 9), ("b", 3), ("c", 5)):
            one = replace(
                run(state=RunState.PLANNED), target=target, priority=priority, reason=Reason.CONCURRENCY
            )
            tx.set_timer(TimerKind.DRIVE, tx.add(one).id, LATER)

    await store.write(runs)
    assert await store.write(lambda tx: tx.wake_waiting(NOW)) == 1
    assert await due(store) == [(TimerKind.DRIVE, 2)]
    second = await store.read(lambda reads: reads.get(Run, 2))
    assert second is not None
    assert await store.write(lambda tx: tx.wake_after(second, NOW))
    assert set(await due(store)) == {(TimerKind.DRIVE, 2), (TimerKind.DRIVE, 3)}


@pytest.mark.parametrize(("short", "woken"), [(3, 3), (2, 1)])
async def test_a_short_line_is_woken_as_a_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch, short: int, woken: int
) -> None:
    monkeypatch.setattr("remediator.store.sqlite.lines.SHORT", short)
    capped = partial(admission, 1, reason=Reason.GLOBAL_LIMIT)
    await waiting(store, capped("p1"), capped("p2"), capped("p3"))
    assert await store.write(lambda tx: tx.wake_waiting(NOW)) == woken
