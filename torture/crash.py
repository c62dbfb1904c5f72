"""Kills a remediator at each boundary of its life, and again while it recovers; and real ones by SIGKILL."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from tests.e2e.conftest import free_port
from tests.e2e.receiver import Receiver
from tests.faults.conftest import IN_MEMORY
from tests.faults.lives import Remains, Restarted, cuts_a_step, live, live_on, restart
from tests.faults.promises import differences, unsafe
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.struck_life import StruckLife
from torture.trial import Trial

# A kill, unlike a power cut, loses nothing that was written.
_IN_MEMORY = IN_MEMORY if IN_MEMORY.is_dir() else None
_MOST_KILLS = 4


def kills(seed: int, budget: timedelta) -> Trial:
    """Cut each life at each of its boundaries, and further on at random ones for as long as there is time."""
    chance, ends_at = random.Random(seed), time.monotonic() + budget.total_seconds()
    cases, violations, rounds = 0, list[str](), 0
    while not rounds or time.monotonic() < ends_at:
        for name, scenario in SCENARIOS.items():
            for knows in (True, False):
                if rounds and time.monotonic() > ends_at:
                    break
                with tempfile.TemporaryDirectory(dir=_IN_MEMORY) as folder:
                    lives, found = asyncio.run(
                        _cut(scenario, Path(folder), chance, knows=knows, again=rounds > 0)
                    )
                cases += sum(len(life.kills) for life in lives)
                violations += [f"{name}: {text}" for text in found]
        rounds += 1
    return Trial(
        promise="Killed before or after any commit or effect, and again while it recovers, nothing is lost, "
        "done twice or left hanging",
        cases=cases,
        violations=violations,
    )


async def _cut(
    scenario: Scenario, folder: Path, chance: random.Random, *, knows: bool, again: bool
) -> tuple[list[Restarted], list[str]]:
    whole, remains_of_each = await live(scenario, folder / "whole", knows=knows)
    lives = [
        await (
            _killed_again(scenario, remains, folder / "again", chance)
            if again
            else restart(scenario, remains)
        )
        for remains in remains_of_each
    ]
    held = differences if knows else unsafe
    return lives, [text for life in lives for text in held(whole, life)]


async def _killed_again(scenario: Scenario, first: Remains, folder: Path, chance: random.Random) -> Restarted:
    struck, cut = [first], cuts_a_step(first)
    for _ in range(chance.randrange(1, _MOST_KILLS)):
        _, found = await live_on(scenario, struck[-1], folder / f"{struck[0].folder.name}-{len(struck)}")
        if not found:
            break
        struck.append(chance.choice(found))
        cut = cut or cuts_a_step(struck[-1])
    return await restart(scenario, struck[-1], *struck[:-1], cut=cut)


def real_kills(seed: int, budget: timedelta) -> Trial:
    """SIGKILL a real server at each boundary of its life, in an order by chance, while there is time."""
    ends_at = time.monotonic() + budget.total_seconds()
    places, violations = _strike("")
    random.Random(seed).shuffle(places)
    cases = 1
    for place in places:
        if time.monotonic() > ends_at:
            break
        _, found = _strike(place)
        cases += 1
        violations += found
    return Trial(
        promise="A real server that is killed at any boundary loses nothing and does nothing twice",
        cases=cases,
        violations=violations,
    )


def _strike(place: str) -> tuple[list[str], list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        receiver = Receiver(Path(folder), free_port())
        life = StruckLife(receiver)
        try:
            life.live(place)
            return life.boundaries(), list(life.violations(place))
        except AssertionError as error:
            return [], [f"{place}: {error}"]
        finally:
            receiver.stop()
