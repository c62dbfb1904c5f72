"""A receiver that ends with its test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import free_port
from tests.e2e.receiver import Receiver


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """A receiver that is not started yet, on a port that was free a moment ago."""
    made = Receiver(tmp_path, free_port())
    yield made
    made.stop()
