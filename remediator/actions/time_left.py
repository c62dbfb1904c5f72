"""How much of an attempt's time is left, for attempts that make several calls."""

from __future__ import annotations

import asyncio
from datetime import timedelta

_LEAST = timedelta(seconds=1)


class TimeLeft:
    """Counts down from the moment it is made."""

    def __init__(self, whole: timedelta) -> None:
        self._ends_at = asyncio.get_running_loop().time() + whole.total_seconds()

    def now(self) -> timedelta:
        """Return what is left; at the end always a little, so that a last call fails by itself."""
        left = timedelta(seconds=self._ends_at - asyncio.get_running_loop().time())
        return max(left, _LEAST)

    @property
    def over(self) -> bool:
        """Whether time has run out."""
        return asyncio.get_running_loop().time() >= self._ends_at
