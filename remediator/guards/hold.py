"""`hold`: a person paused automation here."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel

from remediator.guards.base import BaseGuard, Look, NoParams, allow, deny, iso
from remediator.runs.reasons import Reason
from remediator.runs.records import Hold, HoldScope
from remediator.runs.verdicts import Verdict


class HoldGuard(BaseGuard):
    """Denies under a hold on everything, on the policy or on the target."""

    name: ClassVar[str] = "hold"
    summary: ClassVar[str] = "Nothing runs under a hold on everything, the policy or the target."
    params: ClassVar[type[BaseModel]] = NoParams
    by_hand: ClassVar[bool] = True

    def evaluate(self, params: NoParams, look: Look, key: str) -> Verdict:  # noqa: ARG002
        """Look for one."""
        holds = [hold for hold in look.history.holds if _active(hold, look.now) and _covers(hold, look)]
        if not holds:
            return allow(self.name, key, "no hold")
        detail = "; ".join(
            f"hold {hold.id} on {hold.value or 'everything'} by {hold.created_by}: {hold.reason}"
            for hold in holds
        )
        ends = [hold.expires_at for hold in holds if hold.expires_at is not None]
        until = max(ends) if len(ends) == len(holds) else None
        inputs = {"hold_ids": [hold.id for hold in holds], "ends": iso(until) if until else None}
        return deny(self.name, key, Reason.HELD, detail, until=until, **inputs)


def _active(hold: Hold, now: datetime) -> bool:
    return hold.removed_at is None and (hold.expires_at is None or now < hold.expires_at)


def _covers(hold: Hold, look: Look) -> bool:
    if hold.scope is HoldScope.ALL:
        return True
    return hold.value == (look.policy if hold.scope is HoldScope.POLICY else look.target)
