"""What cron expressions mean, for whoever loads policies and whoever starts them; `jobs` knows how."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Calendar(Protocol):
    """Reads cron expressions."""

    def fault(self, cron: str, timezone: str) -> str | None:
        """Say what is wrong with an expression, as `what; what to do`, or None."""
        ...

    def next_after(self, cron: str, timezone: str, moment: datetime) -> datetime | None:
        """Return the first due time after `moment`, in UTC; None when there is none any more."""
        ...
