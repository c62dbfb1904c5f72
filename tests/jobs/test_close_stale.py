"""Sources that can't be asked: silence for long enough closes what they told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from remediator.jobs.close_stale import CloseStale
from remediator.runs.reasons import CloseReason
from remediator.settings import Source
from tests.engine.world import World

STALE = timedelta(hours=24)


async def test_what_was_not_heard_of_for_long_is_presumed_resolved_and_nothing_else(tmp_path: Path) -> None:
    world = await World.begin(tmp_path)
    sources = {
        "default": Source(stale_after=STALE),
        "asked": Source.model_validate({"url": "http://127.0.0.1:1", "stale_after": "1m"}),
    }
    job = CloseStale(sources, world.store, world.clock, world.parts.dispatcher)
    await world.fire(fingerprint="silent")
    await world.fire(fingerprint="repeated")
    world.clock.jump(STALE - timedelta(seconds=1))
    await job.run()
    assert await open_ones(world) == {"silent", "repeated"}
    await world.fire(fingerprint="repeated")
    world.clock.jump(timedelta(seconds=1))
    await job.run()
    assert await open_ones(world) == {"repeated"}
    closed = await world.store.read(lambda reads: reads.last_closed_episode("default", "silent"))
    assert closed is not None
    assert closed.close_reason is CloseReason.PRESUMED_RESOLVED
    await world.end()


async def open_ones(world: World) -> set[str]:
    return {one.fingerprint for one in await world.store.read(lambda reads: reads.open_episodes())}
