"""`loop`: stop a policy whose runs bring their own alert back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import BaseModel, Field

from remediator.durations import PositiveDuration, format_duration
from remediator.guards.base import BaseGuard, GuardParams, Look, LookPhase, allow, deny, iso
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict


class LoopParams(GuardParams):
    """What is a loop, and for how long it blocks."""

    times: int = Field(default=3, ge=1, description="Returns in a row that make a loop.")
    within: PositiveDuration = Field(
        default=timedelta(minutes=10),
        description="An alert that fires so soon after a run, or a revert, on the same target is a return.",
    )
    per: PositiveDuration = Field(
        default=timedelta(days=1), description="Within how long so many returns make a loop."
    )
    cool_off: PositiveDuration = Field(
        default=timedelta(hours=1),
        description="How long after the last return it blocks, unless a person closes it.",
    )


class Loop(BaseGuard):
    """Counts returns in a row, by the openings of this policy's alerts on this target.

    Other than a relapse, a return counts whatever the run's end was, whether it is the same alert
    or another that this policy answers, and after the revert of a temporary change as well. An
    alert that stays away for longer than `within` begins a new row. Further runs for an alert that
    never went away (`again`) are no return. `remediator policies close-breaker` forgives what was.
    """

    name: ClassVar[str] = "loop"
    summary: ClassVar[str] = "Stops a policy whose runs bring their own alert back, again and again."
    params: ClassVar[type[BaseModel]] = LoopParams

    def window(self, params: LoopParams) -> timedelta:
        """As far back as a return can still keep it blocked, and the run before it."""
        return params.per + params.cool_off + params.within

    def elsewhere_window(self, params: LoopParams) -> timedelta:  # noqa: ARG002
        """What happens on other targets is another loop."""
        return timedelta(0)

    def evaluate(self, params: LoopParams, look: Look, key: str) -> Verdict:
        """Walk the openings, oldest first; at exactly `cool_off` after the last return it allows."""
        row, looped_at = _walk(params, look)
        detail = f"{len(row)} of {params.times} returns in a row"
        inputs = {"returns": [iso(at) for at in row], "max": params.times}
        if looped_at is None or look.now >= looped_at + params.cool_off:
            return allow(self.name, key, detail, **inputs)
        detail = (
            f"the alert came back within {format_duration(params.within)} of a run {params.times} times "
            f"in a row, last at {iso(looped_at)}"
        )
        until = looped_at + params.cool_off
        return deny(self.name, key, Reason.LOOP, detail, until=until, **inputs)


def _walk(params: LoopParams, look: Look) -> tuple[list[datetime], datetime | None]:
    """Return the returns of the present row, and when a row was last long enough."""
    row: list[datetime] = []
    looped_at: datetime | None = None
    counted: datetime | None = None
    for opened_at in _openings(look):
        ended_at = max((at for at in look.history.ends if at < opened_at), default=None)
        if ended_at is None or opened_at - ended_at > params.within:
            row = []
        elif ended_at != counted:  # several alerts after one run are one return
            row, counted = [*row, opened_at], ended_at
            recent = sum(at > opened_at - params.per for at in row)
            looped_at = opened_at if recent >= params.times else looped_at
    return row, looped_at


def _openings(look: Look) -> list[datetime]:
    forgiven = look.history.breaker_closed_at
    openings = set(look.history.openings)
    if look.phase is LookPhase.ADMISSION:
        openings.add(look.now)  # the alert that is looked at, which has no admission yet
    return sorted(at for at in openings if forgiven is None or at > forgiven)
