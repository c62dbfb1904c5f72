"""Thousands of simulated lives, each from a seed of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

from torture.life.judging import EVENTS, live
from torture.trial import Trial

_AGAIN_EVERY = 25
"""One life in so many is lived twice: the same seed must give the same trace."""
_LONG_EVERY = 8
"""One in so many is a long one: many short ones find more, but not what takes its time."""
_SHORT_EVENTS = 12


def run(seed: int, budget: timedelta) -> Trial:
    """Live from one seed after the other until the time is over."""
    until = time.monotonic() + budget.total_seconds()
    violations: list[str] = []
    cases = 0
    while time.monotonic() < until or cases == 0:
        events = EVENTS if cases % _LONG_EVERY == 0 else _SHORT_EVENTS
        violations += broken_by(seed + cases, events=events, twice=cases % _AGAIN_EVERY == 0)
        cases += 1
    return Trial(
        promise="in whatever order things come, fail and are killed: one live run on a target, guards, holds "
        "and approvals kept, no effect twice, all written down, every temporary change back or told",
        cases=cases,
        violations=violations,
        repeat="python -m torture.life --seed SEED",
    )


def broken_by(seed: int, *, events: int = EVENTS, twice: bool = False) -> Iterator[str]:
    """Yield what a life breaks, with the command that lives it again."""
    again = f"python -m torture.life --seed {seed} --events {events}"
    try:
        lived = live(seed, events)
        other = live(seed, events) if twice else lived
    except Exception as error:  # noqa: BLE001  a life that falls over is told of with its seed, and others go on
        yield f"it fell over: {error!r} ({again})"
        return
    for violation in lived.violations:
        yield f"{violation} ({again})"
    if other.trace != lived.trace:
        yield f"two lives from the same seed gave two traces ({again})"
