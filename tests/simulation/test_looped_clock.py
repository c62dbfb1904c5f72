"""Virtual time passes only when nothing else can happen, exactly, and the same way each time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.simulation.looped_clock import LoopedClock, LoopedEventLoop, StuckError, run_looped

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_two_sleepers_wake_in_order_at_their_times() -> None:
    async def main(loop: LoopedEventLoop) -> list[tuple[str, timedelta]]:
        clock, woken = LoopedClock(START, loop), list[tuple[str, timedelta]]()

        async def sleeper(name: str, duration: timedelta, times: int) -> None:
            for _ in range(times):
                await clock.sleep(duration)
                woken.append((name, clock.now() - START))

        await asyncio.gather(sleeper("slow", seconds(3600), 2), sleeper("quick", seconds(1500), 4))
        return woken

    expected = [
        ("quick", 1500),
        ("quick", 3000),
        ("slow", 3600),
        ("quick", 4500),
        ("quick", 6000),
        ("slow", 7200),
    ]
    assert run_looped(main) == [(name, seconds(at)) for name, at in expected]
    assert run_looped(main) == run_looped(main)


def test_a_timeout_strikes_at_its_time_and_not_before() -> None:
    async def main(loop: LoopedEventLoop) -> list[timedelta]:
        ends = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(90):
                await asyncio.sleep(91)
        ends.append(loop.passed)
        async with asyncio.timeout(90):
            await asyncio.sleep(89)
        ends.append(loop.passed)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 11)
        ends.append(loop.passed)
        return ends

    assert run_looped(main) == [seconds(90), seconds(179), seconds(190)]


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=30))
def test_time_adds_up_to_the_microsecond(sleeps_us: list[int]) -> None:
    async def main(loop: LoopedEventLoop) -> timedelta:
        clock = LoopedClock(START, loop)
        for microseconds in sleeps_us:
            await clock.sleep(timedelta(microseconds=microseconds))
        return clock.now() - START

    assert run_looped(main) == timedelta(microseconds=sum(sleeps_us))


def test_settled_lets_all_that_needs_no_time_happen_and_no_time_pass() -> None:
    async def main(loop: LoopedEventLoop) -> tuple[list[int], timedelta]:
        done = list[int]()

        async def hop(left: int) -> None:
            while left:
                await asyncio.sleep(0)
                left -= 1
                done.append(left)
            await asyncio.sleep(5)
            done.append(-1)

        task = asyncio.create_task(hop(20))
        await loop.settled()
        seen, passed = list(done), loop.passed
        task.cancel()
        return seen, passed

    assert run_looped(main) == (list(reversed(range(20))), timedelta(0))


def test_waiting_for_nothing_is_an_error_and_not_for_ever() -> None:
    async def main(loop: LoopedEventLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(StuckError, match="no timer is left"):
        run_looped(main)


def test_what_is_never_done_with_is_an_error_and_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: LoopedEventLoop) -> None:
        def again() -> None:
            loop.call_soon(again)

        again()
        await asyncio.Event().wait()

    monkeypatch.setattr("remediator.simulation.looped_clock._MOST_TURNS", 1000)
    with pytest.raises(StuckError, match="time stands still"):
        run_looped(main)


def test_as_many_turns_as_it_takes_when_time_passes_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: LoopedEventLoop) -> None:
        for _ in range(2000):
            await asyncio.sleep(1)

    monkeypatch.setattr("remediator.simulation.looped_clock._MOST_TURNS", 1000)
    run_looped(main)
