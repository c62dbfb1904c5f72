"""Storms of alerts, one row each: from when to when, so that a restart is still in the middle of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """A time in which only what matters most was acted on."""

    id: int = 0
    began_at: datetime
    calm_since: datetime | None = None
    """Since when so few new alerts came that it may be over."""
    ended_at: datetime | None = None
