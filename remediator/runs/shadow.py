"""What shadow saw: after a decision that was only written down, the checks are looked at all the same.

Nothing acted. What a look sees is what the world did by itself, or by people's hands, and never a
claim that acting would have worked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from remediator.runs.plan import Plan
from remediator.runs.reasons import CloseReason


class WouldVerify(StrEnum):
    """What the plan's verification would have seen, had it looked at this world in which nothing acted."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class ShadowReason(StrEnum):
    """Why an observation ended as it did."""

    HELD = "held"
    """The checks held for as long as `stable_for` says."""
    NOT_HELD = "not_held"
    """Every look was answered, and the checks did not hold in time."""
    UNANSWERED = "unanswered"
    """Some looks could not be asked, and without them the checks did not hold in time."""
    MISSED = "missed"
    """Nobody looked when it was due: the server was down, or too busy."""
    NO_VERIFICATION = "no_verification"
    """The plan has no check to look at."""
    TOO_MANY = "too_many"
    """As many observations were under way as there may be."""
    POLICY_REMOVED = "policy_removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowObservation:
    """What became of one shadow decision that had a plan."""

    id: int = 0
    decision_id: int
    episode_id: int
    policy: str
    policy_hash: str
    target: str
    option: str
    plan: Plan
    """What would have been done: a reload changes neither it nor its checks."""
    asks: Any
    """Who would have been asked first: level, from, count and expires, in order."""
    decided_at: datetime
    steps_end_at: datetime
    """When the steps would have ended, by estimate: the window's begin."""
    look_until: datetime
    """The checks must begin to hold by then."""
    looks: int = 0
    """How often the checks were looked at within the window."""
    unanswered: int = 0
    """How many of these looks could not be asked."""
    missed: int = 0
    """How often a look came much too late to say what was before it."""
    looked_at: datetime | None = None
    held_at_decision: bool | None = None
    """Whether the checks held before anything could have been done; None when that was not seen."""
    first_held_at: datetime | None = None
    held_since: datetime | None = None
    """Within the window: since when the checks have held without a break."""
    last_look: Any = None
    """What the last look saw, check by check."""
    guards_later: Any = None
    """For a plan that asks: what guards said when its steps would have ended; denials only."""
    would_verify: WouldVerify | None = None
    reason: ShadowReason | None = None
    finished_at: datetime | None = None
    resolved_at: datetime | None = None
    """When the alert's episode closed."""
    close_reason: CloseReason | None = None

    @property
    def pending(self) -> bool:
        """Whether somebody still looks."""
        return self.finished_at is None
