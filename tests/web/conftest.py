"""A site for tests that need nothing special of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.site import Site, site


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Site]:
    """Serve one policy without guards."""
    async with site(tmp_path) as serving:
        yield serving
