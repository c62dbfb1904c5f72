"""A database of weeks, made once."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from tests.engine.world import World
from tests.jobs.lived import (
    POLICIES,
    live,
)


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime]:
    """A server's folder after 45 days, and the time."""
    folder = tmp_path_factory.mktemp("lived")

    async def live_on() -> datetime:
        world = await World.begin(folder, *POLICIES)
        for number in range(45):
            await live(world, number)
        while await world.store.advance_index():
            pass
        await world.end()
        return world.clock.now()

    return folder, asyncio.run(live_on())
