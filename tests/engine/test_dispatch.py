"""Which of many due timers are handled: the important first, and none never."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from remediator.engine.dispatch import Dispatcher
from remediator.runs.records import TimerKind
from remediator.store.base import Tx
from remediator.store.sqlite.store import open_store
from tests.engine.world import START, JumpingClock

WORKERS = 8


@pytest.mark.parametrize("important", [20, 600])
async def test_what_is_due_for_longest_has_its_turn_behind_no_matter_what(
    tmp_path: Path, important: int
) -> None:
    clock, store = JumpingClock(), await open_store(tmp_path / "db.sqlite")
    begun: list[int] = []
    all_busy, go = asyncio.Event(), asyncio.Event()

    async def handle(subject: int) -> None:
        begun.append(subject)
        if len(begun) == WORKERS:
            all_busy.set()
        await go.wait()
        await store.write(lambda tx: tx.clear_timer(TimerKind.DECIDE, subject))

    def work(tx: Tx) -> None:
        for subject in range(important):
            tx.set_timer(TimerKind.DECIDE, subject, START, priority=1)
        tx.set_timer(TimerKind.DECIDE, 5000, START - timedelta(hours=1), priority=100)
        tx.set_timer(TimerKind.DECIDE, 6000, START - timedelta(minutes=1), priority=100)

    await store.write(work)
    dispatcher = Dispatcher(store, clock, {TimerKind.DECIDE: handle}, WORKERS, {})
    dispatcher.wake()
    await all_busy.wait()
    assert begun == [0, 1, 2, 3, 4, 5, 6, 5000]
    go.set()
    await dispatcher.idle()
    assert sorted(begun) == [*range(important), 5000, 6000]
    await dispatcher.stop()
    await store.close()


async def test_a_kind_with_a_bound_of_its_own_takes_no_more(tmp_path: Path) -> None:
    clock, store = JumpingClock(), await open_store(tmp_path / "db.sqlite")
    now, most = 0, 0

    async def handle(subject: int) -> None:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await store.write(lambda tx: tx.clear_timer(TimerKind.SHADOW, subject))
        now -= 1

    def work(tx: Tx) -> None:
        for subject in range(9):
            tx.set_timer(TimerKind.SHADOW, subject, START)

    await store.write(work)
    dispatcher = Dispatcher(store, clock, {TimerKind.SHADOW: handle}, WORKERS, {TimerKind.SHADOW: 2})
    dispatcher.wake()
    await dispatcher.idle()
    assert most == 2
    await dispatcher.stop()
    await store.close()
