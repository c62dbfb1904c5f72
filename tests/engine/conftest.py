"""Worlds that end with their test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.world import POLICY, World

Begin = Callable[..., Awaitable[World]]


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Begin]:
    """Begin worlds in the test's folder; a second one is what a restart finds."""
    worlds: list[World] = []

    async def start(*policies: str, **settings: Any) -> World:
        worlds.append(await World.begin(tmp_path, *(policies or (POLICY,)), **settings))
        return worlds[-1]

    yield start
    for world in worlds:
        await world.end()
