"""`target_lock`: one run at a time on a target and on whatever it touches; the better one first."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel

from remediator.guards.base import BaseGuard, Look, LookPhase, NoParams, allow, deny
from remediator.guards.past_starts import is_own
from remediator.runs.history import Waiting
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict

_AUTOMATIC = (LookPhase.ADMISSION, LookPhase.ENTRY)


class TargetLock(BaseGuard):
    """Denies while another run holds a lock, or while a better admission waits for the target."""

    name: ClassVar[str] = "target_lock"
    summary: ClassVar[str] = "One run at a time on a target and on every resource it can change."
    params: ClassVar[type[BaseModel]] = NoParams
    by_hand: ClassVar[bool] = True

    def evaluate(self, params: NoParams, look: Look, key: str) -> Verdict:  # noqa: ARG002
        """Look at the locks, then at who waits."""
        needed = {f"target:{look.target}", *look.resources}
        taken = [
            claim
            for claim in look.history.claims
            if claim.resource in needed and not is_own(look, claim.run_id)
        ]
        inputs: dict[str, Any] = {
            "needs": sorted(needed),
            "taken": {claim.resource: claim.run_id for claim in taken},
        }
        if taken:
            detail = ", ".join(f"run {claim.run_id} holds {claim.resource}" for claim in taken)
            return deny(self.name, key, Reason.TARGET_BUSY, detail, **inputs)
        better = _first_better(look)
        if better is not None:
            detail = f"{better.policy} (priority {better.priority}) waits for {better.target} and goes first"
            return deny(self.name, key, Reason.TARGET_BUSY, detail, yields_to=better.admission_id, **inputs)
        return allow(self.name, key, "free", **inputs)


def _first_better(look: Look) -> Waiting | None:
    if look.phase is LookPhase.MANUAL:
        return None  # a person does not queue behind what would start by itself
    own = next((one for one in look.history.waiting if one.admission_id == look.admission_id), None)
    better = [
        one
        for one in look.history.waiting
        if one is not own and one.target == look.target and _goes_first(one, own, look)
    ]
    return min(better, key=_place, default=None)


def _goes_first(other: Waiting, own: Waiting | None, look: Look) -> bool:
    if other.priority != look.priority:
        return other.priority < look.priority
    if own is not None:
        return _place(other) < _place(own)
    # Whoever does not wait yet came later than those who do. A run that is about to act was
    # let through already; among equals it would never get its turn if it let others pass.
    return look.phase in _AUTOMATIC


def _place(one: Waiting) -> tuple[int, datetime, int]:
    return (one.priority, one.since, one.admission_id)
