"""Records of schedules: where each stands, one row a policy, however often it is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ScheduleResult(StrEnum):
    """What came of the last due time."""

    OPENED = "opened"
    """An episode was opened, and decided as any other."""
    OPEN_STILL = "open_still"
    """The episode before was not over: nothing is piled up on it."""
    NOTHING_TO_DO = "nothing_to_do"
    MISSED = "missed"
    """The server was down, and too late for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Where one policy's schedule stands. Moved on in the transaction that opens the episode: a due
    time is started once or not at all."""

    id: int = 0
    policy: str
    cron: str
    timezone: str
    next_due_at: datetime | None
    """None: the policy is gone, or has no schedule any more."""
    last_due_at: datetime | None = None
    result: ScheduleResult | None = None
    result_since: datetime | None = None
    """The due time since which the result has been the same."""
