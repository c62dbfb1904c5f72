"""Folders in memory: a kill, unlike a power cut, loses nothing that was written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import free_port
from tests.e2e.receiver import Receiver
from tests.engine.conftest import begin

__all__ = ["begin"]

IN_MEMORY = Path("/dev/shm")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is such a thing, for lives that commit thousands of times."""
    if not IN_MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as made:
        yield Path(made)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """A receiver that is not started yet."""
    made = Receiver(tmp_path, free_port())
    yield made
    made.stop()
