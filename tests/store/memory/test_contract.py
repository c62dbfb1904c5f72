"""The store in memory keeps the promises of the one that serves: the same tests, another fixture."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from remediator.store.base import Store
from remediator.store.sqlite.memory import open_memory_store
from tests.store.test_contract_pages import *  # noqa: F403
from tests.store.test_contract_reads import *  # noqa: F403
from tests.store.test_contract_writes import *  # noqa: F403


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = open_memory_store()
    yield opened
    await opened.close()
