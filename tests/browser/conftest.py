"""One Chromium for all tests here, on the event loop of the session: tests take it by their mark."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.browser import Visitor, chromium


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def started() -> AsyncIterator[Browser]:
    """The browser."""
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(started: Browser) -> AsyncIterator[Visitor]:
    """Somebody with a browser, whose console has to stay silent."""
    visiting = Visitor(started)
    yield visiting
    await visiting.leave()
    assert visiting.faults == []
