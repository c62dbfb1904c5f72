"""What a job is: named periodic work."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol


class Job(Protocol):
    """Work that is done again and again. It keeps no truth of its own."""

    @property
    def name(self) -> str:
        """Its name, in logs."""
        ...

    @property
    def every(self) -> timedelta:
        """How often."""
        ...

    async def run(self) -> None:
        """Do it once."""
        ...
